"""What every representation (stage 1) has in common: it learns an encoder, and its transform is the embedding."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import wraps
from itertools import count
from time import perf_counter
from typing import Any, ClassVar, Literal, Self, TypeVar, cast

import numpy as np
import pyarrow as pa
import torch
from jaxtyping import Float, Float32
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_is_fitted, validate_data
from torch import Tensor, nn

from torchdec._core import workers
from torchdec._core.batches import embed
from torchdec._core.compute import Compute, Precision, resolve
from torchdec._core.free_embedding import Embedded
from torchdec._core.journal import Checkpoint, Journal, opened
from torchdec._core.layers import embedding_dim
from torchdec._core.objective import reconstruction_error
from torchdec._core.randomness import generator, split
from torchdec._core.records import Epoch, Search
from torchdec._core.scaling import learn_scale
from torchdec._core.torch_globals import under_own_globals
from torchdec._core.training import Adam, Source, one_cycle, train
from torchdec.prepare._features import Features
from torchdec.prepare._images import Pictures
from torchdec.prepare._mixed import Mixed
from torchdec.prepare._texts import Texts
from torchdec.rows import Preparation, Rows, as_rows, check_finite
from torchdec.rows._convert import as_dense, as_table, is_pictures, is_texts, refuse_unseen
from torchdec.rows._derived import StandardizedRows, TransformedRows, filled_rows
from torchdec.rows._frames import Frame, is_frame
from torchdec.rows._reading import Prepared, check_prepared
from torchdec.rows._shown import shown
from torchdec.rows._texts import text_rows
from torchdec.rows._vectors import plain, unmasked

# Kept as they are and cast batch by batch; anything else is converted whole to the first of them.
_KEPT_DTYPES = [np.dtype(name) for name in ["f8", "f4", "f2", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "?"]]

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


def validated_rows(estimator: BaseEstimator, X: Any) -> Rows:
    """Check `X` against a fitted estimator and make it `Rows`; some may hold nothing, and are all NaN.

    Raises
    ------
    ValueError
        If `X` is not two-dimensional and numeric, has another width or other feature names than at fit, infinite
        values, or NaN in rows that hold something.
    """
    return _checked(estimator, X, reset=False)[0]


def rows_to_fit(estimator: BaseEstimator, X: Any, *, reset: bool = True) -> tuple[Rows, Rows]:
    """Check `X` (with `reset`, it sets the estimator's width and names); return all rows, and those to learn from.

    Rows that hold nothing are left out of the latter, and told.

    Raises
    ------
    ValueError
        As from `validated_rows`, or if no row holds anything.
    """
    rows, empty = _checked(estimator, X, reset=reset)
    return rows, filled_rows(rows, empty)


def _checked(estimator: BaseEstimator, X: Any, *, reset: bool) -> tuple[Rows, NDArray[np.int64]]:
    X = plain(unmasked(X))
    if is_texts(X):
        X = _text_rows(estimator, X, reset=reset)
    if isinstance(X, Rows | np.memmap) or is_pictures(X) or hasattr(X, "obs_names"):
        # validate_data would forget that a memmap lies on disk, where rows are best read in order, and knows no
        # AnnData.
        rows = as_rows(X)
        if not reset:
            check_prepared(rows, _prepared_at_fit(estimator), "X")
        _check_columns(estimator, rows, reset=reset)
        _check_pictures(estimator, rows, reset=reset)
    elif not issparse(X) and is_frame(X):
        rows = _rows_of_frame(estimator, Frame(X), reset=reset)
    else:
        if not reset and isinstance(fitted := _prepared_at_fit(estimator), Mixed):  # of others scikit-learn tells
            check_prepared(X, fitted, "X")
        refuse_unseen(X)
        X = as_table(X)
        rows = as_rows(
            validate_data(
                estimator, X, accept_sparse="csr", dtype=_KEPT_DTYPES, ensure_all_finite=False, reset=reset
            )
        )
    if reset:
        estimator.preparation_ = getattr(rows, "preparation", Preparation())
    return rows, check_finite(rows)


def _prepared_at_fit(estimator: BaseEstimator) -> Prepared | None:
    """Return what the fit learnt of how its rows were made, if anything."""
    prepared: Prepared | None = getattr(estimator, "preparation_", Preparation()).prepared
    return prepared


def _text_rows(estimator: BaseEstimator, texts: Any, *, reset: bool) -> Rows:
    """Make rows of texts, with the words of the fit where there was one."""
    if reset:
        return text_rows(texts)
    prepared = _prepared_at_fit(estimator)
    if not isinstance(prepared, Texts):
        raise ValueError("X is a sequence of texts, but the model was fitted on other rows; give rows like those.")
    return text_rows(texts, prepared)


def _rows_of_frame(estimator: BaseEstimator, frame: Frame, *, reset: bool) -> Rows:
    """Return the columns of a frame that are features; those of later frames are the ones that the fit chose."""
    prepared = frame.fit() if reset else _prepared_at_fit(estimator)
    if isinstance(prepared, Mixed):
        rows = frame.rows_of(prepared)
        _check_columns(estimator, rows, reset=reset)
        return rows
    columns = prepared if isinstance(prepared, Features) else None
    places = frame.places(columns)
    names = [frame.names[place] for place in places]
    if frame.is_named and not frame.holds_lists(places):
        header = pa.table([pa.array([], pa.float64())] * len(names), names=names)
        try:
            validate_data(estimator, header, reset=reset, skip_check_array=True)
        except ValueError as error:  # scikit-learn's own words, which its checks of estimators ask for
            raise ValueError(f"{str(error).rstrip()}\n{_as_at_fit(names, estimator)}".rstrip()) from None
        return frame.rows(places, columns)
    rows = frame.rows(places, columns)
    validate_data(estimator, np.empty((0, rows.shape[1])), reset=reset, skip_check_array=True)
    return rows


def _as_at_fit(names: Sequence[str], estimator: BaseEstimator) -> str:
    """Say how to come from a frame of these columns to one of those at fit."""
    fitted_names = getattr(estimator, "feature_names_in_", None)
    if fitted_names is None:
        return ""
    if set(fitted_names) <= set(names):
        return "Give the columns of the fit in their order: X[list(model.feature_names_in_)]."
    return f"Give the columns {_first(fitted_names)}."


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


def _check_pictures(estimator: BaseEstimator, rows: Rows, *, reset: bool) -> None:
    """Refuse pictures of another shape than those of the fit, though they have as many pixels."""
    if reset:
        return
    prepared = _prepared_at_fit(estimator)
    given = getattr(rows, "preparation", Preparation()).prepared
    if isinstance(prepared, Pictures) and isinstance(given, Pictures) and prepared.shape != given.shape:
        raise ValueError(
            f"X has pictures of shape {given.shape}, but those at fit were {prepared.shape}; bring them to that "
            "shape."
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


class EmbedsRows(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Base of the estimators that embed rows.

    Once fitted, rows become what their encoder takes; and a parameter that cannot be used is named without all the
    values that it may hold.
    """

    feature_means_: Any
    feature_deviations_: Any
    transformer_: Any

    def prepared(self, rows: Rows) -> Rows:
        """Return the rows as the encoder takes them but for `scale_`: float32, transformed, standardised."""
        if self.transformer_ is not None:
            rows = TransformedRows(rows, self.transformer_)
        return StandardizedRows(rows, self.feature_means_, self.feature_deviations_)

    def _validate_params(self) -> None:
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            wanted, _, _ = str(error).partition(". Got ")
            value = getattr(self, wanted.split("'")[1])
            raise InvalidParameterError(f"{wanted}. Got {shown(value)} instead.") from None


class Representation(EmbedsRows):
    """Base of what `torchdec.DEC` takes as its representation: an encoder, and how it is trained.

    A representation of your own gives its networks and its loss. It is trained by Adam in batches, and then
    serves as torchdec's own do: IDEC, checkpoints, several workers, files, ONNX. It is a scikit-learn estimator,
    so what `__init__` takes, it keeps under the same name.

    - `networks` makes an encoder, any module from rows (m, d) to their embedding (m, z), and a decoder or None.
    - `loss` tells how wrong they are on a batch; by default the mean squared error of reconstruction.
    - `train`, only for a training loop of your own, yields `torchdec.Epoch` records while it trains the two.

    The rows that they see are float32, scaled so that the mean of ||x||^2 / d is 1; images are flat. A model file
    holds the encoder's weights but no code: its class is given again at load,
    ``torchdec.load(path, modules={"CNN": CNN})``. An encoder whose constructor takes arguments keeps them as JSON
    has them in an attribute ``config``, a dict.

    Attributes
    ----------
    max_epochs, batch_size, learning_rate : int, int, float, default=30, 256, 0.001
        Of `train`. These and the following are attributes of the class; a subclass changes them, or makes them
        parameters of its `__init__`.
    standardize, device, precision, random_state : default="auto", "auto", "float32", None
        As in `torchdec.NeighborEncoder`. A DEC gives its own seed and device where they are left open.
    encoder_, decoder_ : torch.nn.Module
        After the fit, in evaluation mode; `decoder_` is None where there is none.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torch import nn
    >>> from torchdec import DEC, Representation
    >>> class Tanh(Representation):
    ...     def networks(self, n_features):
    ...         encoder = nn.Sequential(nn.Linear(n_features, 50), nn.Tanh(), nn.Linear(50, 10))
    ...         decoder = nn.Sequential(nn.Linear(10, 50), nn.Tanh(), nn.Linear(50, n_features))
    ...         return encoder, decoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Tanh(), tol=0.5, random_state=0).fit(X)
    >>> model.transform(X).shape
    (1797, 10)
    """

    # What makes the rows that the encoder takes, where that is a transformer of scikit-learn.
    transformer_: Any = None
    # Of subclasses that say nothing of their parameters scikit-learn checks none.
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    max_epochs: Any = 30
    batch_size: Any = 256
    learning_rate: Any = 1e-3
    standardize: bool | Literal["auto"] = "auto"
    device: str = "auto"
    precision: Precision = "float32"
    random_state: Any = None
    encoder_: nn.Module
    decoder_: nn.Module | None
    scale_: float
    feature_means_: NDArray[np.float32] | NDArray[np.float64] | None
    feature_deviations_: NDArray[np.float32] | NDArray[np.float64] | None
    history_: list[Epoch]
    n_features_in_: int

    def networks(self, n_features: int) -> tuple[nn.Module, nn.Module | None]:  # noqa: ARG002
        """Make an encoder and, or None, a decoder, for rows of so many features.

        torch's global generator has a seed of its own meanwhile, so that weights are the same each time.
        """
        raise TypeError(f"{type(self).__name__} has no method networks(n_features) that makes its encoder.")

    def loss(self, encoder: nn.Module, decoder: nn.Module | None, rows: Tensor) -> Tensor:
        """Return the loss of a batch, a mean over its rows, float32 (m, d)."""
        if decoder is None:
            raise TypeError(f"{type(self).__name__} has neither a decoder nor a loss of its own.")
        return reconstruction_error(rows, decoder(encoder(rows)))

    def train(self, encoder: nn.Module, decoder: nn.Module | None, source: Source) -> Iterator[Epoch]:
        """Train both in place, and yield a record now and then: `loss` by Adam, its rate up and down once.

        A loop of your own gets its rows from ``source.batches()``, which does not end (`source.steps_an_epoch` of
        them are one pass over the rows), and ``source.take(index)``. What it draws from torch's global generator,
        as dropout does, comes from the seed of the fit.
        """
        networks = [encoder] if decoder is None else [encoder, decoder]
        parameters = [parameter for network in networks for parameter in network.parameters()]
        optimizer = Adam(parameters, lr=self.learning_rate)
        n_steps = self.max_epochs * source.steps_an_epoch
        schedule = one_cycle(optimizer, self.learning_rate, n_steps)

        def loss_of(index: Tensor) -> Tensor:
            own, part = workers.share(index)
            rows = source.take(own)
            # Adam's own count, which a fit that goes on has too.
            step = int(optimizer.state.get(parameters[0], {}).get("step", 0))
            with source.compute.arithmetic(), _drawing_from(source, step):
                return part * self.loss(encoder, decoder, rows)

        yield from train(type(self).__name__, networks, source, loss_of, optimizer, schedule, n_steps)

    @property
    def has_decoder(self) -> bool:
        """Whether a decoder is trained too; before the fit, whether one may be."""
        return getattr(self, "decoder_", True) is not None

    def _train(self, rows: Rows, compute: Compute, started: float, journal: Journal) -> Iterator[Search | Epoch]:
        """Learn `encoder_` and `decoder_` from `scale_` times the rows, reporting on the way."""
        seeds = journal.once("network seeds", lambda: split(self.random_state, "network", "batches"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seeds["network"])
            encoder, decoder = _checked_networks(self, rows.shape[1])
        encoder.to(compute.device)
        if decoder is not None:
            decoder.to(compute.device)
        batches, augment = generator(seeds["batches"]), getattr(self, "augment", None)
        source = Source(rows, self.scale_, self.batch_size, batches, compute, started, augment, journal)
        yield from _drawn(self.train(encoder, decoder, source), source)
        self.encoder_ = freeze(encoder)
        self.decoder_ = None if decoder is None else freeze(decoder)

    def fit(self, X: Any, y: None = None, *, checkpoint: Checkpoint | None = None) -> Self:  # noqa: ARG002
        """Learn the representation.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or Rows of shape (n, d)
            Any real numeric dtype; cast to float32 batch by batch, once columns that lie far from 0 have lost
            their means. Rows of NaN alone, or all masked, hold nothing and are left out.
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
        rows, filled = rows_to_fit(self, X)
        with opened(checkpoint, self, rows) as journal:
            yield from self.learn(filled, started - journal.seconds, journal)

    def embed(
        self,
        rows: Rows,  # noqa: ARG002
        started: float,  # noqa: ARG002
        journal: Journal,  # noqa: ARG002
    ) -> Generator[Search, None, Embedded | None]:
        """Embed rows that were validated without a network, where the encoder learns from that; else None."""
        yield from ()
        return None

    def learn(
        self, rows: Rows, started: float, journal: Journal, embedded: Embedded | None = None
    ) -> Iterator[Search | Epoch]:
        """Fit to rows that were validated, as a part of the fit that has this journal and began at that time.

        `embedded` is what `embed` has made of them, with the places that they are to have in the code.
        """
        compute = self._scaled(rows, journal)
        given = {} if embedded is None else {"embedded": embedded}
        for record in self._train(self.prepared(rows), compute, started, journal, **given):
            if isinstance(record, Epoch):
                journal.record(record)
            yield record
        self.history_ = [record for record in journal.history if isinstance(record, Epoch)]

    def _scaled(self, rows: Rows, journal: Journal) -> Compute:
        """Learn scale and means of the rows, once, and return where to compute."""
        compute = resolve(self.device, self.precision)
        self.scale_, *columns = journal.once("scale", lambda: learn_scale(rows, self.standardize, compute))
        self.feature_means_, self.feature_deviations_ = (
            None if column is None else column.numpy() for column in columns
        )
        return compute

    @under_own_globals
    def transform(self, X: Any) -> Float32[NDArray[np.float32], "rows code"]:
        """Embed rows: their embedding, float32 of shape (n, z); computed chunk by chunk in float32.

        The embedding of a row that holds nothing is NaN.

        Raises
        ------
        ValueError
            If `X` has another width than at fit, or values that are not finite.
        sklearn.exceptions.NotFittedError
            Before `fit`.
        """
        check_is_fitted(self, "encoder_")
        rows = self.prepared(validated_rows(self, X))
        compute = resolve(self.device, "float32")
        return embed(self.encoder_.to(compute.device), rows, self.scale_, compute).cpu().numpy()

    @available_if(lambda self: self.has_decoder)  # type: ignore[untyped-decorator]
    @under_own_globals
    def inverse_transform(self, Z: Any) -> Float[NDArray[Any], "rows features"]:
        """Reconstruct rows from their embedding, on the scale of the rows given to `fit`.

        Parameters
        ----------
        Z : array of shape (n, z)

        Returns
        -------
        array of shape (n, d), float32, or float64 where `feature_means_` is

        Raises
        ------
        ValueError
            If `Z` has another width than the embedding, or no decoder was trained.
        """
        check_is_fitted(self, "decoder_")
        if self.decoder_ is None:
            raise ValueError(
                f"{type(self).__name__} was fitted without a decoder; fit it again, now that it asks for one."
            )
        Z = check_array(as_dense(Z, "Z"), dtype=np.float32)
        if Z.shape[1] != self._n_features_out:
            raise ValueError(f"Z has {Z.shape[1]} columns, but the embedding has {self._n_features_out}.")
        compute = resolve(self.device, self.precision)
        with torch.inference_mode():
            rows: Tensor = self.decoder_.to(compute.device)(torch.from_numpy(Z).to(compute.device)) / self.scale_
        values = rows.cpu().numpy()
        if self.feature_means_ is not None:
            values = values * self.feature_deviations_ + self.feature_means_
        return values

    @property
    def _n_features_out(self) -> int:
        return embedding_dim(self.encoder_, self.n_features_in_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "history_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _checked_networks(representation: Representation, n_features: int) -> tuple[nn.Module, nn.Module | None]:
    """Make the networks; refuse those that are no pair, or whose encoder makes no row of numbers of each row."""
    name, networks = type(representation).__name__, representation.networks(n_features)
    if not isinstance(networks, tuple) or len(networks) != 2:  # a Sequential of two layers is none
        raise TypeError(
            f"{name}.networks gives a {type(networks).__name__}; let it return an encoder and a decoder, or None."
        )
    with torch.inference_mode():
        shape = tuple(deepcopy(networks[0]).cpu().eval()(torch.zeros(2, n_features)).shape)
    if len(shape) != 2 or shape[0] != 2:
        raise ValueError(
            f"the encoder of {name} makes shape {shape} of 2 rows, where (2, z) is needed; "
            "end it with nn.Flatten(), or keep the last axis of an embedding of width 1."
        )
    return networks


@contextmanager
def _drawing_from(source: Source, step: int) -> Iterator[None]:
    """Have layers that draw from torch's global generator, as dropout does, draw from the seed of the fit.

    Each step and each worker has numbers of its own; the order of the rows does not depend on them.
    """
    device = source.compute.device
    seed = (source.generator.initial_seed() + 1 + workers.rank() + workers.size() * step) % 2**62
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _drawn(records: Iterator[Epoch], source: Source) -> Iterator[Epoch]:
    """Go through a training loop, which may be the user's own, as `_drawing_from` says: each record has a seed."""
    for number in count():
        with _drawing_from(source, number):
            record = next(records, None)
        if record is None:
            return
        yield record


def freeze(network: nn.Module) -> nn.Module:
    """Put a trained network into evaluation mode, without gradients."""
    return network.eval().requires_grad_(False)
