"""Opening a container by FFmpeg through PyAV, so that it opens nothing else."""

from __future__ import annotations

from typing import Any

# FFmpeg also knows "formats" that are lists of other files or addresses to open (HLS, concat,
# SDP, image sequences). A file that somebody sends must not make it open anything else.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,asf_o,ogg,flac,wav,w64,aiff,au,caf,mp3,aac,loas,"
    "ac3,eac3,dts,dtshd,truehd,mlp,ape,wv,tta,tak,mpc,mpc8,avi,flv,mpeg,mpegts,amr,amrnb,amrwb,"
    "rm,voc,dsf,iff,oma,shn,xwma,nut,wtv,mxf,ivf,swf,mpegvideo,h264,hevc,m4v,spdif"
)
_BUFFER = 1 << 16  # bytes that are read at a time
_OPTIONS = {"protocol_whitelist": "none", "format_whitelist": _FORMATS}


def open_container(file: Any, form: str | None = None, *, edits: bool = True) -> Any:
    """Return the container that a file holds.

    Parameters
    ----------
    file
        What can be read and sought.
    form
        FFmpeg's name of the format, where the content does not tell.
    edits
        Whether samples that an edit list leaves out are left out.

    Raises
    ------
    av.error.FFmpegError, ValueError, OSError
        FFmpeg does not know it. Of broken files PyAV raises others as well.
    """
    # Imported when a file is opened: a process whose workers do that needs no decoder.
    import av

    options = _OPTIONS if edits else {**_OPTIONS, "ignore_editlist": "1"}
    return av.open(
        file, format=form, options=options, metadata_errors="replace", buffer_size=_BUFFER
    )
