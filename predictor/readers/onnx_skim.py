"""ONNX files without their weights: large payloads are skipped, not read."""

from __future__ import annotations

from typing import IO

from predictor.errors import InputFileError
from predictor.readers.limits import LARGEST_FILE_BYTES

LARGEST_PAYLOAD = 4096
"""Bytes of a tensor that are kept: shapes and scalars, which say what is computed."""

DEEPEST_MESSAGE = 64

# Of each message of onnx.proto, the fields that hold messages which hold tensors.
_INSIDE = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
    "tensor": {},
}
_PAYLOADS = frozenset({4, 5, 6, 7, 9, 10, 11})
_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5


def skim(file: IO[bytes], where: str) -> bytes:
    """Return an ONNX file as if its large tensors had no content.

    Parameters
    ----------
    file : binary file
        Can be sought in; read from its beginning.
    where : str
        Name of the file, for the message.

    Returns
    -------
    content : bytes
        A message of the same form, of `LARGEST_FILE_BYTES` at most.

    Raises
    ------
    InputFileError
        If the file breaks off, is nested too deep, or is too large even without
        weights.

    Notes
    -----
    Fields as in onnx.proto, lengths as in Protocol Buffers' encoding. Data in other
    files are named there and never opened.
    """
    file.seek(0, 2)
    end = file.tell()
    file.seek(0)
    return _Skimmer(file, where).message(end, "model", 0)


class _Skimmer:
    def __init__(self, file: IO[bytes], where: str) -> None:
        self._file = file
        self._where = where
        self._left = LARGEST_FILE_BYTES

    def _error(self, reason: str) -> InputFileError:
        return InputFileError(f"cannot read {self._where!r} as ONNX: {reason}")

    def _bytes(self, count: int, end: int) -> bytes:
        if count > end - self._file.tell():
            raise self._error("it breaks off; copy it again")
        self._left -= count
        if self._left < 0:
            raise self._error(
                f"it has over {LARGEST_FILE_BYTES} bytes besides its weights"
            )
        return self._file.read(count)

    def _varint(self, end: int) -> tuple[int, bytes]:
        raw, value = b"", 0
        for place in range(10):
            byte = self._bytes(1, end)
            raw += byte
            value |= (byte[0] & 0x7F) << (7 * place)
            if byte[0] < 0x80:
                return value, raw
        raise self._error("a number in it never ends; is it an ONNX file?")

    def message(self, end: int, kind: str, depth: int) -> bytes:
        if depth > DEEPEST_MESSAGE:
            raise self._error(f"it is nested deeper than {DEEPEST_MESSAGE} levels")
        parts: list[bytes] = []
        while self._file.tell() < end:
            tag, raw_tag = self._varint(end)
            field, form = tag >> 3, tag & 7
            if form == _VARINT:
                parts += [raw_tag, self._varint(end)[1]]
            elif form in {_EIGHT_BYTES, _FOUR_BYTES}:
                size = 8 if form == _EIGHT_BYTES else 4
                parts += [raw_tag, self._bytes(size, end)]
            elif form == _COUNTED:
                length, raw_length = self._varint(end)
                stop = self._file.tell() + length
                if stop > end:
                    raise self._error("it breaks off; copy it again")
                inside = _INSIDE[kind].get(field)
                if inside is not None:
                    content = self.message(stop, inside, depth + 1)
                    parts += [raw_tag, _encoded(len(content)), content]
                elif (
                    kind == "tensor" and field in _PAYLOADS and length > LARGEST_PAYLOAD
                ):
                    self._file.seek(stop)
                else:
                    parts += [raw_tag, raw_length, self._bytes(length, end)]
            else:
                raise self._error("a field has an unknown form; is it an ONNX file?")
        return b"".join(parts)


def _encoded(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
