"""Values read from a JSON file of unknown origin, each with its place named in errors."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from earmark.errors import ExtractorRefused
from earmark.words import one_line

MOST_BYTES = 4 << 20
"""The largest file of that kind that is read."""


class Fields:
    """An object of a JSON file: what it holds, as values of the type that is asked for.

    Parameters
    ----------
    file
        The file, for messages.
    values
        The object.
    place
        Where in the file it stands, such as ``"inference."``; empty for the whole.
    """

    def __init__(self, file: Path, values: Mapping[str, Any], place: str = "") -> None:
        self.file = file
        self._values = values
        self._place = place

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def has(self, name: str) -> bool:
        """Whether a value is there, be it null."""
        return name in self._values

    def is_object(self, name: str) -> bool:
        """Whether a value is there and is an object."""
        return isinstance(self._values.get(name), dict)

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Raise an error about one value."""
        raise ExtractorRefused(self.file, f"'{self._place}{name}' {problem}")

    def _required(self, name: str) -> Any:
        if name not in self._values:
            self.refuse(name, "is missing")
        return self._values[name]

    def _wrong(self, name: str, value: Any, wanted: str) -> NoReturn:
        self.refuse(name, f"is {_described(value)}; it needs to be {wanted}")

    def object(self, name: str) -> Fields:
        """Return an object; an empty one where it is missing."""
        value = self._values.get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self._wrong(name, value, "an object")
        return Fields(self.file, value, f"{self._place}{name}.")

    def objects(self, name: str) -> list[Fields]:
        """Return a list of objects; an empty one where it is missing."""
        found = []
        for number, value in enumerate(self._list(name)):
            if not isinstance(value, dict):
                self._wrong(f"{name}[{number}]", value, "an object")
            found.append(Fields(self.file, value, f"{self._place}{name}[{number}]."))
        return found

    def _list(self, name: str, most: int = 10_000) -> Sequence[Any]:
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(name, value, "a list")
        if len(value) > most:
            self._wrong(name, value, f"a list of at most {most:,}")
        return value

    def text(self, name: str, default: str | None = None, *, longest: int = 2_000) -> str:
        """Return a text on one line; without a default it must be there and say something."""
        if default is not None and self._values.get(name) is None:
            return default
        value = self._required(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and name == "version":
            value = str(value)
        if not isinstance(value, str):
            self._wrong(name, value, "a text")
        text = one_line(value, longest)
        if default is None and not text:
            self._wrong(name, value, "a text that says something")
        return text

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, each on one line; a single text is a list of one."""
        value = self._values.get(name)
        if isinstance(value, str):
            return (one_line(value),) if value else ()
        for number, entry in enumerate(self._list(name)):
            if not isinstance(entry, str):
                self._wrong(f"{name}[{number}]", entry, "a text")
        return tuple(one_line(entry) for entry in self._list(name))

    def number(
        self, name: str, low: float, high: float, default: float | None = None, unit: str = ""
    ) -> float:
        """Return a number from ``low`` to ``high``; without a default it must be there."""
        if default is not None and self._values.get(name) is None:
            return default
        value = self._required(name)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high  # also false for what is not a number
        ):
            self._wrong(name, value, f"a number from {low:g} to {high:g}{unit}")
        return float(value)

    def count(
        self, name: str, low: int, high: int, default: int | None = None, unit: str = ""
    ) -> int:
        """Return a whole number from ``low`` to ``high``; without a default it must be there."""
        if default is not None and self._values.get(name) is None:
            return default
        value = self._required(name)
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._wrong(name, value, f"a whole number from {low:,} to {high:,}{unit}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            self._wrong(name, value, "true or false")
        return value

    def choice(self, name: str, among: Sequence[str], default: str | None = None) -> str:
        """Return one of some texts."""
        value = self.text(name, default)
        if value not in among:
            self._wrong(name, value, f"one of {', '.join(among)}")
        return value

    def numbers(self, name: str, most: int) -> tuple[float, ...]:
        """Return a list of finite numbers."""
        for number, value in enumerate(self._list(name, most)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                self._wrong(f"{name}[{number}]", value, "a number")
            if not abs(value) < 1e30:
                self._wrong(f"{name}[{number}]", value, "a number that single precision holds")
        return tuple(float(value) for value in self._list(name, most))

    def shape(self, name: str) -> tuple[int | None, ...] | None:
        """Return a shape, None for an axis of any length; None where it is missing."""
        if self._values.get(name) is None:
            return None
        axes: list[int | None] = []
        for number, value in enumerate(self._list(name, 8)):
            if isinstance(value, bool) or not isinstance(value, int | str | None):
                self._wrong(f"{name}[{number}]", value, "a whole number, a name or null")
            if isinstance(value, int) and not -1 <= value < 2**31:
                self._wrong(f"{name}[{number}]", value, "the length of an axis")
            axes.append(value if isinstance(value, int) and value > 0 else None)
        return tuple(axes)


def _described(value: Any) -> str:
    """Say what a value is, in a few characters."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, str):
        return f"'{one_line(value, 60)}'"
    # A whole number may have more digits than Python writes.
    if isinstance(value, int) and abs(value) > 2**63:
        return "a very large number"
    return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def read_fields(file: Path) -> Fields:
    """Read a JSON file that holds an object.

    Raises
    ------
    ExtractorRefused
        It is missing, too large, no JSON, or something else than an object.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ExtractorRefused(file, "there is no such file") from None
    except OSError as error:
        raise ExtractorRefused(file, f"cannot be read ({error.strerror})") from error
    if len(content) > MOST_BYTES:
        size = MOST_BYTES >> 20
        raise ExtractorRefused(file, f"is larger than {size} MB, so it does not describe a model")
    try:
        values = json.loads(content.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError as error:
        raise ExtractorRefused(file, "is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ExtractorRefused(file, "is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise ExtractorRefused(file, f"is not JSON ({error.msg} in line {error.lineno})") from error
    except ValueError as error:
        # NaN and Infinity, and numbers of thousands of digits.
        raise ExtractorRefused(file, "holds a number that is none, or too long") from error
    if not isinstance(values, dict):
        raise ExtractorRefused(file, f"is {_described(values)}; it needs to be an object")
    return Fields(file, values)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
