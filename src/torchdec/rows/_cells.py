"""Rows of cells."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec.prepare._cells import Cells, block_size
from torchdec.rows._blocks import SlicedRows
from torchdec.rows._protocol import RowsError
from torchdec.rows._reading import Preparation, Reading


class CellRows(SlicedRows):
    """Rows of cells, read a block at a time.

    Attributes
    ----------
    preparation : Preparation
        Of `Cells`: the genes and the total of the counts.
    """

    def __init__(
        self, source: Any, genes: Sequence[str], cells: list[str], name: str, prepared: Cells, reading: Reading
    ) -> None:
        try:
            columns = prepared.columns(genes)
        except ValueError as error:
            raise RowsError(f"{name}: {error}") from None
        values = _Prepared(source, columns, prepared, name)
        super().__init__(values, block_size(len(genes)), list(prepared.genes), cells)
        self.preparation = Preparation(reading, prepared)


class _Prepared:
    """Slices of a source, prepared."""

    dtype = np.dtype(np.float32)

    def __init__(self, source: Any, columns: NDArray[np.int64], prepared: Cells, name: str) -> None:
        self._source, self._columns, self._prepared, self._name = source, columns, prepared, name
        self.shape = (source.shape[0], len(columns))

    def __getitem__(self, rows: slice) -> Any:
        try:
            return self._prepared.transform(self._source[rows.start : rows.stop], self._columns)
        except ValueError as error:
            raise RowsError(f"{self._name}: {error}") from None
