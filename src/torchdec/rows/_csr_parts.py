"""CSR matrices in `.npz` files, one or many."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from torchdec.rows._blocks import BlockRows
from torchdec.rows._convert import refuse_unusable
from torchdec.rows._ids import ids_in_files
from torchdec.rows._precision import row_dtype
from torchdec.rows._protocol import RowsError

_CSR_PARTS = ("data", "indices", "indptr", "shape")


class CsrPartRows(BlockRows):
    """Rows of several `.npz` files of one CSR matrix each, below each other; a file is a block.

    A file is read whole when a row of it is wanted: numpy maps no array into memory that lies within an archive.
    `ids` are the file of each row, and its number in it.
    """

    def __init__(self, paths: Sequence[Path], folder: Path) -> None:
        self._paths = []
        sizes, largest, width = [], 1, None
        for path in paths:
            n_rows, n_features, n_bytes = _look(path)
            if width is None:
                width = n_features
            if n_features != width:
                raise RowsError(
                    f"{path}: has {n_features} features, and {paths[0].name} {width}; give all as many"
                )
            if n_rows > 0:
                self._paths.append(path)
                sizes.append(n_rows)
                largest = max(largest, n_bytes)
        refuse_unusable((sum(sizes), width or 0), np.dtype(np.float32), str(folder))
        super().__init__(sizes, width or 0, largest)
        self.ids = ids_in_files(self._paths, sizes, folder)

    def _read(self, number: int) -> csr_array:
        path = self._paths[number]
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                matrix = csr_matrix(archive, path)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise _damaged(path, error) from error
        size = int(self.block_starts[number + 1] - self.block_starts[number])
        if matrix.shape != (size, self.shape[1]):
            raise RowsError(f"{path}: now has shape {matrix.shape}, not {(size, self.shape[1])}; open it again")
        refuse_unusable(matrix.shape, matrix.dtype, str(path))
        # scipy cannot compute with these dtypes.
        odd = matrix.dtype == np.float16 or not matrix.dtype.isnative
        return matrix.astype(row_dtype(matrix.dtype)) if odd else matrix


def _look(path: Path) -> tuple[int, int, int]:
    """Return the rows, features and bytes of a part, without reading its values."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if "shape" not in archive.files:
                raise RowsError(
                    f"{path}: holds the arrays {', '.join(archive.files) or '(none)'}; the files of a folder are "
                    f"CSR parts: {', '.join(_CSR_PARTS)}"
                )
            n_rows, n_features = archive["shape"].tolist()
            return n_rows, n_features, sum(member.file_size for member in archive.zip.infolist())
    except RowsError:
        raise
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RowsError:
    reason = " ".join(str(error).split()).rstrip(".")
    return RowsError(f"{path}: cannot be read as .npz ({reason}); it may be damaged: write it again")


def csr_matrix(archive: np.lib.npyio.NpzFile, path: Path) -> csr_array:
    """Return the CSR matrix of an archive, checked; scipy.sparse.save_npz writes such archives."""
    if not set(_CSR_PARTS) <= set(archive.files):
        raise RowsError(
            f"{path}: holds the arrays {', '.join(archive.files) or '(none)'}; "
            f"wanted are an array x, or the CSR parts {', '.join(_CSR_PARTS)}"
        )
    # scipy.sparse.save_npz gives the parts of a CSC matrix the same names.
    kind = archive["format"].item() if "format" in archive.files else b"csr"
    if kind not in (b"csr", "csr"):
        raise RowsError(f"{path}: holds a sparse matrix of format {kind!r}; save matrix.tocsr() instead")
    data, indices, indptr, shape = (archive[part] for part in _CSR_PARTS)
    matrix = csr_array((data, indices, indptr), shape=tuple(shape.tolist()))
    # An index out of bounds would make scipy read and write outside its arrays.
    matrix.check_format(full_check=True)
    return matrix
