"""A plugin of MusicBrainz Picard, 2 and 3: genres by sound.

Select files, tracks, clusters or albums; in the context menu, below Plugins, choose "Genre by
sound". Files without a genre get one in Picard's list, where the answer is sure; Picard writes it
when they are saved. What hears the files is the command ``earmark``, in a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial

from picard import log
from picard.util import iter_files_from_objects, thread

try:
    from picard.plugin3.api import BaseAction
except ImportError:
    from picard.ui.itemviews import (
        BaseAction,
        register_album_action,
        register_cluster_action,
        register_file_action,
        register_track_action,
    )

    IS_PICARD_3 = False
else:
    IS_PICARD_3 = True

PLUGIN_NAME = "Earmark: genre by sound"
PLUGIN_AUTHOR = "The Earmark developers"
PLUGIN_DESCRIPTION = "Gives files without a genre the one that they sound like, where it is sure."
PLUGIN_VERSION = "1.0.0"
PLUGIN_API_VERSIONS = ["2.13"]
PLUGIN_LICENSE = "MIT"
PLUGIN_LICENSE_URL = "https://opensource.org/license/mit"

AT_A_TIME = 50
"""Files of one command; systems limit how long its line may be."""


def ask(paths):
    """Return what the command says of files, in their order: parsed lines of JSON.

    Raises
    ------
    OSError
        The command is not here.
    RuntimeError
        It could not answer; the message is its own.
    """
    command = os.environ.get("EARMARK_COMMAND") or shutil.which("earmark")
    if not command:
        raise FileNotFoundError("the command earmark is not found; set EARMARK_COMMAND to its path")
    # On Windows no window is to open for it.
    flags = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
    ran = subprocess.run(
        [command, "classify", "--json", "--", *paths],
        capture_output=True,
        creationflags=flags,
        check=False,
    )
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    if len(answers) != len(paths):
        raise RuntimeError(ran.stderr.decode("utf-8", "replace").strip() or "earmark was ended")
    return answers


def work(files):
    """Return the files with what is said of them; runs beside Picard's own thread."""
    said = []
    for start in range(0, len(files), AT_A_TIME):
        some = files[start : start + AT_A_TIME]
        said += zip(some, ask([file.filename for file in some]), strict=True)
    return said


def finish(result=None, error=None):
    """Put sure genres down; runs in Picard's own thread."""
    if error is not None:
        log.error("Earmark: %s", error)
        return
    n_sure = 0
    for file, answer in result:
        if "error" in answer:
            log.warning("Earmark: %s: %s", file.filename, answer["error"])
        elif answer["abstained"]:
            log.info("Earmark: %s: not sure: %s", file.filename, answer["reason"])
        # It may have got one meanwhile.
        elif not file.metadata.getall("genre"):
            file.metadata["genre"] = [answer["genre"]]
            file.update()
            n_sure += 1
    log.info("Earmark: %d of %d files got a genre", n_sure, len(result))


class GenreBySound(BaseAction):
    """The entry of the context menu."""

    NAME = TITLE = "Genre by sound"

    def callback(self, objs):
        """Hear the files of what is selected that have no genre."""
        files = [f for f in iter_files_from_objects(objs) if not f.metadata.getall("genre")]
        if files:
            thread.run_task(partial(work, files), finish)


def enable(api):
    """Put the entry into the menus of Picard 3."""
    api.register_file_action(GenreBySound)
    api.register_track_action(GenreBySound)
    api.register_cluster_action(GenreBySound)
    api.register_album_action(GenreBySound)


if not IS_PICARD_3:
    action = GenreBySound()
    register_file_action(action)
    register_track_action(action)
    register_cluster_action(action)
    register_album_action(action)
