"""What a build did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from earmark.collection.labelled_files import Problem
from earmark.schemas import named


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
        Files known by their sound: moved, touched, tagged anew, or copies under another genre.
    relabeled
        Tracks whose genre, artist or title was changed without hearing them.
    unchanged
        Files that were not even opened.
    duplicates
        Files that were left out since the library has the same sound under the same genre: each
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
    passed_over
        Files of the folder whose names are not those of sound files, counted by their endings.
    left_out
        Sound files that were not taken by the rules that were asked for, by the rule.
    under_way
        The files that workers have at this moment.
    bytes_total, bytes_done
        Of the files that have to be opened, and of those among them that are done.
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
    passed_over: dict[str, int] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    bytes_total: int = 0
    bytes_done: int = 0
    seconds: float = 0.0

    @property
    def finished(self) -> int:
        """How many of ``total`` are done."""
        done = self.heard + self.recognized + self.unchanged
        return done + len(self.duplicates) + self.failed

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return named(
            "build",
            {
                "total": self.total,
                "heard": self.heard,
                "recognized": self.recognized,
                "relabeled": self.relabeled,
                "unchanged": self.unchanged,
                "failed": self.failed,
                "missing": self.missing,
                "pruned": self.pruned,
                "duplicates": [{"path": left, "kept": kept} for left, kept in self.duplicates],
                "skipped": [
                    {"path": problem.path, "reason": problem.reason} for problem in self.problems
                ],
                "warnings": [
                    {"path": warning.path, "warning": warning.reason} for warning in self.warnings
                ],
                "passed_over": self.passed_over,
                "left_out": [
                    {"reason": reason, "paths": paths} for reason, paths in self.left_out.items()
                ],
                "seconds": round(self.seconds, 3),
            },
        )
