"""A plugin of beets: genres by Earmark, on import and as ``beet earmark``.

What is said of songs and albums, and which of it counts, is decided by `earmark.tagging`; here it
is put into beets' library. Nothing of Earmark is imported before there is a song to hear, since
beets loads its plugins for every command.
"""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from optparse import Values
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beets import ui
from beets.dbcore import types
from beets.library import Album, Item, Library
from beets.plugins import BeetsPlugin

if TYPE_CHECKING:
    from earmark.classify import Classifier
    from earmark.hearing import Hearing
    from earmark.prediction import Neighbor
    from earmark.tagging.albums import Opinion
    from earmark.tagging.propose import Answer, Rules

N_NEIGHBORS = 5
"""Neighbors of a song that are named in its field."""


@dataclass(frozen=True)
class Group:
    """Songs that are decided together: those of an album, or one song.

    Attributes
    ----------
    items
        The songs.
    album
        None: the songs are decided by themselves, whatever album they belong to.
    """

    items: Sequence[Item]
    album: Album | None

    @property
    def whole(self) -> Album | None:
        """The album where it has genres of its own, as a compilation has not."""
        return None if self.album is None or self.album.get("comp") else self.album

    @property
    def objects(self) -> Sequence[Album | Item]:
        """All that is to have genres."""
        return self.items if self.whole is None else [self.whole, *self.items]


@dataclass(frozen=True)
class Verdict:
    """What becomes of an object.

    Attributes
    ----------
    of
        The object.
    reason
        ``changed``, ``failed``, or why its genres stay, as `earmark.tagging.propose` has it.
    text
        What is said of it.
    fields
        What is put down; empty: nothing.
    """

    of: Album | Item
    reason: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ears:
    """What hears and answers, opened once for all songs of a run."""

    hearing: Hearing
    classifier: Classifier
    rules: Rules
    close: Callable[[], None]


class EarmarkPlugin(BeetsPlugin):
    """Gives items and albums the genres of the labelled tracks that they sound like."""

    item_types = {  # noqa: RUF012 (beets reads it so)
        "earmark_confidence": types.Float(2),
        "earmark_neighbors": types.MULTI_VALUE_DSV,
    }
    album_types = item_types

    def __init__(self) -> None:
        super().__init__()
        self.config.add(
            {
                "auto": True,
                "force": False,
                "keep_existing": False,
                "count": 1,
                "whitelist": False,
                "canonical": False,
                "title_case": False,
                "source": "album",
                "pretend": False,
                "library": None,
                "map": None,
                "min_confidence": None,
            }
        )
        self._ears: Ears | None = None
        if self.config["auto"]:
            self.import_stages = [self.imported]
            self.register_listener("import_begin", self._begin)
            self.register_listener("cli_exit", self._end)

    def commands(self) -> list[ui.Subcommand]:
        """Return ``beet earmark``."""
        command = ui.Subcommand("earmark", help="give songs and albums genres by their sound")
        parser = command.parser
        parser.add_option(
            *("-p", "--pretend"), action="store_true", help="show what would change, change nothing"
        )
        for short, name, yes, no in (
            ("f", "force", "replace genres that are there", "leave genres that are there"),
            ("k", "keep-existing", "with force: add to genres", "with force: replace genres"),
        ):
            dest = name.replace("-", "_")
            parser.add_option(f"-{short}", f"--{name}", dest=dest, action="store_true", help=yes)
            parser.add_option(
                f"-{short.upper()}", f"--no-{name}", dest=dest, action="store_false", help=no
            )
        parser.add_option(
            *("-s", "--source"),
            type="choice",
            choices=["album", "track"],
            help="the songs of an album vote together (album), or each by itself (track)",
        )
        parser.add_option(
            *("-a", "--albums"), dest="album", action="store_true", help="only albums that match"
        )
        parser.add_option(
            *("-A", "--items"),
            dest="album",
            action="store_false",
            help="only items that match, each by itself",
        )
        command.func = self._command
        return [command]

    def imported(self, _session: Any, task: Any) -> None:
        """Give genres to what is being imported; a stage of beets' importer."""
        if self._ears is None:
            self._begin()
        groups = self._groups([task.album]) if task.is_album else [Group([task.item], None)]
        # beets writes the files itself, once they are at their place.
        self._all(groups, write=False, show=self._log.info)

    def _command(self, library: Library, options: Values, arguments: list[str]) -> None:
        self.config.set_args(vars(options))
        groups: list[Group] = []
        if options.album is not False:
            groups += self._groups(library.albums(arguments))
        if options.album is not True:
            items = library.items(arguments)
            # Without a choice, those that belong to no album.
            groups += [
                Group([item], None)
                for item in items
                if options.album is False or item.album_id is None
            ]
        self._begin()
        try:
            counts = self._all(groups, write=ui.should_write(), show=ui.print_)
        finally:
            self._end()
        ui.print_("; ".join(_summary(counts, pretend=bool(self.config["pretend"]))))

    def _groups(self, albums: Iterable[Album]) -> list[Group]:
        return [Group(list(album.items()), album) for album in albums]

    # Opening and closing

    def _begin(self, **_: Any) -> None:
        """Open the library and start the workers; before anything is imported."""
        from earmark.errors import EarmarkError

        # What is wrong with the options is said now, and not after an hour.
        self.config["source"].as_choice(["album", "track"])
        if self._ears is None:
            try:
                self._ears = self._opened()
            except EarmarkError as error:
                raise ui.UserError(f"earmark: {error}") from error

    def _end(self, **_: Any) -> None:
        ears, self._ears = self._ears, None
        if ears is not None:
            ears.close()

    def _opened(self) -> Ears:
        from earmark.cache import EmbeddingCache
        from earmark.classify import Classifier
        from earmark.hearing import Hearing
        from earmark.library import PACKAGED, open_default
        from earmark.workers import WorkerPool

        name = self.config["library"].get()
        if name is not None and name not in PACKAGED:
            name = self.config["library"].as_filename()
        rules = self._rules()
        with ExitStack() as opened:
            library = opened.enter_context(open_default(name, read_only=True))
            classifier = Classifier(library)
            pool = opened.enter_context(WorkerPool())
            cache = EmbeddingCache(library.spec)
            opened.callback(cache.trim)
            hearing = Hearing(pool, library.spec, cache=cache)
            return Ears(hearing, classifier, rules, opened.pop_all().close)

    def _rules(self) -> Rules:
        from earmark.tagging.propose import Rules

        mode = "missing"
        if self.config["force"]:
            mode = "add" if self.config["keep_existing"] else "replace"
        confidence = self.config["min_confidence"]
        return Rules(
            mode=mode,  # type: ignore[arg-type]
            min_confidence=None if confidence.get() is None else confidence.as_number(),
            names=self._names(),
            most=self.config["count"].get(int),
        )

    def _names(self) -> Callable[[str], tuple[str, ...]]:
        from earmark.tagging.genremap import GenreMap, read_map, read_names

        chosen = self.config["map"]
        table = GenreMap() if chosen.get() is None else read_map(Path(chosen.as_filename()))
        if tree := self._file("canonical", "genres-tree.yaml"):
            table = replace(table, branches=read_map(tree).branches)
        if names := self._file("whitelist", "genres.txt"):
            table = replace(table, keep=read_names(names), most=self.config["count"].get(int))
        if not self.config["title_case"]:
            return table
        return lambda genre: tuple(name.title() for name in table(genre))

    def _file(self, option: str, of_lastgenre: str) -> Path | None:
        """Return the file of an option: a path, or with ``yes`` the one that lastgenre has."""
        chosen = self.config[option].get()
        if chosen is True:
            found = importlib.util.find_spec("beetsplug.lastgenre")
            if found is None or found.origin is None:
                raise ui.UserError(f"earmark: {option}: lastgenre is not here; name a file instead")
            return Path(found.origin).parent / of_lastgenre
        return Path(self.config[option].as_filename()) if chosen else None

    # Songs

    def _all(
        self, groups: Sequence[Group], *, write: bool, show: Callable[[str], None]
    ) -> Counter[str]:
        """Decide groups, put down what is sure, and return how many songs there were of what."""
        from earmark.errors import EarmarkError

        assert self._ears is not None  # noqa: S101
        counts: Counter[str] = Counter()
        wanted = []
        for group in groups:
            if self._ears.rules.mode == "missing" and all(each.genres for each in group.objects):
                counts["has-genre"] += len(group.items)
            else:
                wanted.append(group)
        try:
            for group, answers in zip(wanted, self._answers(wanted), strict=True):
                for verdict in self._verdicts(group, answers, self._ears.rules):
                    counts[verdict.reason] += isinstance(verdict.of, Item)
                    if verdict.reason == "failed":
                        self._log.warning("{}: {}", verdict.of, verdict.text)
                    elif verdict.reason in ("changed", "not-sure"):
                        show(f"{verdict.of}: {verdict.text}")
                    if not self.config["pretend"]:
                        _put_down(verdict, write=write)
        except EarmarkError as error:
            # What is no fault of a file.
            raise ui.UserError(f"earmark: {error}") from error
        return counts

    def _answers(self, groups: Sequence[Group]) -> Iterator[list[Answer]]:
        from earmark.tagging.propose import answers_of

        assert self._ears is not None  # noqa: S101
        paths = [[os.fsdecode(item.path) for item in group.items] for group in groups]
        return answers_of(paths, self._ears.hearing, self._ears.classifier)

    def _verdicts(self, group: Group, answers: Sequence[Answer], rules: Rules) -> Iterator[Verdict]:
        from earmark.tagging.albums import common_neighbors, song_vote
        from earmark.tagging.propose import album_opinion

        together: Opinion | None = None
        if group.album is not None and self.config["source"].get() == "album":
            artist = "various" if group.album.get("comp") else group.album.albumartist
            together = album_opinion(answers, group.album.album, artist)
        heard = [answer.prediction for answer in answers if answer.prediction is not None]
        of_album = together or (song_vote(heard[0]) if len(answers) == len(heard) == 1 else None)
        if group.whole is not None and of_album is not None:
            near = common_neighbors([prediction.neighbors for prediction in heard])
            yield _verdict(group.whole, of_album, near, rules)
        for item, answer in zip(group.items, answers, strict=True):
            if answer.prediction is None:
                yield Verdict(item, "failed", answer.problem)
            else:
                opinion = together or song_vote(answer.prediction)
                yield _verdict(item, opinion, answer.prediction.neighbors, rules)


def _verdict(of: Album | Item, opinion: Opinion, near: Sequence[Neighbor], rules: Rules) -> Verdict:
    from earmark.tagging.propose import Kept, genres_for
    from earmark.words import percent

    had = tuple(of.genres)
    fields: dict[str, Any] = {
        "earmark_confidence": round(opinion.probability, 2),
        "earmark_neighbors": [_named(neighbor) for neighbor in near[:N_NEIGHBORS]],
    }
    genres = genres_for(opinion, had, rules)
    if isinstance(genres, Kept):
        return Verdict(
            of, genres.reason, genres.why, fields if genres.reason == "same-genre" else {}
        )
    was = f"{', '.join(had)} -> " if had else ""
    text = f"{was}{', '.join(genres)} ({percent(opinion.probability, 0)}: {opinion.why})"
    return Verdict(of, "changed", text, {"genres": list(genres), **fields})


def _put_down(verdict: Verdict, *, write: bool) -> None:
    """Put a verdict into beets' library and, where a genre changed, into the file."""
    of = verdict.of
    # An item would answer for its album.
    own = {"with_album": False} if isinstance(of, Item) else {}
    changed = {name: new for name, new in verdict.fields.items() if of.get(name, **own) != new}
    for name, value in changed.items():
        of[name] = value
    if isinstance(of, Album):
        # Its songs have verdicts of their own.
        of.store(inherit=False)
    elif "genres" in changed:
        of.try_sync(write=write, move=False)
    elif changed:
        of.store()


def _named(neighbor: Neighbor) -> str:
    """Name a track in one line; beets parts lists at ``"; "``."""
    from earmark.words import shown

    name = " - ".join(filter(None, (neighbor.artist, neighbor.title))) or neighbor.track
    return shown(f"{name} ({neighbor.genre})").replace(";", ",")


def _summary(counts: Counter[str], *, pretend: bool) -> Iterator[str]:
    names = {
        "changed": "would get a genre" if pretend else "got a genre",
        "same-genre": "had this genre already",
        "has-genre": "left with the genres that they have",
        "not-sure": "not sure",
        "left-out": "left out by your lists",
        "failed": "could not be heard",
    }
    yield from (f"{counts[reason]} {name}" for reason, name in names.items() if counts[reason])
    if not counts.total():
        yield "nothing matches"
