"""Genres in people's own files: planned, looked at, applied, and taken back.

The parts, each usable by itself:

``genres``
    `read_tags` and `write_genres`: the genres of one open file, in every container.
``propose``
    `propose`: which genres for which files, by a library and `Rules`.
``plan``
    `Proposal`, `write_plan`, `read_plan`: a plan as a file.
``apply``
    `apply`: writes proposals, each file checked first; the journal has what it was.
``journal``, ``history``, ``undo``
    `Journal` is written, `stories` and `find_journal` read what it tells; `undo` gives former files
    back, and `sweep` clears up behind a process that was ended.
``genremap``, ``selection``, ``profiles``
    A user's own names for genres, which files are meant, and what players understand.

A program that knows the genres itself makes its own proposals:

>>> import shutil, tempfile
>>> from pathlib import Path
>>> from earmark.listen import identify
>>> from earmark.tagging.apply import Options, apply, proposal_for
>>> from earmark.tagging.history import read_journal
>>> from earmark.tagging.journal import Journal
>>> from earmark.tagging.undo import undo
>>> with tempfile.TemporaryDirectory() as folder:
...     song = shutil.copy("examples/war_of_freedom.ogg", folder)
...     with Journal(Path(folder) / "journals") as journal:
...         plan = [proposal_for(song, ["Metal", "Rock"], identify)]
...         for outcome in apply(plan, journal, identify, Options()):
...             print(outcome.done, outcome.before, outcome.after)
...     for outcome in undo(read_journal(journal.folder)):
...         print(outcome.done, outcome.before, outcome.after)
True () ('Metal', 'Rock')
True ('Metal', 'Rock') ()
"""
