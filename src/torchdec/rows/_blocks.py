"""Rows that lie in blocks on a disk, of which a few are in memory at a time."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from torchdec.rows._precision import row_dtype
from torchdec.rows._protocol import RowsError, spans

# Memory for blocks that are kept.
KEPT_BYTES = 1 << 28
# Rows that are made dense at a time while a block is handed on.
_STEP = 4096


class BlockRows(ABC):
    """Rows of a source that is read a block at a time: a row group, a chunk, a part.

    A block stays as it was read, in its own dtype, dense or CSR. As many as fit into 256 MB are kept (`n_kept`),
    and at least one; the longest unused goes first. While a pass in order hands out one block, a thread reads the
    next. `sizes` are the rows of each, at least 1, and `block_bytes` those of the largest in memory;
    `block_starts` are the first row of each of the b blocks, and n, int64 (b + 1,).
    """

    def __init__(
        self, sizes: Sequence[int], n_features: int, block_bytes: int, feature_names: list[str] | None = None
    ) -> None:
        self.block_starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.n_kept = max(1, KEPT_BYTES // max(1, block_bytes))
        self.shape, self.feature_names = (int(self.block_starts[-1]), n_features), feature_names
        self._kept: OrderedDict[int, Any] = OrderedDict()
        # Readers such as HDF5's are not safe to be called from two threads at once.
        self._lock = Lock()

    @abstractmethod
    def _read(self, number: int) -> Any:
        """Read a block: an ndarray of numbers, or a CSR matrix, of shape (rows of the block, d)."""

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, index: NDArray[np.int64]) -> NDArray[Any]:
        """Return the rows at `index`, in that order: of shape (m, d), fresh and C-contiguous."""
        block_of = np.searchsorted(self.block_starts, index, side="right") - 1
        parts = []
        # Those in memory first, before reading others pushes them out.
        for number in sorted(np.unique(block_of).tolist(), key=lambda number: number not in self._kept):
            here = np.flatnonzero(block_of == number)
            parts.append((here, _dense(self._block(number), index[here] - self.block_starts[number])))
        # Blocks may differ in dtype: a file without missing values holds whole numbers, say.
        dtype = np.result_type(*(values.dtype for _, values in parts)) if parts else np.dtype(np.float32)
        rows = np.empty((len(index), self.shape[1]), dtype)
        for here, values in parts:
            rows[here] = values
        return rows

    def chunks(self, size: int) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, `size` at a time: fresh and C-contiguous."""
        next(spans(len(self), size))  # refuses a wrong size
        parts: list[NDArray[Any]] = []
        lacking = size
        for piece in self._pieces():
            while len(piece):
                parts.append(piece[:lacking])
                piece, lacking = piece[lacking:], lacking - len(parts[-1])
                if not lacking:
                    yield np.ascontiguousarray(np.concatenate(parts))
                    parts, lacking = [], size
        if parts:
            yield np.ascontiguousarray(np.concatenate(parts))

    def _pieces(self) -> Iterator[NDArray[Any]]:
        """Yield all rows in order, in pieces of a block, while a thread reads the block after it."""
        n_blocks = len(self.block_starts) - 1
        # Where not all fit, those of a pass in order would only push others out.
        keep = n_blocks <= self.n_kept
        with ThreadPoolExecutor(1) as reader:
            following = reader.submit(self._block, 0, keep=keep)
            for number in range(n_blocks):
                block = following.result()
                if number + 1 < n_blocks:
                    following = reader.submit(self._block, number + 1, keep=keep)
                for span in spans(block.shape[0], _STEP):
                    yield _dense(block, span)

    def _block(self, number: int, *, keep: bool = True) -> Any:
        """Return a block from memory, or read it and, with `keep`, have it stay there."""
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
            while keep and len(self._kept) >= self.n_kept:
                self._kept.popitem(last=False)
            block = self._read(number)
            if keep:
                self._kept[number] = block
            return block


class SlicedRows(BlockRows):
    """Rows of anything on a disk whose slices ``source[a:b]`` are arrays or CSR matrices: HDF5, Zarr.

    `block_size` rows are read at once; best a multiple of how the file is cut.
    """

    def __init__(
        self,
        source: Any,
        block_size: int,
        feature_names: list[str] | None = None,
        names: list[str] | None = None,
    ) -> None:
        n_rows, n_features = source.shape
        sizes = [span.stop - span.start for span in spans(n_rows, block_size)]
        super().__init__(sizes, n_features, block_size * n_features * source.dtype.itemsize, feature_names)
        self._source = source
        self.names = names

    def _read(self, number: int) -> Any:
        first, end = int(self.block_starts[number]), int(self.block_starts[number + 1])
        try:
            return self._source[first:end]
        except (RowsError, MemoryError):
            raise
        except Exception as error:  # damaged bytes make decoders raise errors of any kind
            raise RowsError(
                f"X has rows {first} to {end - 1} that cannot be read ({' '.join(str(error).split())}); "
                "they may be damaged: write them again"
            ) from error


def _dense(block: Any, index: NDArray[np.int64] | slice) -> NDArray[Any]:
    selected = block[index]
    values = selected.toarray() if issparse(selected) else selected
    with np.errstate(over="ignore"):  # check_finite reports what is beyond float64
        return np.asarray(values, dtype=row_dtype(values.dtype))
