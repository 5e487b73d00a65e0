"""The pages of an Ogg file (RFC 3533): where its links begin, and which is the last page.

Ogg files may be joined: each *link* of such a chain is a file of its own. Links are told apart by
their serial numbers, which programs do not always change, so that a link is found here by the
marks on its first pages.
"""

from __future__ import annotations

from earmark.audio.files import View

MOST_LINKS = 1_000
END_OF_STREAM = 0x04
PAGE_HEADER = 27  # bytes, and one for each of its segments
LONGEST_PAGE = 65_307  # bytes

_BEGIN_OF_STREAM = 0x02
_FURTHEST_PAGE = 1 << 24  # bytes from the end that are searched for the last page
_MARK = b"OggS\0"  # with the version, which has always been 0
_BLOCK = 1 << 18


def page_length(header: bytes) -> int | None:
    """Return the length of the page that a header begins; None where the header is cut off."""
    if len(header) < PAGE_HEADER or len(header) < PAGE_HEADER + header[26]:
        return None
    segments = header[PAGE_HEADER : PAGE_HEADER + header[26]]
    return PAGE_HEADER + len(segments) + sum(segments)


def find_links(file: View) -> list[View]:
    """Return the links of an Ogg file as files of their own, at most ``MOST_LINKS``.

    Parameters
    ----------
    file
        The file; it need not begin with a page.
    """
    starts: list[int] = []
    is_begin, at = False, 0
    buffer, begin = b"", 0
    while at < file.size and len(starts) <= MOST_LINKS:
        if not begin <= at <= begin + len(buffer) - PAGE_HEADER - 255:
            # Pages are some thousand bytes long; a large one is jumped over.
            buffer, begin = file.peek(at, 1 << 16), at
        header = buffer[at - begin : at - begin + PAGE_HEADER + 255]
        length = page_length(header) if header.startswith(_MARK) else None
        if length is None:
            found = _next_page(file, at + 1)
            if found is None:
                break
            at = found
            continue
        was_begin, is_begin = is_begin, bool(header[5] & _BEGIN_OF_STREAM)
        if is_begin and not was_begin:
            starts.append(at)
        at += length
    if not starts:
        return [file]
    starts[0] = 0
    ends = [*starts[1:], file.size]
    return [file.part(start, end) for start, end in zip(starts, ends, strict=True)][:MOST_LINKS]


def _next_page(file: View, at: int) -> int | None:
    while block := file.peek(at, _BLOCK):
        place = block.find(_MARK)
        if place >= 0:
            return at + place
        if len(block) < _BLOCK:
            return None
        at += _BLOCK - len(_MARK)
    return None


def last_page(file: View) -> tuple[int, bytes] | None:
    """Find the last page of an Ogg file, be it whole or not.

    Returns
    -------
    tuple of int and bytes, or None
        Where the page begins and its header, which is short where the file ends in it.
    """
    end = file.size
    while end > max(0, file.size - _FURTHEST_PAGE):
        begin = max(0, end - LONGEST_PAGE)
        block = file.peek(begin, end - begin + 4)  # a mark can lie across two blocks
        at = block.rfind(_MARK)
        if at >= 0:
            return begin + at, file.peek(begin + at, PAGE_HEADER + 255)
        end = begin
    return None
