"""What every representation (stage 1) has in common: it learns an encoder, and its transform is the code."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import wraps
from time import perf_counter
from typing import Any, Literal, Self, TypeVar, cast

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor, nn

from torchdec._core.batches import embed
from torchdec._core.compute import Compute, Precision, resolve
from torchdec._core.journal import Checkpoint, Journal, opened
from torchdec._core.records import Epoch, Search
from torchdec._core.scaling import learn_scale
from torchdec._core.torch_globals import under_own_globals
from torchdec.rows import Rows, as_rows, check_finite
from torchdec.rows._convert import refuse_unseen
from torchdec.rows._standardized import standardized

# Kept as they are and cast batch by batch; anything else is converted whole to the first of them.
_KEPT_DTYPES = [np.dtype(name) for name in ["f4", "f8", "f2", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "?"]]

_Steps = TypeVar("_Steps", bound=Callable[..., Iterator[Any]])


def undone_if_unfinished(iter_fit: _Steps) -> _Steps:
    """Have a fit that fails, or is left before it made a model, give the estimator back as it was.

    What the fit sets last, `history_`, tells whether there is a model.
    """

    @wraps(iter_fit)
    def steps(self: BaseEstimator, *args: Any, **kwargs: Any) -> Iterator[Any]:
        before = {name: value for name, value in vars(self).items() if name.endswith("_")}
        try:
            yield from iter_fit(self, *args, **kwargs)
        except BaseException:
            if getattr(self, "history_", None) is before.get("history_"):
                for name in [name for name in vars(self) if name.endswith("_")]:
                    delattr(self, name)
                vars(self).update(before)
            raise

    return cast("_Steps", steps)


def validated_rows(estimator: BaseEstimator, X: Any, *, reset: bool) -> Rows:
    """Check `X` against the estimator (or, with `reset`, set its width and feature names) and make it `Rows`.

    Raises
    ------
    ValueError
        If `X` is not two-dimensional and numeric, has NaN or infinite values, or another width or other
        feature names than at fit.
    """
    if isinstance(X, Rows | np.memmap) or hasattr(X, "obs_names"):
        # validate_data would forget that a memmap lies on disk, where rows are best read in order, and knows no
        # AnnData.
        rows = as_rows(X)
        _check_columns(estimator, rows, reset=reset)
    else:
        refuse_unseen(X)
        rows = as_rows(
            validate_data(
                estimator, X, accept_sparse="csr", dtype=_KEPT_DTYPES, ensure_all_finite=False, reset=reset
            )
        )
    check_finite(rows)
    return rows


def _check_columns(estimator: BaseEstimator, rows: Rows, *, reset: bool) -> None:
    width, names = rows.shape[1], rows.feature_names
    if reset:
        estimator.n_features_in_ = width
        if names is not None:
            estimator.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
        return
    refuse_other_names(names, getattr(estimator, "feature_names_in_", None))
    if width != estimator.n_features_in_:
        raise ValueError(
            f"X has {width} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input."
        )


def refuse_other_names(names: Any, fitted_names: Any) -> None:
    """Refuse columns that had other names, or another order, at fit; either may be None, which tells nothing."""
    if names is None or fitted_names is None or list(names) == list(fitted_names):
        return
    differ = "The feature names of X differ from those at fit:"
    known, given = set(fitted_names), set(names)
    missing = [name for name in fitted_names if name not in given]
    unknown = [name for name in names if name not in known]
    if missing or unknown:
        lacks = [f"lacks {_first(missing)}"] if missing else []
        has = [f"has {_first(unknown)}, unknown to the fit"] if unknown else []
        raise ValueError(f"{differ} X {' and '.join(lacks + has)}; give the columns {_first(fitted_names)}.")
    if len(names) == len(fitted_names):
        unlike = next(i for i, pair in enumerate(zip(names, fitted_names, strict=True)) if pair[0] != pair[1])
        raise ValueError(
            f"{differ} column {unlike} is {names[unlike]!r} and was {fitted_names[unlike]!r}; put the columns "
            f"in the order {_first(fitted_names)}."
        )


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more


class Representation(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the estimators that `torchdec.DEC` takes as its representation.

    A subclass has the parameters `standardize`, `device`, `precision` and `random_state`, and learns in `_train`
    the attributes `encoder_` (a stack that maps scaled rows to the code) and `decoder_` (None without
    `has_decoder`).
    """

    standardize: bool | Literal["auto"]
    device: str
    precision: Precision
    random_state: Any
    encoder_: nn.Module
    decoder_: nn.Module | None
    scale_: float
    feature_means_: NDArray[np.float32] | None
    feature_deviations_: NDArray[np.float32] | None
    history_: list[Epoch]
    n_features_in_: int

    @property
    @abstractmethod
    def has_decoder(self) -> bool:
        """Whether a decoder is trained too."""

    @abstractmethod
    def _train(self, rows: Rows, compute: Compute, started: float, journal: Journal) -> Iterator[Search | Epoch]:
        """Learn `encoder_` and `decoder_` from `scale_` times the rows, reporting on the way."""

    def fit(self, X: Any, y: None = None, *, checkpoint: Checkpoint | None = None) -> Self:  # noqa: ARG002
        """Learn the representation.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or Rows of shape (n, d)
            Any real numeric dtype; cast to float32 batch by batch.
        y : None
            Ignored.
        checkpoint : torchdec.Checkpoint or None, default=None
            Where the fit is kept on the way, and goes on from if it was interrupted.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, `X` or the checkpoint is not usable; the message says what to try.
        FloatingPointError
            If the loss stops being finite.
        """
        for _ in self.iter_fit(X, checkpoint=checkpoint):
            pass
        return self

    @under_own_globals
    @undone_if_unfinished
    def iter_fit(self, X: Any, *, checkpoint: Checkpoint | None = None) -> Iterator[Search | Epoch]:
        """Fit step by step: a generator of `Search` and `Epoch` records; the estimator is fitted when it ends.

        If it fails or is closed before, the estimator is as it was.
        """
        started = perf_counter()
        self._validate_params()
        rows = validated_rows(self, X, reset=True)
        with opened(checkpoint, self, rows) as journal:
            yield from self.learn(rows, started - journal.seconds, journal)

    def learn(self, rows: Rows, started: float, journal: Journal, which: str = "") -> Iterator[Search | Epoch]:
        """Fit to rows that were validated, as a part of the fit that has this journal and began at that time.

        `which` is added to the stage of each record, where the fit trains several.
        """
        compute = resolve(self.device, self.precision)
        self.scale_, *columns = journal.once("scale", lambda: learn_scale(rows, self.standardize, compute))
        self.feature_means_, self.feature_deviations_ = (
            None if column is None else column.numpy() for column in columns
        )
        for record in self._train(self.prepared(rows), compute, started, journal):
            if isinstance(record, Epoch):
                record = replace(record, stage=record.stage + which)
                journal.record(record)
            yield record
        self.history_ = [record for record in journal.history if isinstance(record, Epoch)]

    def prepared(self, rows: Rows) -> Rows:
        """Return the rows as the encoder takes them but for `scale_`: standardised where columns were."""
        return standardized(rows, self.feature_means_, self.feature_deviations_)

    @under_own_globals
    def transform(self, X: Any) -> Float32[NDArray[np.float32], "rows code"]:
        """Embed rows: their code, float32 of shape (n, z); computed chunk by chunk in float32.

        Raises
        ------
        ValueError
            If `X` has another width than at fit, or values that are not finite.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self, "encoder_")
        rows = self.prepared(validated_rows(self, X, reset=False))
        compute = resolve(self.device, "float32")
        return embed(self.encoder_.to(compute.device), rows, self.scale_, compute).cpu().numpy()

    @available_if(lambda self: self.has_decoder)  # type: ignore[untyped-decorator]
    @under_own_globals
    def inverse_transform(self, Z: Any) -> Float32[NDArray[np.float32], "rows features"]:
        """Reconstruct rows from their code, on the scale of the rows given to `fit`.

        Parameters
        ----------
        Z : array of shape (n, z)

        Returns
        -------
        array of shape (n, d), float32

        Raises
        ------
        ValueError
            If `Z` has another width than the code, or no decoder was trained.
        """
        check_is_fitted(self, "decoder_")
        if self.decoder_ is None:
            raise ValueError(
                f"{type(self).__name__} was fitted without a decoder; fit it again, now that it asks for one."
            )
        Z = check_array(Z, dtype=np.float32)
        if Z.shape[1] != self._n_features_out:
            raise ValueError(f"Z has {Z.shape[1]} columns, but the code has {self._n_features_out}.")
        compute = resolve(self.device, self.precision)
        with torch.inference_mode():
            rows: Tensor = self.decoder_.to(compute.device)(torch.from_numpy(Z).to(compute.device)) / self.scale_
        values = rows.cpu().numpy()
        if self.feature_means_ is not None:
            values = values * self.feature_deviations_ + self.feature_means_
        return values

    @property
    def _n_features_out(self) -> int:
        last: nn.Linear = self.encoder_[-1]  # type: ignore[index]
        return last.out_features

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "history_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def freeze(network: nn.Module) -> nn.Module:
    """Put a trained network into evaluation mode, without gradients."""
    return network.eval().requires_grad_(False)
