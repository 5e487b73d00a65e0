"""Worker processes that misbehave, for the tests of the pool; importable by a new process."""

from __future__ import annotations

import ctypes
import os
import time
from multiprocessing.connection import Connection
from pathlib import Path

from earmark.web import wire


def main(connection: Connection, *_: object) -> None:
    """Do what the request says."""
    wire.send(connection, {"kind": "ready"})
    while True:
        try:
            request, _ = wire.receive(connection)
        except EOFError:
            return
        match request["do"]:
            case "answer":
                wire.send(connection, {"kind": "heard", "pid": os.getpid()})
            case "wait":
                wire.send(connection, {"kind": "progress", "done": 0.0})
                while not Path(request["until"]).exists():
                    time.sleep(0.01)
            case "crash":
                # What a decoder written in C does with a hostile file.
                ctypes.string_at(0)
            case "exit":
                os._exit(3)
            case "babble":
                connection.send_bytes(b"\x80\x04not json")
            case "fail":
                wire.send(
                    connection,
                    {"kind": "failed", "error": "AudioSilent", "problem": "there is nothing in it"},
                )
                continue
        wire.send(connection, {"kind": "done"})


def never_ready(connection: Connection, *_: object) -> None:
    """End before being ready."""
    connection.close()
