"""Values out of columns of Arrow: floats, texts, and how often each text occurs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# Whole numbers up to here have a float64 each.
_WHOLE = 1 << 53
_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def floats_of(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers, days of dates, and seconds of times and durations; NaN for what is missing."""
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        stamps = column.cast(pa.timestamp("us"), safe=False)
        return _plain_floats(stamps.cast(pa.int64())) / 86_400e6
    if pa.types.is_time(kind) or pa.types.is_duration(kind):  # in their own unit: nanoseconds may be all there is
        whole = pa.int32() if pa.types.is_time32(kind) else pa.int64()
        return _plain_floats(column.cast(whole)) / _PER_SECOND[kind.unit]
    return _plain_floats(column)


def _plain_floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def rounded(values: NDArray[Any]) -> str:
    """Return what is to be told of whole numbers that float64 doesn't hold; nothing of others."""
    if values.dtype.kind not in "iuO" or not len(values) or max(-int(values.min()), int(values.max())) <= _WHOLE:
        return ""
    return f"holds whole numbers beyond {_WHOLE:,}, whose last digits are lost; subtract what they have in common"


def as_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of anything as texts."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def categories(column: pa.ChunkedArray) -> list[Any]:
    """Return the categories of a column of such, in their order."""
    chunk = column.unify_dictionaries().chunk(0)
    return list(chunk.dictionary.to_pylist())


def encoded(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """Return the different texts of a column, without blanks around them, and which each row has, -1 for null."""
    combined = as_texts(column).combine_chunks()
    encoded = combined.dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    words = [word.strip() for word in encoded.dictionary.to_pylist()]
    codes = np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    return words, codes


def counted(words: Sequence[str], codes: NDArray[np.int64]) -> dict[str, int]:
    """Return how many rows have each text, the first to come first."""
    counts: dict[str, int] = {}
    for word, count in zip(words, np.bincount(codes[codes >= 0], minlength=len(words)).tolist(), strict=True):
        counts[word] = counts.get(word, 0) + count
    return counts
