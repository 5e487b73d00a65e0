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
        number = {"number": request["number"]}
        match request["do"]:
            case "answer":
                said = request.get("say")
                wire.send(connection, {"kind": "heard", "pid": os.getpid(), "said": said, **number})
                for _ in range(request.get("more", 0)):
                    wire.send(connection, {"kind": "picture", "said": said, **number})
            case "stray":
                # Words of a request that is long over, before and between those of this one.
                stray = {"number": request["number"] - 1}
                wire.send(connection, {"kind": "heard", "said": "stray", **stray})
                wire.send(connection, {"kind": "done", **stray})
                wire.send(connection, {"kind": "heard", "said": request.get("say"), **number})
                wire.send(connection, {"kind": "failed", "error": "x", "problem": "y"})
            case "wait":
                if "say" in request:
                    wire.send(connection, {"kind": "heard", "said": request["say"], **number})
                wire.send(connection, {"kind": "progress", "done": 0.0, **number})
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
                problem = {"error": "AudioSilent", "problem": "there is nothing in it"}
                wire.send(connection, {"kind": "failed", **problem, **number})
                continue
        wire.send(connection, {"kind": "done", **number})


def never_ready(connection: Connection, *_: object) -> None:
    """End before being ready."""
    connection.close()
