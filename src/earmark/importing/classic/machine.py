"""Read pickles that hold arrays of numbers, and nothing else, without running any of them.

A pickle is a program for a small machine with a stack, a memory and a way to import and call any
function. This is that machine without the last: the few global names by which NumPy writes arrays
stand for inert objects of this module, every other name is refused, and nothing is imported or
called. Nor does anything here take memory on a pickle's word: what it claims to be long must be
there in the file.

Protocols 0 to 5 are read, as Python 2 and 3 and NumPy 1 and 2 write them. The instructions are
described in Python's own ``pickletools``.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from earmark.errors import ImportFormatError, UnsafePickle
from earmark.importing.classic.arrays import GLOBALS, Budget, call, finish, set_state


class PickleTruncated(ImportFormatError):
    """The bytes end within a pickle."""


@dataclass(slots=True)
class _Mark:
    """Where a tuple begins on the stack."""


# What Python's own pickles may hold besides, by instruction, to be refused with its name.
_OTHERS = {
    b"}": "a dict", b"d": "a dict", b"s": "a dict", b"u": "a dict",
    b"]": "a list", b"l": "a list", b"a": "a list", b"e": "a list",
    b"\x8f": "a set", b"\x90": "a set", b"\x91": "a set",
}  # fmt: skip
_UNSAFE = {
    b"i": "an object (INST)", b"o": "an object (OBJ)", b"\x81": "an object (NEWOBJ)",
    b"\x92": "an object (NEWOBJ_EX)", b"P": "a persistent id", b"Q": "a persistent id",
    b"\x82": "an extension code", b"\x83": "an extension code", b"\x84": "an extension code",
    b"\x97": "an outside buffer", b"\x98": "an outside buffer",
}  # fmt: skip

Handler: TypeAlias = "Callable[[PickleReader], None]"


@dataclass
class PickleReader:
    """Reads one pickle after another from bytes.

    Attributes
    ----------
    data
        The bytes.
    position
        Of the next one to be read.
    """

    data: bytes
    position: int = 0
    _stack: list[Any] = field(default_factory=list)
    _memo: dict[int, Any] = field(default_factory=dict)
    budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self.budget = Budget(4096 + 4 * len(self.data))

    def __bool__(self) -> bool:
        """Tell whether bytes are left."""
        return self.position < len(self.data)

    def read(self) -> Any:
        """Return what the next pickle holds: numbers, text, bytes, arrays, and tuples of them.

        Raises
        ------
        PickleTruncated
            The bytes end within it.
        UnsafePickle
            It asks for something that is not an array of numbers.
        ImportFormatError
            It is no pickle, or holds another kind of thing.
        """
        self._stack, self._memo = [], {}
        while True:
            code = self.take(1)
            if code == b".":
                value = self.pop()
                if isinstance(value, tuple):
                    return tuple(finish(item, self.budget) for item in value)
                return finish(value, self.budget)
            handler = _HANDLERS.get(code)
            if handler is None:
                raise _refusal(code)
            handler(self)

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        end = self.position + count
        if count < 0:
            raise ImportFormatError("is broken (a negative length)")
        if end > len(self.data):
            raise PickleTruncated("ends within a row")
        found = self.data[self.position : end]
        self.position = end
        return found

    def line(self) -> bytes:
        """Return what is left of the line."""
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise PickleTruncated("ends within a row")
        found = self.data[self.position : end]
        self.position = end + 1
        return found

    def number(self, layout: str) -> int:
        """Return an integer of a `struct` layout."""
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self._stack.append(value)

    def pop(self) -> Any:
        """Take the top of the stack."""
        if not self._stack:
            raise ImportFormatError("is broken (nothing on the stack)")
        return self._stack.pop()

    def pop_to_mark(self) -> tuple[Any, ...]:
        """Take everything above the last mark."""
        values: list[Any] = []
        while not isinstance(value := self.pop(), _Mark):
            values.append(value)
        return tuple(reversed(values))

    def store(self, key: int) -> None:
        """Remember the top of the stack."""
        value = self.pop()
        self._memo[key] = value
        self.push(value)

    def memoize(self) -> None:
        """Remember the top of the stack under the next number."""
        self.store(len(self._memo))

    def recall(self, key: int) -> None:
        """Put something remembered on the stack."""
        if key not in self._memo:
            raise ImportFormatError("is broken (recalls what it never stored)")
        self.push(self._memo[key])


def _refusal(code: bytes) -> ImportFormatError:
    if code in _UNSAFE:
        return UnsafePickle(f"asks for {_UNSAFE[code]}; nothing of it was run")
    if code in _OTHERS:
        return ImportFormatError(f"holds {_OTHERS[code]}")
    return ImportFormatError("is not a pickle")


def _global(reader: PickleReader, module: str, name: str) -> None:
    found = GLOBALS.get((module, name))
    if found is None:
        raise UnsafePickle(f"asks for {module}.{name}; nothing of it was run")
    reader.push(found)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise ImportFormatError("is broken (text that is not UTF-8)") from error


def _named_global(reader: PickleReader) -> None:
    module, name = _text(reader.line()), _text(reader.line())
    _global(reader, module, name)


def _stack_global(reader: PickleReader) -> None:
    name, module = reader.pop(), reader.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise ImportFormatError("is broken (a name that is not text)")
    _global(reader, module, name)


def _reduce(reader: PickleReader) -> None:
    arguments, function = reader.pop(), reader.pop()
    reader.push(call(function, arguments, reader.budget))


def _build(reader: PickleReader) -> None:
    state, target = reader.pop(), reader.pop()
    set_state(target, state)
    reader.push(target)


def _integer_line(reader: PickleReader) -> None:
    raw = reader.line()
    if raw in (b"00", b"01"):
        reader.push(raw == b"01")
        return
    try:
        reader.push(int(raw.removesuffix(b"L")))
    except ValueError as error:
        raise ImportFormatError("is not a pickle") from error


def _float_line(reader: PickleReader) -> None:
    try:
        reader.push(float(reader.line()))
    except ValueError as error:
        raise ImportFormatError("is not a pickle") from error


def _string_line(reader: PickleReader) -> None:
    raw = reader.line()
    if len(raw) < 2 or raw[:1] != raw[-1:] or raw[:1] not in (b"'", b'"'):
        raise ImportFormatError("is not a pickle")
    try:
        unescaped = codecs.escape_decode(raw[1:-1])[0]
    except ValueError as error:
        raise ImportFormatError("is not a pickle") from error
    reader.push(unescaped.decode("latin-1"))


def _unicode_line(reader: PickleReader) -> None:
    try:
        reader.push(reader.line().decode("raw-unicode-escape"))
    except UnicodeDecodeError as error:
        raise ImportFormatError("is not a pickle") from error


def _index_line(reader: PickleReader) -> int:
    raw = reader.line()
    if not raw.isdigit():
        raise ImportFormatError("is not a pickle")
    return int(raw)


def _long(reader: PickleReader, layout: str) -> None:
    raw = reader.take(reader.number(layout))
    reader.push(int.from_bytes(raw, "little", signed=True))


def _tuple(count: int) -> Handler:
    def make(reader: PickleReader) -> None:
        reader.push(tuple(reversed([reader.pop() for _ in range(count)])))

    return make


def _sized(layout: str, decode: Callable[[bytes], Any]) -> Handler:
    return lambda reader: reader.push(decode(reader.take(reader.number(layout))))


def _latin(raw: bytes) -> str:
    return raw.decode("latin-1")


def _protocol(reader: PickleReader) -> None:
    if reader.number("<B") > 5:
        raise ImportFormatError("is not a pickle of a known protocol")


def _skip_frame(reader: PickleReader) -> None:
    reader.take(8)


def _drop(reader: PickleReader) -> None:
    reader.pop()


_HANDLERS: dict[bytes, Handler] = {
    b"\x80": _protocol,
    b"\x95": _skip_frame,
    b"(": lambda reader: reader.push(_Mark()),
    b"0": _drop,
    # Numbers
    b"I": _integer_line,
    b"L": _integer_line,
    b"F": _float_line,
    b"J": lambda reader: reader.push(reader.number("<i")),
    b"K": lambda reader: reader.push(reader.number("<B")),
    b"M": lambda reader: reader.push(reader.number("<H")),
    b"\x8a": lambda reader: _long(reader, "<B"),
    b"\x8b": lambda reader: _long(reader, "<i"),
    b"G": lambda reader: reader.push(struct.unpack(">d", reader.take(8))[0]),
    b"N": lambda reader: reader.push(None),
    b"\x88": lambda reader: reader.push(True),
    b"\x89": lambda reader: reader.push(False),
    # Text and bytes
    b"S": _string_line,
    b"V": _unicode_line,
    b"T": _sized("<i", _latin),
    b"U": _sized("<B", _latin),
    b"X": _sized("<I", _text),
    b"\x8c": _sized("<B", _text),
    b"\x8d": _sized("<Q", _text),
    b"B": _sized("<I", bytes),
    b"C": _sized("<B", bytes),
    b"\x8e": _sized("<Q", bytes),
    b"\x96": _sized("<Q", bytes),
    # Tuples
    b")": _tuple(0),
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"t": lambda reader: reader.push(reader.pop_to_mark()),
    # Memory
    b"p": lambda reader: reader.store(_index_line(reader)),
    b"q": lambda reader: reader.store(reader.number("<B")),
    b"r": lambda reader: reader.store(reader.number("<I")),
    b"\x94": PickleReader.memoize,
    b"g": lambda reader: reader.recall(_index_line(reader)),
    b"h": lambda reader: reader.recall(reader.number("<B")),
    b"j": lambda reader: reader.recall(reader.number("<I")),
    # Names and calls
    b"c": _named_global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"b": _build,
}
