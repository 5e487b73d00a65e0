"""ONNX Runtime, with its telemetry switched off: the one place that imports it.

Its wheels since 1.29 write a device's number and a queue of events below the home folder
(``~/.cache/Microsoft/DeveloperTools/.onnxruntime``) and send them from time to time. The variable
is read when the library is loaded, so it must be set before the first import; processes that are
started from here inherit it. ``tests/test_offline.py`` watches what every command opens and writes.
"""

from __future__ import annotations

import os

QUIET = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""What tells dependencies, those of extras too, to neither send nor store anything of theirs."""

os.environ.update(QUIET)

import onnxruntime  # noqa: E402

__all__ = ["QUIET", "onnxruntime"]
