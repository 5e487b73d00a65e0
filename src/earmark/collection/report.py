"""What a build did."""

from __future__ import annotations

from dataclasses import dataclass, field

from earmark.collection.pieces import Problem


@dataclass
class BuildReport:
    """What a build did.

    Attributes
    ----------
    total
        Files of the collection that can be used as far as their names say.
    heard
        Files that were heard now.
    recognized
        Files known by their bytes: moved, touched, or copies under another genre.
    relabeled
        Tracks whose genre, artist or title was changed without hearing them.
    unchanged
        Files that were not even opened.
    duplicates
        Files that were left out since the library has the same bytes under the same genre: each
        with the path of the one that it has.
    failed
        Files of ``total`` that could not be used.
    problems
        Those, with the reasons, and files that had no place in the collection to begin with.
    warnings
        What was odd about files that were used.
    missing
        Tracks whose files were not found; they stay.
    pruned
        Tracks that were taken out since their files were not found.
    seconds
        How long it took.
    """

    total: int = 0
    heard: int = 0
    recognized: int = 0
    relabeled: int = 0
    unchanged: int = 0
    failed: int = 0
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    missing: int = 0
    pruned: int = 0
    seconds: float = 0.0

    @property
    def finished(self) -> int:
        """How many of ``total`` are done."""
        done = self.heard + self.recognized + self.unchanged
        return done + len(self.duplicates) + self.failed
