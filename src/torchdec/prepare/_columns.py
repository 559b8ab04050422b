"""The preparation of tables as a transformer of scikit-learn, and what it takes each column for."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from torchdec.prepare._coding import Levels
from torchdec.prepare._features import Features
from torchdec.prepare._mixed import Column, Mixed, Values, is_missing

# Characters of an example.
_LONGEST = 30


class Overview(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    column, role : str
        Its name; "number", "skewed number", "amount", "date", "duration", "yes/no", "kind", "ordered kind", or of
        columns that are no features "id", "label", "text", "name", "constant", "ignored" or "other".
    why : str
        What shows it.
    missing : float
        Share of the rows.
    example : str
        The first value that is not missing, as it stands in the table.
    done : str
        What becomes of it.
    """

    column: str
    role: str
    why: str
    missing: float
    example: str
    done: str


def overview(prepared: Features | Mixed, values: Values, names: Sequence[str]) -> list[Overview]:
    """Return a line for each column of a table, in their order; `values` gives the column of a name."""
    features = prepared.features if isinstance(prepared, Mixed) else prepared
    of_role = {column.name: column for column in prepared.columns} if isinstance(prepared, Mixed) else {}
    out = {column.name: column for column in features.left_out}
    lines = []
    for name in names:
        missing, example = _missing_and_example(values(name))
        if name in of_role:
            column = of_role[name]
            missing = float(is_missing(column.read(values)).mean())
            role, why, done = column.parsed_role, column.reader.why, _done(column)
        elif name in out:
            role, why, done = out[name].role, out[name].why.rstrip(","), "left out"
        elif name in features.features:
            role, why, done = "number", "all features are numbers, and none is missing", "taken as it stands"
        else:
            role, why, done = "other", "the fit did not see it", "left out"
        lines.append(Overview(name, role, why, missing, example, done))
    return lines


def _done(column: Column) -> str:
    coding = column.coding
    if isinstance(coding, Levels):
        return f"{coding.width} levels"
    steps = [f"{len(column.reader.levels)} levels in order"] if column.reader.role == "ordered kind" else []
    steps += ["log"] if coding.is_skewed else []
    steps.append("standardised")
    steps += ["time of the year"] if coding.season is not None else []
    if coding.gaps is not None:
        steps.append("gaps told")
    return ", ".join(steps)


def _missing_and_example(column: pa.ChunkedArray) -> tuple[float, str]:
    gone = pc.is_null(column, nan_is_null=True)
    n_missing = pc.sum(gone).as_py() or 0
    if n_missing == len(column):
        return 1.0 if len(column) else 0.0, ""
    value = column[pc.index(gone, False).as_py()].as_py()
    text = value if isinstance(value, str) else f"{value:.6g}" if isinstance(value, float) else str(value)
    return n_missing / len(column), text[:_LONGEST]


class Columns(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Make rows of numbers of a table as people have them, so that distances between its rows mean something.

    Each column is read by its role, which its cells show: numbers and amounts ("$1,234.00", "34 %", "1.234,50 €"),
    dates in any spelling, durations, yes/no, kinds, and kinds in an order ("low", "medium", "high"). Then each
    counts once, whatever it holds: numbers in units of their deviation, after a logarithm where they are skewed;
    the levels of a kind together as much as one number. Missing numbers get the median, and a column of their own
    that tells them where one in twenty is missing; missing kinds are a level. Of dates over two years or more the
    time of the year counts too, as a sine and a cosine. Labels, ids, texts and constants are
    left out, which is told.

    `torchdec.DEC` does this by itself with a data frame or a file that holds more than numbers, or has gaps; so
    this class is to look at what it does, or for other estimators.

    Parameters
    ----------
    roles : mapping of str to str, optional
        What columns mean, where their cells do not show it; see `torchdec.rows.read_rows`.
    use, ignore : sequence of str, default=()
        Columns that are features, and that are none, whatever they look like.

    Attributes
    ----------
    columns_ : list of Overview
        Of each column of the table: column, role, why, missing, example, done.
    n_features_in_ : int
        Columns of the table.

    Examples
    --------
    >>> import pandas as pd
    >>> from torchdec.prepare import Columns
    >>> table = pd.DataFrame({
    ...     "plan": ["Free", "Pro", "Free", "Pro"],
    ...     "paid": ["$1,200.00", "$80", "$12", "$3"],
    ...     "since": ["2026-01-31", "2025-12-01", None, "2026-02-03"],
    ... })
    >>> columns = Columns().fit(table)
    >>> [(column.column, column.role) for column in columns.columns_]
    [('plan', 'kind'), ('paid', 'amount'), ('since', 'date')]
    >>> columns.get_feature_names_out().tolist()
    ['plan=Free', 'plan=Pro', 'paid', 'since', 'since=there', 'since=missing']
    >>> columns.transform(table).shape
    (4, 6)
    """

    def __init__(
        self, roles: Mapping[str, str] | None = None, *, use: Sequence[str] = (), ignore: Sequence[str] = ()
    ) -> None:
        self.roles = roles
        self.use = use
        self.ignore = ignore

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Learn what each column means and how it is to be coded.

        Parameters
        ----------
        X : data frame of pandas, polars, pyarrow or DuckDB, of shape (n, columns)
        y : ignored

        Raises
        ------
        torchdec.rows.RowsError
            A ValueError, if a cell cannot be read as the others of its column, or no column tells rows apart.
        """
        from torchdec.rows._frames import Frame

        frame = Frame(X)
        self.prepared_: Mixed = frame.fit_by_role(self.use, self.ignore, self.roles)
        self.columns_: list[Overview] = frame.overview(self.prepared_)
        self.n_features_in_ = len(frame.names)
        self.feature_names_in_ = np.array(frame.names, dtype=object)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return a row for each row of a table, float32 (n, features); NaN where a row holds nothing.

        Columns are found by their names, in any order.

        Raises
        ------
        torchdec.rows.RowsError
            A ValueError, if a column is missing or a cell cannot be read as those of the fit were.
        """
        from torchdec.rows._frames import Frame

        check_is_fitted(self)
        rows = Frame(X).rows_of(self.prepared_)
        return rows.take(np.arange(len(rows)))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the features, as 'age' and 'plan=Pro'."""
        check_is_fitted(self)
        return np.array(self.prepared_.names, dtype=object)
