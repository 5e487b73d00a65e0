"""The command line as somebody runs it who may not go everywhere; root may, but for this."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from support.command import Ran
from support.programs import find_or_skip
from support.skips import NOT_ROOT, is_root, skip

_CODE = """
import contextlib, io, json, sys
from earmark.cli import main

def run(arguments):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = ["earmark", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
        except Exception as error:
            code = repr(error)
    return code, out.getvalue(), err.getvalue()

if __name__ == "__main__":
    print(json.dumps([run(arguments) for arguments in json.load(sys.stdin)]))
"""


def run_locked_out(commands: Sequence[Sequence[object]], **environment: str) -> list[Ran]:
    """Run commands in a process that file permissions hold for, whoever runs the tests."""
    prefix: list[str] = []
    if is_root():
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        find_or_skip("setpriv")
        if subprocess.run([*prefix, "true"], capture_output=True).returncode:
            skip("root may enter every folder, and cannot give that up here", NOT_ROOT)
    done = subprocess.run(
        [*prefix, sys.executable, "-c", _CODE],
        input=json.dumps([list(map(str, arguments)) for arguments in commands]),
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return [Ran(*ran) for ran in json.loads(done.stdout)]
