"""How a vote is held: the parameters, and how they are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from earmark.errors import LibraryDamaged

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
    plain
        Every neighbor has one vote and nothing is calibrated: the classic method.
    """

    metric: str
    k: int = CLASSIC_K
    plain: bool = True

    def to_bytes(self) -> bytes:
        """Write the parameters, to be kept in a library."""
        return json.dumps(self.describe()).encode()

    @classmethod
    def from_bytes(cls, blob: bytes) -> Parameters:
        """Read what ``to_bytes`` wrote.

        Raises
        ------
        LibraryDamaged
            The bytes are something else.
        """
        try:
            return cls(**json.loads(blob))
        except (ValueError, TypeError) as error:
            raise LibraryDamaged(
                f"the library's fitted parameters cannot be read: {error}"
            ) from error

    def describe(self) -> dict[str, Any]:
        """Return the parameters as names and JSON values, for people."""
        return {"metric": self.metric, "k": self.k, "plain": self.plain}
