"""Which files of a folder look like music by their names.

Names decide only what a scan of a folder takes up. What a file is, once it is opened, its content
decides.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_MOST_ENDINGS = 12

# fmt: off
AUDIO_EXTENSIONS: frozenset[str] = frozenset(
    {
        ".3gp", ".8svx", ".aa3", ".aac", ".ac3", ".adts", ".adt", ".aif", ".aifc", ".aiff",
        ".alac", ".amb", ".amr", ".ape", ".asf", ".at3", ".au", ".awb", ".bwf", ".caf",
        ".dff", ".dsf", ".dts", ".dtshd", ".eac3", ".ec3", ".flac", ".iff", ".latm",
        ".loas", ".m4a", ".m4b", ".m4r", ".mka", ".mlp", ".mp+", ".mp1", ".mp2", ".mp3",
        ".mp4", ".mpa", ".mpc", ".mpga", ".mpp", ".nist", ".oga", ".ogg", ".ogx", ".oma",
        ".opus", ".ra", ".rf64", ".rm", ".shn", ".snd", ".sph", ".spx", ".tak", ".thd",
        ".truehd", ".tta", ".voc", ".vorbis", ".w64", ".wav", ".wave", ".weba", ".webm",
        ".wma", ".wv", ".xwma",
    }
)
"""Extensions, in lower case and with their dot, of files that usually hold sound."""

FILM_EXTENSIONS: frozenset[str] = frozenset(
    {
        ".3g2", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov",
        ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rmvb",
        ".ts", ".vob", ".wmv", ".wtv",
    }
)
"""Extensions of films, whose sound can be used as well; a scan takes them only when asked."""
# fmt: on


def is_audio_name(
    path: str | bytes | os.PathLike[str] | os.PathLike[bytes], *, films: bool = False
) -> bool:
    """Tell whether a folder scan should take up a file, by its name alone.

    Parameters
    ----------
    path
        A file name or a path; nothing needs to exist there.
    films
        Whether films are taken, too.

    Returns
    -------
    bool
        True for the names that end in one of ``AUDIO_EXTENSIONS``, in any case. False for hidden
        files: macOS leaves ``._song.mp3`` beside every ``song.mp3`` on foreign disks, and those
        hold no sound.

    Examples
    --------
    >>> is_audio_name("Blues/01 Crossroads.MP3")
    True
    >>> is_audio_name("Blues/cover.jpg")
    False
    """
    if is_hidden(path):
        return False
    ending = ending_of(path)
    return ending in AUDIO_EXTENSIONS or (films and ending in FILM_EXTENSIONS)


def is_hidden(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> bool:
    """Tell whether a name begins with a dot: nobody expects such files to be taken."""
    return os.path.basename(os.fsdecode(path)).startswith(".")  # noqa: PTH119


def ending_of(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """Return the extension of a name in lower case with its dot; "" where there is none."""
    return os.path.splitext(os.path.basename(os.fsdecode(path)))[1].lower()  # noqa: PTH119, PTH122


def describe_left_out(endings: Mapping[str, int]) -> str | None:
    """Say how many files of a folder were left out for their names, by their endings.

    Parameters
    ----------
    endings
        How often each ending occurred, as :func:`ending_of` gives it.

    Returns
    -------
    str or None
        One line without an end; None where nothing was left out.

    Examples
    --------
    >>> describe_left_out({".jpg": 12, "": 1})
    'left out by their endings: 12 .jpg, 1 without ending (any file can be named)'
    """
    if not any(endings.values()):
        return None
    ranked = sorted(endings.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{count} {ending or 'without ending'}" for ending, count in ranked[:_MOST_ENDINGS]]
    rest = sum(count for _, count in ranked[_MOST_ENDINGS:])
    if rest:
        told.append(f"{rest} others")
    films = "--films takes films; " if endings.keys() & FILM_EXTENSIONS else ""
    return f"left out by their endings: {', '.join(told)} ({films}any file can be named)"
