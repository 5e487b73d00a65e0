"""Which files of a folder look like music by their names.

Names decide only what a scan of a folder takes up. What a file is, once it is opened, its content
decides.
"""

from __future__ import annotations

import os

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
    name = os.path.basename(os.fsdecode(path))  # noqa: PTH119
    ending = os.path.splitext(name)[1].lower()  # noqa: PTH122
    is_wanted = ending in AUDIO_EXTENSIONS or (films and ending in FILM_EXTENSIONS)
    return is_wanted and not name.startswith(".")
