"""How a vote is held: the parameters, and how they are kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from earmark.errors import LibraryDamaged
from earmark.neighbors.calibration import Calibration

CLASSIC_K = 8


@dataclass(frozen=True)
class Parameters:
    """The parameters of a vote.

    Attributes
    ----------
    metric
        How vectors are compared, a name in ``METRICS``.
    k
        How many neighbors vote.
    calibration
        What makes probabilities of the votes. None: every neighbor has one vote, distances are the
        metric's own and nothing is calibrated, as in the classic method.
    """

    metric: str
    k: int = CLASSIC_K
    calibration: Calibration | None = None

    @property
    def plain(self) -> bool:
        """Whether this is the classic majority vote."""
        return self.calibration is None

    def to_bytes(self) -> bytes:
        """Write the parameters, to be kept in a library."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, blob: bytes) -> Parameters:
        """Read what ``to_bytes`` wrote.

        Raises
        ------
        LibraryDamaged
            The bytes are something else.
        """
        try:
            values = json.loads(blob)
            calibration = values.pop("calibration")
            return cls(**values, calibration=calibration and Calibration(**calibration))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LibraryDamaged(
                f"the library's fitted parameters cannot be read: {error}"
            ) from error

    def describe(self) -> dict[str, Any]:
        """Return the parameters as names and JSON values, for people."""
        calibrated = {} if self.calibration is None else asdict(self.calibration)
        return {"metric": self.metric, "k": self.k, "plain": self.plain, **calibrated}
