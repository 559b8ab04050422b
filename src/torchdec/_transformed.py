"""A scikit-learn transformer as a representation: what it makes of the rows is their embedding, to begin with."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from sklearn.base import clone, is_clusterer
from sklearn.utils.discovery import all_estimators
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from torchdec._core.batches import CHUNK
from torchdec._core.free_embedding import Embedded
from torchdec._core.journal import Journal
from torchdec._core.layers import Stack, empty_linear
from torchdec._core.records import Epoch, Search
from torchdec._representation import Representation, freeze
from torchdec.rows import Rows
from torchdec.rows._derived import TransformedRows
from torchdec.rows._shown import shown


class TransformerError(ValueError):
    """A transformer that a file cannot bring back."""


class Transformed(Representation):
    """The representation that `DEC` makes of a transformer such as `sklearn.decomposition.PCA`.

    The transformer is fitted on all rows at once, as an array, unless it is `frozen`, and gets `random_state`
    where it has one that was left open. Self-training then trains a linear map of what it makes of a row, the
    identity to begin with, and leaves the transformer as it is.
    """

    has_decoder = False
    # What a transformer makes has the units that it gave it; only an offset leaves, as a truncated SVD keeps.
    standardize = False

    def __init__(
        self,
        transformer: Any,
        *,
        frozen: bool = False,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.transformer = transformer
        self.frozen = frozen
        self.device = device
        self.random_state = random_state

    def learn(
        self,
        rows: Rows,
        started: float,  # noqa: ARG002
        journal: Journal,
        embedded: Embedded | None = None,  # noqa: ARG002
    ) -> Iterator[Search | Epoch]:
        """Fit the transformer to rows that were validated."""
        self.transformer_ = self._fitted(rows)
        made = TransformedRows(rows, self.transformer_)
        self._scaled(made, journal)
        width = made.shape[1]
        identity = empty_linear(width, width)
        with torch.no_grad():
            identity.weight.copy_(torch.eye(width))
            identity.bias.zero_()
        self.encoder_, self.decoder_ = freeze(Stack(identity)), None
        self.history_ = []
        yield from ()

    def _fitted(self, rows: Rows) -> Any:
        if self.frozen:
            check_is_fitted(self.transformer)
            return self.transformer
        transformer = clone(self.transformer)
        if transformer.get_params(deep=False).get("random_state", ...) is None:
            transformer.set_params(random_state=self.random_state)
        return transformer.fit(np.concatenate(list(rows.chunks(CHUNK))))


def to_parts(transformer: Any) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
    """Take a fitted transformer of scikit-learn apart, into what JSON holds and tensors; None is None.

    Raises
    ------
    TransformerError
        If it is of another package, or holds what neither can.
    """
    if transformer is None:
        return None, {}
    name = type(transformer).__name__
    if transformer_class(name) is not type(transformer):
        raise TransformerError(f"{name} isn't a transformer of scikit-learn; a file cannot bring it back.")
    plain: dict[str, Any] = {}
    tensors: dict[str, Tensor] = {}
    fortran = []
    for key, value in vars(transformer).items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            tensors[key] = torch.from_numpy(np.array(value, order="C"))
            if not value.flags.c_contiguous:  # products in another order have other last digits
                fortran.append(key)
        else:
            plain[key] = _plain(value, f"{name} holds a {type(value).__name__} in {key}")
    return {"class": name, "attributes": plain, "fortran": fortran}, tensors


def _plain(value: Any, what: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and all(isinstance(each, str) for each in value.flat):
        return {"strings": value.tolist()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple) and all(isinstance(each, int | float | str) for each in value):
        return {"tuple": list(value)}
    raise TransformerError(
        f"{what}, which a file cannot bring back; try another transformer, or transform the rows before."
    )


def from_parts(plain: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """Put a transformer together again.

    Raises
    ------
    TransformerError
        If scikit-learn has none of that name.
    """
    kind = transformer_class(plain["class"])
    if kind is None:
        raise TransformerError(f"this scikit-learn has no transformer {plain['class']!r}")
    transformer = kind.__new__(kind)
    for key, value in plain["attributes"].items():
        match value:
            case {"strings": list(strings)}:
                setattr(transformer, key, np.array(strings, dtype=object))
            case {"tuple": list(items)}:
                setattr(transformer, key, tuple(items))
            case _:
                setattr(transformer, key, value)
    for key, tensor in tensors.items():
        array = tensor.numpy()
        setattr(transformer, key, np.asfortranarray(array) if key in plain["fortran"] else array)
    return transformer


def transformer_class(name: str) -> Any:
    """Return the transformer of scikit-learn of that name, or None."""
    return dict(all_estimators("transformer")).get(name)


def of_estimator(estimator: Any, *, frozen: bool = False) -> Representation:
    """Return a representation as it is, and one made of any other transformer.

    Raises
    ------
    ValueError
        If it is a clusterer: some have a `transform`, whose distances to centres are no embedding.
    """
    if is_clusterer(estimator):
        raise ValueError(
            f"representation={shown(estimator)} makes clusters, but an embedding is needed; try "
            'representation="neighbors", or a transformer such as PCA(20).'
        )
    return estimator if isinstance(estimator, Representation) else Transformed(estimator, frozen=frozen)
