"""Any sound file in, mono samples out: at any rate, in blocks, or one span at a time.

``open_recording`` is the one way in. It never loads a whole file, never trusts a length that a
header claims, and raises one of the errors under :class:`earmark.errors.AudioError` when a file
cannot be used.
"""

from earmark.audio.names import AUDIO_EXTENSIONS, FILM_EXTENSIONS, is_audio_name
from earmark.audio.recording import MAX_DURATION, MIN_DURATION, Recording, open_recording

__all__ = [
    "AUDIO_EXTENSIONS",
    "FILM_EXTENSIONS",
    "MAX_DURATION",
    "MIN_DURATION",
    "Recording",
    "is_audio_name",
    "open_recording",
]
