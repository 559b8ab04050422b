"""What a fitted model shows of itself: a summary, plots and a page, for notebooks.

These methods stand on modules above the estimator, which they import when they are called.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from torchdec._dec import DEC
    from torchdec.rows import Rows


class NoRowsError(ValueError, AttributeError):
    """Rows are wanted that the model doesn't hold; `hasattr` finds no `summary_` then."""


class Display:
    """Mixin of `torchdec.DEC`.

    The rows of the fit are kept for it, as they were given and not copied. They don't go into pickles and model
    files; methods of a model that was loaded take them as `X`.
    """

    max_iter: int
    cluster_names_: list[str]
    _fitted_rows: "Rows"

    @property
    def n_clusters_(self) -> int:
        """Number of clusters, also where it was chosen or edited."""
        check_is_fitted(self)
        return len(self.cluster_names_)

    def __dir__(self) -> list[str]:
        # scikit-learn's asks for the value of each attribute, and the summary would be made each time.
        return sorted(object.__dir__(self))

    @property
    def summary_(self) -> "DataFrame":
        """What each cluster of the rows of the fit is: `torchdec.clusters.summary`; needs pandas."""
        from torchdec.clusters import summary

        return summary(self._model(), self._rows(None))

    def plot(
        self,
        kind: Literal["map", "profiles", "tree"] = "map",
        X: Any = None,
        *,
        ax: "Axes | None" = None,
    ) -> "Axes":
        """Draw the clusters with matplotlib.

        Parameters
        ----------
        kind : {"map", "profiles", "tree"}, default="map"
            "map" shows at most 5,000 rows in the plane, alike ones near each other; "profiles" what tells each
            cluster from all other rows, column by column (Cliff's delta of a table, else standard deviations);
            "tree" which clusters are alike, by the distances of their centres.
        X : array, sparse matrix, DataFrame or Rows of shape (n, d), optional
            The rows to show; those of the fit by default, where the model still has them.
        ax : matplotlib.axes.Axes, optional
            Where to draw; new ones by default.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If `kind` is none of these, or `X` is needed and not given.
        ImportError
            Without matplotlib.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from torchdec import DEC, NeighborEncoder
        >>> X = load_iris(as_frame=True).data
        >>> model = DEC(3, representation=NeighborEncoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
        >>> model.plot("profiles").get_xticklabels()[0].get_text().split()[0]
        '0'
        """
        from torchdec.report._plots import draw

        return draw(self._model(), kind, None if kind == "tree" else self._rows(X), ax)

    def report(self, path: str | PathLike[str], X: Any = None, *, labels: Any = None) -> Path:
        """Write a page that shows the clusters: one HTML file, which needs no network.

        Parameters
        ----------
        path : str or path-like
            The file to write; one that is there is replaced.
        X : array, sparse matrix, DataFrame or Rows of shape (n, d), optional
            The rows to show; those of the fit by default, where the model still has them.
        labels : array of shape (n,), optional
            Known classes, to compare the clusters with.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        ValueError
            If `X` is needed and not given, or does not suit the model.
        """
        from torchdec.report import of_model
        from torchdec.runs import write_file

        page = of_model(self._model(), self._rows(X), labels).encode()

        def write(new: Path) -> None:
            new.write_bytes(page)

        write_file(Path(path), write, force=True)
        return Path(path)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a file, which `torchdec.load` reads: `torchdec.save`."""
        from torchdec._model_file import save

        save(self._model(), path)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: after a fit, the clusters above the parameters."""
        diagram = str(estimator_html_repr(self))
        if not hasattr(self, "cluster_names_"):
            return diagram
        from torchdec.report import as_html

        return as_html(self._model(), getattr(self, "_fitted_rows", None)) + diagram

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy all but the rows of the fit, which the copy refers to as well."""
        copy = memo[id(self)] = type(self).__new__(type(self))
        if hasattr(self, "_fitted_rows"):
            memo[id(self._fitted_rows)] = self._fitted_rows
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        return copy

    def __getstate__(self) -> dict[str, Any]:
        state = dict(cast("Any", super()).__getstate__())
        state.pop("_fitted_rows", None)
        return state

    def _model(self) -> "DEC":
        check_is_fitted(self)
        return cast("DEC", self)

    def _rows(self, X: Any) -> "Rows":
        """Return rows that were given, as the model reads them, or else those of the fit."""
        from torchdec._representation import validated_rows

        if X is not None:
            return validated_rows(self._model(), X)
        if not hasattr(self._model(), "_fitted_rows"):
            raise NoRowsError("X is None, but this model doesn't hold the rows of its fit; give them as X.")
        return self._fitted_rows

    def _progress(self, verbose: int) -> AbstractContextManager[Callable[[Any], None]]:
        """Return what shows the records of a fit on stderr, where that is wanted."""
        if not verbose:
            return nullcontext(lambda _: None)
        from torchdec.cli._progress import progress

        return progress(False, self.max_iter)
