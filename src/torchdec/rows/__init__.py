"""Where rows come from: one protocol for arrays, sparse matrices, data frames and files.

Importing this package does not import torch.
"""

from torchdec.rows._convert import as_rows
from torchdec.rows._files import read_rows
from torchdec.rows._finite import check_finite
from torchdec.rows._protocol import Rows, RowsError, RowsWarning
from torchdec.rows._reading import Preparation, Reading

__all__ = ["Preparation", "Reading", "Rows", "RowsError", "RowsWarning", "as_rows", "check_finite", "read_rows"]
