"""How rows are made of tables, texts, images and cells: learnt in the fit, kept in the model, used for new rows.

What is here knows no files (`torchdec.rows` reads them) and no torch.
"""

from torchdec.prepare._columns import Columns

__all__ = ["Columns"]
