"""Which files of a folder look like music by their names.

Names decide only what a scan of a folder takes up. What a file is, once it is opened, its content
decides.
"""

from __future__ import annotations

import os

AUDIO_EXTENSIONS: frozenset[str] = frozenset(
    {
        ".3gp",
        ".aac",
        ".ac3",
        ".aif",
        ".aifc",
        ".aiff",
        ".alac",
        ".amr",
        ".ape",
        ".asf",
        ".au",
        ".caf",
        ".dsf",
        ".dts",
        ".eac3",
        ".flac",
        ".m4a",
        ".m4b",
        ".m4r",
        ".mka",
        ".mp2",
        ".mp3",
        ".mp4",
        ".mpc",
        ".oga",
        ".ogg",
        ".opus",
        ".ra",
        ".rf64",
        ".snd",
        ".spx",
        ".tta",
        ".w64",
        ".wav",
        ".wave",
        ".weba",
        ".webm",
        ".wma",
        ".wv",
    }
)
"""Extensions, in lower case and with their dot, of files that usually hold sound."""


def is_audio_name(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> bool:
    """Tell whether a folder scan should take up a file, by its name alone.

    Parameters
    ----------
    path
        A file name or a path; nothing needs to exist there.

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
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_EXTENSIONS  # noqa: PTH122
