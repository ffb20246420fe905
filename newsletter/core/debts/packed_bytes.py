"""Writes and reads the numbers, instants and texts of packed history; adds up checksums. Decides nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000  # microseconds
_MODULUS = 1 << 256
NO_CHECKSUM = "0" * 64  # of nothing


class DamagedHistoryError(ValueError):
    """Packed bytes cannot be read: they were changed after they were written."""


class Writer:
    """Appends values to bytes."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, value: int) -> None:
        """A number that is not negative: seven bits a byte, the lowest first."""
        data = self.data
        while value > 0x7F:
            data.append(value & 0x7F | 0x80)
            value >>= 7
        data.append(value)

    def signed(self, value: int) -> None:
        """Any number; one near 0 is short."""
        self.number(value << 1 if value >= 0 else (-value << 1) - 1)

    def text(self, value: str) -> None:
        """A text in UTF-8."""
        encoded = value.encode("utf-8", "surrogatepass")
        self.number(len(encoded))
        self.data += encoded

    def instant(self, value: datetime, after: datetime) -> None:
        """An instant by its distance from another one; whole seconds are short."""
        distance = (value - after) // _MICROSECOND
        if distance % _SECOND:
            self.signed(distance * 2 + 1)
        else:
            self.signed(distance // _SECOND * 2)


class Reader:
    """Takes values from bytes, in the order in which `Writer` appended them. Raises DamagedHistoryError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self) -> int:
        """What `Writer.number` wrote."""
        data, at, shift, value = self._data, self._at, 0, 0
        try:
            while (byte := data[at]) > 0x7F:
                value |= (byte & 0x7F) << shift
                shift += 7
                at += 1
        except IndexError:
            raise DamagedHistoryError("the bytes end too early") from None
        self._at = at + 1
        return value | byte << shift

    def signed(self) -> int:
        """What `Writer.signed` wrote."""
        value = self.number()
        return -(value + 1 >> 1) if value & 1 else value >> 1

    def text(self) -> str:
        """What `Writer.text` wrote."""
        return self.take(self.number()).decode("utf-8", "surrogatepass")

    def instant(self, after: datetime) -> datetime:
        """What `Writer.instant` wrote."""
        distance = self.signed()
        step = distance >> 1 if distance & 1 else (distance >> 1) * _SECOND
        try:
            return after + timedelta(microseconds=step)
        except OverflowError:
            raise DamagedHistoryError("an instant is out of range") from None

    def take(self, length: int) -> bytes:
        """The next bytes."""
        found = self._data[self._at : self._at + length]
        if len(found) < length:
            raise DamagedHistoryError("the bytes end too early")
        self._at += length
        return found

    def rest(self) -> bytes:
        """All that was not taken."""
        return self._data[self._at :]


def row_checksum(kind: str, month: int, key: int, body: bytes) -> int:
    """The hash of one row as a number. kind: names its table. key: of the row."""
    head = f"{kind} {month} {key} ".encode()
    return int.from_bytes(hashlib.sha256(head + body).digest(), "big")


def total(checksum: str, *, add: Iterable[int] = (), take: Iterable[int] = ()) -> str:
    """A checksum with the hashes of rows added and taken away: their order does not matter."""
    return f"{(int(checksum, 16) + sum(add) - sum(take)) % _MODULUS:064x}"
