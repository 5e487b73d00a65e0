"""A headless Chromium that notes everything a page should not do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from playwright.sync_api import expect as expectations

from support.programs import find_or_skip

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"]

# Milliseconds until something that should appear is given up, however slow the machine.
PATIENCE = 60_000


SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
    }).observe({ type: "layout-shift", buffered: true });
"""
"""A script that adds up how far things jump, where that follows no click of half a second ago."""


def launch(playwright: Playwright, microphone: Path) -> Browser:
    """Start a browser whose microphone hears a sound file, again and again."""
    return playwright.chromium.launch(
        executable_path=find_or_skip("chromium"),
        args=[
            *FLAGS,
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}",
            "--autoplay-policy=no-user-gesture-required",
        ],
    )


class Watch:
    """What went wrong in a page: errors, requests to other hosts, breaches of the policy."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self.faults: list[str] = []

    def attach(self, context: BrowserContext) -> None:
        """Watch all pages of a context."""
        context.on("page", self._watch)
        context.add_init_script(
            "addEventListener('securitypolicyviolation', (event) =>"
            " console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"
        )

    def _watch(self, page: Page) -> None:
        page.on(
            "console",
            lambda said: (
                self.faults.append(f"console: {said.text}")
                if said.type in ("error", "warning")
                else None
            ),
        )
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", lambda request: self._check_host(request.url))

    def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != self._host:
            self.faults.append(f"request: {url}")


def violations(
    page: Page, axe: str, within: str | None = None, tags: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return what axe-core finds wrong in a page.

    It would also describe all that it finds right, which takes longer than to look.

    Parameters
    ----------
    page
        Where.
    axe
        The source of axe-core.
    within
        What to look at, as CSS names it; None: all.
    tags
        Of the rules; none: those of axe-core itself.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe)
    options = {"resultTypes": ["violations"], **({"runOnly": list(tags)} if tags else {})}
    found: list[dict[str, Any]] = page.evaluate(
        "([within, options]) => axe.run(within ?? document, options).then((all) => all.violations)",
        [within, options],
    )
    return found


@contextmanager
def opened(browser: Browser, url: str, *, expect: str = "", **options: object) -> Iterator[Page]:
    """Open a page in a context of its own, and see at the end that nothing went wrong.

    Parameters
    ----------
    browser, url
        Where.
    expect
        Part of a console message that belongs to the test, such as that of a 415.
    options
        Of the context.
    """
    # Tests read English, whatever the machine speaks.
    settings: dict[str, Any] = {"base_url": url, "locale": "en-US", **options}
    context = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE)
    expectations.set_options(timeout=PATIENCE)
    watch = Watch(url)
    watch.attach(context)
    try:
        page = context.new_page()
        yield page
        unexpected = [fault for fault in watch.faults if not expect or expect not in fault]
        assert unexpected == []
    finally:
        context.close()
