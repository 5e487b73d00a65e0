"""Which genres the files of songs could be given, for songs of the server's folder of music."""

from __future__ import annotations

from collections.abc import Sequence

from earmark.errors import AudioError, TagError, WorkerError
from earmark.library import Library
from earmark.tagging.containers import mutagen_module
from earmark.tagging.plan import Proposal
from earmark.tagging.propose import Answer, Left, Mode, Rules, decide, see
from earmark.web.errors import BadRequest
from earmark.web.songs.jobs import Job
from earmark.web.songs.music_folder import MusicFolder
from earmark.workers import WorkerPool


def plan_of_tags(
    pool: WorkerPool, music: MusicFolder, library: Library, jobs: Sequence[Job], mode: Mode
) -> tuple[list[Proposal], list[Left]]:
    """Return what is proposed for the files of some songs, and which stay as they are.

    Parameters
    ----------
    pool
        Its processes read the tags of files.
    music
        Where the files lie.
    library
        Its genres are known as such, also where a file joins several in one text.
    jobs
        Songs that were answered.
    mode
        See `Rules`.

    Raises
    ------
    BadRequest
        A song is not answered yet, or its file does not lie in the folder of music.
    TagsNotSupported
        What reads tags is not installed.
    """
    mutagen_module()
    for job in jobs:
        if job.answer is None:
            raise BadRequest(f"{job.name}: is not answered yet; ask again in a moment")
        if job.upload:
            raise BadRequest(f"{job.name}: was sent, so its own file is not known to the server")
    known, rules, root = list(library.genres()), Rules(mode=mode), str(music.root)
    calls = [
        (job, pool.call(see, str(job.file), known, name=job.name, behind=True)) for job in jobs
    ]
    proposals, left = dict[str, Proposal](), dict[str, Left]()
    for job, call in calls:
        path, answer = str(job.file), job.answer
        if answer is None or path in proposals or path in left:
            continue
        try:
            seen = call.result()
        except (AudioError, TagError, WorkerError) as error:
            left[path] = Left(path, "failed", getattr(error, "problem", str(error)))
            continue
        told = Answer(path, answer.analyzed.looked.audio_hash, answer.prediction)
        found = decide(told, seen, root, rules)
        if isinstance(found, Proposal):
            proposals[path] = found
        else:
            left[path] = found
    return list(proposals.values()), list(left.values())
