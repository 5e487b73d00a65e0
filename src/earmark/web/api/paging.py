"""Lists that come page by page."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import request, url_for


def paged(total: int, page: int, per_page: int) -> tuple[dict[str, int], dict[str, str]]:
    """Return where a page is among all, and the header with the links to those beside it."""
    pages = max(1, -(-total // per_page))
    # Not by url_for's own arguments: what a client sends could be one of its options.
    asked: list[tuple[str, Any]] = [
        (name, value) for name, value in request.args.items(multi=True) if name != "page"
    ]
    links = [
        f'<{url_for(str(request.endpoint))}?{urlencode([*asked, ("page", number)])}>; rel="{name}"'
        for name, number in (("prev", page - 1), ("next", page + 1))
        if 1 <= number <= pages
    ]
    where = {"page": page, "per_page": per_page, "pages": pages, "total": total}
    return where, {"Link": ", ".join(links)} if links else {}
