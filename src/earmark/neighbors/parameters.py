"""How a vote is held: the parameters, and how they are kept."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from earmark.errors import LibraryDamaged
from earmark.features import Comparison
from earmark.neighbors.calibration import Calibration
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
    """

    comparison: Comparison
    n_neighbors: int = CLASSIC_N_NEIGHBORS
    calibration: Calibration | None = None

    @property
    def majority(self) -> bool:
        """Whether this is the classic majority vote."""
        return self.calibration is None

    def to_bytes(self) -> bytes:
        """Write the parameters, to be kept in a library."""
        calibration = None if self.calibration is None else asdict(self.calibration)
        return json.dumps({"k": self.n_neighbors, "calibration": calibration}).encode()

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
                novelty = calibration.pop("novelty")
                calibration = Calibration(**calibration, novelty=_novelty(novelty))
            read = cls(comparison, values.pop("k"), calibration, **values)
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
            if field.name == "novelty":
                continue
            if type(value) not in (int, float) or math.isnan(value):
                raise ValueError(f"{field.name} is {value!r}")

    def describe(self) -> dict[str, Any]:
        """Return the parameters as names and JSON values, for people."""
        calibrated = {} if self.calibration is None else asdict(self.calibration)
        scale = calibrated.pop("novelty", None)
        if scale is not None:
            calibrated["most_novelty"] = scale["limit"]
        similarity = self.comparison.similarity
        return {"metric": similarity, "k": self.n_neighbors, "plain": self.majority, **calibrated}


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
        float(values["limit"]),
    )
    numbers = (*scale.means, *scale.deviations, scale.limit)
    if len(scale.means) != len(scale.deviations) or len(scale.means) not in (3, 4):
        raise ValueError(f"{len(scale.means)} means and {len(scale.deviations)} deviations")
    if not all(map(math.isfinite, numbers)) or min(scale.deviations) <= 0:
        raise ValueError("a scale with numbers that are none")
    return scale
