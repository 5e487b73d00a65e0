"""How a vote is held: the parameters, and how they are kept."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from earmark.errors import LibraryDamaged
from earmark.features import Comparison
from earmark.neighbors.calibration import Calibration
from earmark.neighbors.lengths import ByLength
from earmark.neighbors.novelty import NoveltyScale

CLASSIC_N_NEIGHBORS = 8


@dataclass(frozen=True)
class Parameters:
    """The parameters of a vote.

    Attributes
    ----------
    comparison
        How vectors are compared, which is the extractor's and not kept with the rest.
    n_neighbors
        How many neighbors vote.
    calibration
        What makes probabilities of the votes. None: every neighbor has one vote, distances are the
        similarity's own and nothing is calibrated, as in the classic method.
    thresholds
        Where tracks have several genres: from which share of votes on each is listed beside the
        one that wins, see `LabelSets`; infinite: never.
    """

    comparison: Comparison
    n_neighbors: int = CLASSIC_N_NEIGHBORS
    calibration: Calibration | None = None
    thresholds: tuple[tuple[str, float], ...] = ()

    @property
    def majority(self) -> bool:
        """Whether this is the classic majority vote."""
        return self.calibration is None

    def to_bytes(self) -> bytes:
        """Write the parameters, to be kept in a library."""
        calibration = None if self.calibration is None else asdict(self.calibration)
        kept = {"k": self.n_neighbors, "calibration": calibration}
        if self.thresholds:
            kept["thresholds"] = {
                name: share if math.isfinite(share) else None for name, share in self.thresholds
            }
        return json.dumps(kept).encode()

    @classmethod
    def from_bytes(cls, blob: bytes, comparison: Comparison) -> Parameters:
        """Read what ``to_bytes`` wrote, for vectors that are compared in the given way.

        Raises
        ------
        LibraryDamaged
            The bytes are something else.
        """
        try:
            values = json.loads(blob)
            # Version 0.1 kept the way of comparing here as well.
            values.pop("metric", None)
            calibration = values.pop("calibration")
            if calibration is not None:
                novelty = _novelty(calibration.pop("novelty"))
                of_sets = _by_length(calibration.pop("set_thresholds"))
                calibration = Calibration(**calibration, novelty=novelty, set_thresholds=of_sets)
            thresholds = _thresholds(values.pop("thresholds", {}))
            read = cls(comparison, values.pop("k"), calibration, thresholds, **values)
            read._check()
            return read
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise LibraryDamaged(
                f"the library's fitted parameters cannot be read: {error}"
            ) from error

    def _check(self) -> None:
        """See that every parameter is of its type, which JSON does not.

        Raises
        ------
        ValueError
            One is not.
        """
        if type(self.n_neighbors) is not int or self.n_neighbors < 1:
            raise ValueError(f"k is {self.n_neighbors!r}")
        if self.calibration is None:
            return
        for field in fields(self.calibration):
            value = getattr(self.calibration, field.name)
            if field.name in ("novelty", "set_thresholds"):
                continue
            if type(value) not in (int, float) or math.isnan(value):
                raise ValueError(f"{field.name} is {value!r}")

    def describe(self) -> dict[str, Any]:
        """Return the parameters as names and JSON values, for people."""
        calibrated: dict[str, Any] = {}
        if self.calibration is not None:
            calibrated = asdict(self.calibration)
            thresholds, novelty = self.calibration.set_thresholds, self.calibration.novelty
            del calibrated["set_thresholds"], calibrated["novelty"]
            # They chose the floor and the power. How good a library is, an evaluation says.
            del calibrated["accuracy"], calibrated["balanced_accuracy"]
            calibrated["set_threshold"] = thresholds.whole
            calibrated["by_length"] = [
                {
                    "seconds": seconds,
                    "set_threshold": threshold,
                    "most_novelty": None if novelty is None else limit,
                }
                for seconds, threshold, limit in zip(
                    thresholds.seconds,
                    thresholds.values,
                    thresholds.values if novelty is None else novelty.limits.values,
                    strict=True,
                )
            ]
            if novelty is not None:
                calibrated["most_novelty"] = novelty.limits.whole
        if self.thresholds:
            calibrated["thresholds"] = {
                name: share if math.isfinite(share) else None for name, share in self.thresholds
            }
        similarity = self.comparison.similarity
        return {"metric": similarity, "k": self.n_neighbors, "plain": self.majority, **calibrated}


def _thresholds(values: Any) -> tuple[tuple[str, float], ...]:
    """Read the thresholds of genres as JSON has them.

    Raises
    ------
    AttributeError, TypeError, ValueError
        They are something else.
    """
    read = tuple(
        (name, math.inf if share is None else float(share)) for name, share in values.items()
    )
    if not all(share > 0 for _, share in read):
        raise ValueError("a threshold of a genre that is none")
    return read


def _novelty(values: Any) -> NoveltyScale | None:
    """Read a scale as JSON has it.

    Raises
    ------
    TypeError, ValueError
        It is something else.
    """
    if values is None:
        return None
    scale = NoveltyScale(
        tuple(map(float, values["means"])),
        tuple(map(float, values["deviations"])),
        _by_length(values["limits"]),
    )
    numbers = (*scale.means, *scale.deviations)
    if len(scale.means) != len(scale.deviations) or len(scale.means) not in (3, 4):
        raise ValueError(f"{len(scale.means)} means and {len(scale.deviations)} deviations")
    if not all(map(math.isfinite, numbers)) or min(scale.deviations) <= 0:
        raise ValueError("a scale with numbers that are none")
    return scale


def _by_length(values: Any) -> ByLength:
    """Read a number by length as JSON has it.

    Raises
    ------
    KeyError, TypeError, ValueError
        It is something else.
    """
    read = ByLength(tuple(map(float, values["seconds"])), tuple(map(float, values["values"])))
    if not read.seconds or len(read.seconds) != len(read.values):
        raise ValueError(f"{len(read.values)} numbers for {len(read.seconds)} lengths")
    rising = all(one < other for one, other in itertools.pairwise((0.0, *read.seconds)))
    if not rising or not all(map(math.isfinite, (*read.seconds, *read.values))):
        raise ValueError("numbers by length that are none")
    return read
