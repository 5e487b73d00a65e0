"""What the first bytes of a file say that it is."""

from __future__ import annotations

from earmark.audio.files import View

# (offset, bytes): a file that begins so was meant to be sound or film, even where no decoder can
# open what is left of it.
_SOUND: tuple[tuple[int, bytes], ...] = (
    (8, b"WAVE"),
    (8, b"AIFF"),
    (8, b"AIFC"),
    (0, b"RF64"),
    (0, b"riff"),
    (0, b".snd"),
    (0, b"caff"),
    (0, b"fLaC"),
    (0, b"OggS"),
    (0, b"ID3"),
    (0, b"APETAGEX"),
    (4, b"ftyp"),
    (0, b"\x1a\x45\xdf\xa3"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    (0, b"MAC "),
    (0, b"wvpk"),
    (0, b"TTA1"),
    (0, b"MPCK"),
    (0, b"MP+"),
    (0, b"tBaK"),
    (0, b"#!AMR"),
)

# Files whose own sizes say where their sound ends, whatever stands behind it.
_CONTAINERS: tuple[tuple[int, bytes], ...] = (
    (8, b"WAVE"),
    (8, b"AIFF"),
    (8, b"AIFC"),
    (0, b"riff"),
    (0, b".snd"),
    (0, b"dns."),
    (0, b"caff"),
    (0, b"OggS"),
    (4, b"ftyp"),
    (0, b"\x1a\x45\xdf\xa3"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    (0, b"DSD "),
    (0, b"FRM8"),
)

_SYNTH = "it holds notes and no sound; turn it into sound first, for example with FluidSynth"
_PLAYER = "turn it into sound first, for example with openmpt123 --render"
_GAME = "turn it into sound first, with a player for it that can save WAV"
_MODULE = (
    f"this is a tracker module, which holds notes and samples and no finished sound; {_PLAYER}"
)
_CHIP = f"this is a program for the sound chip of an old computer, and no sound; {_GAME}"
_PROTECTED = "it is protected against copying (DRM); only its seller's own programs can play it"
_UNKNOWN_CODEC = "no decoder for it is at hand; turn it into FLAC with its own program"

_OTHERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"MThd", f"this is MIDI: {_SYNTH}"),
    (8, b"RMIDdata", f"this is MIDI: {_SYNTH}"),
    (0, b"XMF_", f"this is MIDI: {_SYNTH}"),
    *(
        (at, mark, _MODULE)
        for at, mark in (
            (0, b"Extended Module: "),
            (0, b"IMPM"),
            (44, b"SCRM"),
            (44, b"PTMF"),
            (0, b"MTM\x10"),
            (0, b"MMD0"),
            (0, b"MMD1"),
            (0, b"MMD2"),
            (0, b"MMD3"),
            (0, b"OKTASONG"),
            (0, b"MAS_UTrack_V00"),
            (0, b"AMF\x0e"),
            (0, b"DBM0"),
            (0, b"DIGI Booster module\0"),
            (0, b"MO3"),
            (0, b"GDM\xfe"),
            (20, b"!Scream!\x1a"),
            (20, b"BMOD2STM\x1a"),
            (1080, b"M.K."),
            (1080, b"M!K!"),
            (1080, b"M&K!"),
            (1080, b"N.T."),
            (1080, b"FLT4"),
            (1080, b"FLT8"),
            (1080, b"CD81"),
            (1080, b"OKTA"),
            (1080, b"OCTA"),
            *((1080, b"%dCHN" % n) for n in range(1, 10)),
            *((1080, b"%dCH" % n) for n in range(10, 33)),
            *((1080, b"TDZ%d" % n) for n in range(1, 4)),
        )
    ),
    *(
        (0, mark, _CHIP)
        for mark in (
            b"PSID",
            b"RSID",
            b"NESM\x1a",
            b"SNES-SPC700",
            b"GBS\x01",
            b"Vgm ",
            b"ZXAYEMUL",
        )
    ),
    (0, b"OFR ", f"this is OptimFROG; {_UNKNOWN_CODEC}"),
    (0, b"LA02", f"this is LA (Lossless Audio); {_UNKNOWN_CODEC}"),
    (0, b"LA03", f"this is LA (Lossless Audio); {_UNKNOWN_CODEC}"),
    (0, b"LA04", f"this is LA (Lossless Audio); {_UNKNOWN_CODEC}"),
    (8, b"M4P ", _PROTECTED),
    (4, b"\x57\x90\x75\x36", _PROTECTED),
)


def is_meant_as_sound(head: bytes) -> bool:
    """Tell whether the first bytes are those of a sound or film file, whole or not."""
    if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # an MPEG layer III header
        return True
    return any(head[at:].startswith(mark) for at, mark in _SOUND)


def states_its_end(head: bytes) -> bool:
    """Tell whether a file that begins so says itself where its sound ends."""
    return any(head[at:].startswith(mark) for at, mark in _CONTAINERS)


def why_no_sound(file: View) -> str | None:
    """Say what a file is that has to do with sound but holds none that can be decoded.

    Parameters
    ----------
    file
        The file, or what is left of it behind tags.

    Returns
    -------
    str or None
        What it is and what to do; None where nothing is known of it.
    """
    head = file.peek(0, 1200)
    return next((why for at, mark, why in _OTHERS if head[at:].startswith(mark)), None)
