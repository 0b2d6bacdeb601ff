"""Rows as PostgreSQL's binary COPY format, made column-wise in Arrow; keys and contents of rows as hashes.

Format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". A row is the number of its fields,
then each field as its length (-1: null) and its bytes, all numbers big-endian.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.columnar import query

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
POSTGRES_EPOCH_DAYS = 10_957  # 2000-01-01, counted from 1970-01-01
POSTGRES_EPOCH_MICROS = POSTGRES_EPOCH_DAYS * 86_400 * 1_000_000
NULL_LENGTH = (-1).to_bytes(4, "big", signed=True)
NUMERIC_DIGITS = 5  # groups of four decimal digits: four before the point, one after
NUMERIC_NEGATIVE = 0x4000
MD5_BYTES = 16

Bytes = npt.NDArray[np.uint8]


def copy_bytes(rows: pa.Array, fields: int) -> pa.Buffer:
    """A whole binary COPY of rows made by :func:`join_fields`, with that number of fields each."""
    count = pa.scalar(fields.to_bytes(2, "big"), pa.binary())
    counted = pc.binary_join_element_wise(count, rows, pa.scalar(b"", pa.binary()))
    offsets = np.frombuffer(counted.buffers()[1], np.int32)[counted.offset : counted.offset + len(counted) + 1]
    data = memoryview(counted.buffers()[2])[offsets[0] : offsets[-1]] if len(counted) else b""
    return pa.py_buffer(b"".join((SIGNATURE, data, TRAILER)))


def join_fields(fields: list[pa.Array]) -> pa.Array:
    """Encoded fields side by side, one binary value a row."""
    if len(fields) == 1:
        return fields[0]
    return pc.binary_join_element_wise(*fields, pa.scalar(b"", pa.binary()))


def encode_column(values: pa.Array) -> list[pa.Array]:
    """A column as pieces to join: each value with its length before it."""
    kind = values.type
    if pa.types.is_string(kind):
        return _encode_text(values)
    if pa.types.is_fixed_size_binary(kind):  # a uuid
        return [_fixed(_words(values, kind.byte_width), values)]
    if pa.types.is_timestamp(kind):
        return [_fixed(_big_endian(_integers(values, pa.int64()) - POSTGRES_EPOCH_MICROS, ">i8"), values)]
    if pa.types.is_date32(kind):
        return [_fixed(_big_endian(_integers(values, pa.int32()) - POSTGRES_EPOCH_DAYS, ">i4"), values)]
    if pa.types.is_decimal(kind):
        return [_fixed(_numeric(values), values)]
    if pa.types.is_boolean(kind):
        return [_fixed(_big_endian(_integers(pc.cast(values, pa.uint8()), pa.uint8()), "u1"), values)]
    if pa.types.is_floating(kind):
        return [_fixed(_big_endian(pc.fill_null(values, 0.0).to_numpy(), ">f8"), values)]
    if pa.types.is_integer(kind):
        return [_fixed(_big_endian(_integers(values, pa.int64()), ">i8"), values)]
    raise TypeError(f"no binary form for {kind}")


def encode_constant(value: pa.Scalar) -> pa.Scalar:
    """A value that all rows share."""
    pieces = encode_column(pa.array([value.as_py()], value.type))
    return pa.scalar(b"".join(piece[0].as_py() for piece in pieces), pa.binary())


def md5(values: pa.Array) -> pa.Array:
    """MD5 of binary values, 16 bytes each."""
    table = query("select unhex(md5(v)) as digest from input", values)
    return table["digest"].combine_chunks().cast(pa.binary(MD5_BYTES))


def hexadecimal(digests: pa.Array) -> pa.Array:
    """Bytes as lower-case hexadecimal text."""
    width = digests.type.byte_width
    raw = _words(digests, width)
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.empty((len(raw), 2 * width), np.uint8)
    text[:, 0::2] = digits[raw >> 4]
    text[:, 1::2] = digits[raw & 15]
    offsets = np.arange(len(raw) + 1, dtype=np.int32) * 2 * width
    return pa.Array.from_buffers(pa.string(), len(raw), [None, pa.py_buffer(offsets), pa.py_buffer(text)])


def _encode_text(values: pa.Array) -> list[pa.Array]:
    lengths = pc.fill_null(pc.binary_length(values), -1).to_numpy(zero_copy_only=False).astype(">i4")
    prefix = pa.Array.from_buffers(pa.binary(4), len(values), [None, pa.py_buffer(lengths)])
    return [pc.cast(prefix, pa.binary()), pc.fill_null(pc.cast(values, pa.binary()), b"")]


def _fixed(raw: Bytes, values: pa.Array) -> pa.Array:
    """Fixed-width bytes with their length before them; -1 and no bytes where the value is null."""
    rows, width = raw.shape
    framed = np.empty((rows, 4 + width), np.uint8)
    framed[:, :4] = np.frombuffer(width.to_bytes(4, "big"), np.uint8)
    framed[:, 4:] = raw
    array = pa.Array.from_buffers(pa.binary(4 + width), rows, [None, pa.py_buffer(framed)]).cast(pa.binary())
    if values.null_count == 0:
        return array
    return pc.if_else(values.is_valid(), array, pa.scalar(NULL_LENGTH, pa.binary()))


def _integers(values: pa.Array, kind: pa.DataType) -> npt.NDArray[np.int64]:
    flat: npt.NDArray[np.int64] = pc.fill_null(values.cast(kind), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return flat


def _big_endian(values: npt.NDArray[np.generic], form: str) -> Bytes:
    turned = np.ascontiguousarray(values.astype(form))
    return turned.view(np.uint8).reshape(len(values), turned.dtype.itemsize)


def _words(values: pa.Array, width: int) -> Bytes:
    raw = np.frombuffer(values.buffers()[1], np.uint8)
    return raw[values.offset * width : (values.offset + len(values)) * width].reshape(len(values), width)


def _numeric(values: pa.Array) -> Bytes:
    """Decimals of scale 4 as PostgreSQL numerics: groups of four digits, leading zero groups allowed."""
    words = np.frombuffer(values.buffers()[1], np.int64)[2 * values.offset : 2 * (values.offset + len(values))]
    scaled = np.where(values.is_valid().to_numpy(zero_copy_only=False), words[0::2], 0)
    size = np.abs(scaled)
    shape = np.zeros((len(values), 4 + NUMERIC_DIGITS), np.int64)
    shape[:, 0] = NUMERIC_DIGITS
    shape[:, 1] = NUMERIC_DIGITS - 2  # weight of the first group
    shape[:, 2] = np.where(scaled < 0, NUMERIC_NEGATIVE, 0)
    shape[:, 3] = 4  # places shown after the point
    for place in range(NUMERIC_DIGITS):
        shape[:, 4 + place] = size // 10_000 ** (NUMERIC_DIGITS - 1 - place) % 10_000
    return _big_endian(shape.reshape(-1), ">u2").reshape(len(values), 2 * shape.shape[1])
