"""Stage 1 of the paper: the stacked autoencoder, an estimator of its own and a parameter of `DEC`."""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from torchdec._core.compute import Compute, Precision
from torchdec._core.journal import Journal
from torchdec._core.layers import stack
from torchdec._core.pretraining import end_to_end, layer_wise
from torchdec._core.randomness import generator, split
from torchdec._core.records import Epoch
from torchdec._core.training import MANY_ROWS, Source
from torchdec._representation import Representation, freeze
from torchdec.augment import Augment
from torchdec.rows import Rows


class Autoencoder(Representation):
    """Fully connected autoencoder d-500-500-2000-10 and its mirror, with ReLU between the layers.

    Trained end to end without dropout by default, which gave better clusters than denoising where both were
    compared (Guo et al., ACML 2018, table 5); `Autoencoder.paper` is the denoising, layer-wise recipe.

    Parameters
    ----------
    hidden : sequence of int, default=(500, 500, 2000)
        Widths of the encoder's hidden layers; the decoder mirrors them.
    embedding_dim : int, default=10
        Width of the embedding z. Above about 30, distances between codes grow alike and clusters get worse.
    recipe : {"end-to-end", "layer-wise"}, default="end-to-end"
        "end-to-end": Adam on all layers with a one-cycle learning rate. "layer-wise": SGD with momentum on one
        pair of layers after the other as denoising autoencoders, then on all of them without dropout.
    max_epochs : int or None, default=100
        Most passes over the rows in end-to-end training or fine-tuning; None leaves it to `max_steps`.
    max_steps : int or "auto", default="auto"
        Most optimiser steps of end-to-end training or fine-tuning. More reconstruct better, and the time grows in
        proportion; but few rows are learnt by heart, which makes their clusters worse. "auto" is 1,000, or 4,000
        from 32,768 rows on.
    layer_steps : int, default=50_000
        Steps on each pair of layers; layer-wise only.
    dropout : float in [0, 1), default=0.2
        Share of the inputs and hidden units that a pair of layers does not see; layer-wise only.
    batch_size : int or "auto", default="auto"
        Rows a step. "auto" is the paper's 256, or 1,024 from 32,768 rows on in end-to-end training, where products
        of more rows run faster.
    learning_rate : float or "auto", default="auto"
        Peak of the one-cycle schedule; layer-wise: the first value of the stepped schedule. "auto" is 0.001, or
        0.002 with the larger batches; layer-wise 0.1.
    augment : callable or None, default=None
        Changes rows at random in ways that leave their cluster as it is, at each step; the
        changed rows are reconstructed. `torchdec.augment.ShiftRotate` is for images, `torchdec.augment.Augment`
        the form of others.
    standardize : bool or "auto", default="auto"
        Whether each column is first brought to mean 0 and standard deviation 1. "auto" does so where columns have
        different units: fewer than 3 hold nearly all the variance of at least 5 times as many, or one alone all
        but a hundredth, and they are not centred. Columns that lie more than 10 times as far from 0 as they, and
        columns on average, differ (years, pressures) are brought to mean 0 alone, with False too. Pixels, words,
        genes and embeddings stay as they are; `feature_means_` tells.
    device : str, default="auto"
        "auto" (CUDA if present), "cpu", "cuda", "cuda:1", ...
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the training steps. "auto" is bfloat16 where the hardware multiplies it natively. `transform` always
        computes in float32.
    random_state : int, RandomState or None, default=None
        Weights, order of the rows, dropout. An int gives the same bits each time on one machine.

    Attributes
    ----------
    encoder_, decoder_ : torch.nn.Sequential
        The trained stacks. The encoder maps `scale_` times the rows to the embedding.
    scale_ : float
        The scalar that makes the mean of ||x||^2 / d equal 1.
    feature_means_, feature_deviations_ : ndarray of shape (d,), or None
        What is taken from each column and what it is then divided by, None where columns stay as they are; float64
        where float32 would round what a column differs by.
    history_ : list of Epoch
        Loss, learning rate and seconds on the way.
    n_features_in_ : int
        d.

    See Also
    --------
    torchdec.DEC : Clusters on top of the embedding.

    References
    ----------
    Xie, Girshick, Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016, section 3.3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import Autoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = Autoencoder(max_epochs=2, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 10)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden": ["array-like"],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "recipe": [StrOptions({"end-to-end", "layer-wise"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), None],
        "max_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "layer_steps": [Interval(Integral, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "augment": [callable, None],
        "standardize": ["boolean", StrOptions({"auto"})],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden: tuple[int, ...] = (500, 500, 2000),
        embedding_dim: int = 10,
        *,
        recipe: Literal["end-to-end", "layer-wise"] = "end-to-end",
        max_epochs: int | None = 100,
        max_steps: int | Literal["auto"] = "auto",
        layer_steps: int = 50_000,
        dropout: float = 0.2,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: float | Literal["auto"] = "auto",
        augment: Augment | None = None,
        standardize: bool | Literal["auto"] = "auto",
        device: str = "auto",
        precision: Precision = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.embedding_dim = embedding_dim
        self.recipe = recipe
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.layer_steps = layer_steps
        self.dropout = dropout
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.augment = augment
        self.standardize = standardize
        self.device = device
        self.precision = precision
        self.random_state = random_state

    @classmethod
    def paper(cls, **parameters: Any) -> Self:
        """Make the autoencoder of the paper: layer-wise, 50,000 steps a layer, then 100,000 together.

        SGD with learning rate 0.1, a tenth of it after every 20,000 steps, momentum 0.9 after a burn-in of
        1,000 steps, and the other details of the code that came with the paper (docs/method.md has them all).

        Parameters
        ----------
        **parameters
            Any parameter of `Autoencoder`, in place of the paper's value.

        Examples
        --------
        >>> from torchdec import Autoencoder
        >>> Autoencoder.paper(layer_steps=1000).max_steps
        100000
        """
        recipe = {"recipe": "layer-wise", "max_epochs": None, "max_steps": 100_000, "standardize": False}
        return cls(**{**recipe, **parameters})

    @property
    def has_decoder(self) -> bool:
        """True: half of an autoencoder is one."""
        return True

    def _train(self, rows: Rows, compute: Compute, started: float, journal: Journal) -> Iterator[Epoch]:
        seeds = journal.once("network seeds", lambda: split(self.random_state, "network", "batches"))
        weights = generator(seeds["network"])
        init: Literal["gaussian", "glorot"] = "gaussian" if self.recipe == "layer-wise" else "glorot"
        widths = (rows.shape[1], *self.hidden, self.embedding_dim)
        encoder = stack(widths, weights, init).to(compute.device)
        decoder = stack(widths[::-1], weights, init).to(compute.device)
        batch_size, learning_rate, max_steps = self._pace(len(rows))
        source = Source(
            rows, self.scale_, batch_size, generator(seeds["batches"]), compute, started, self.augment, journal
        )
        n_steps = source.steps(self.max_epochs, max_steps)
        if self.recipe == "end-to-end":
            yield from end_to_end(encoder, decoder, source, n_steps=n_steps, learning_rate=learning_rate)
        else:
            yield from layer_wise(
                encoder,
                decoder,
                source,
                layer_steps=self.layer_steps,
                n_steps=n_steps,
                learning_rate=learning_rate,
                dropout=self.dropout,
            )
        self.encoder_ = freeze(encoder)
        self.decoder_ = freeze(decoder)

    def _pace(self, n_rows: int) -> tuple[int, float, int]:
        """Return the rows a step, the learning rate and the most steps, where they were left open."""
        many = n_rows >= MANY_ROWS
        batch_size, learning_rate = (1024, 2e-3) if many else (256, 1e-3)
        if self.recipe == "layer-wise":
            batch_size, learning_rate = 256, 0.1
        return (
            batch_size if self.batch_size == "auto" else self.batch_size,
            learning_rate if self.learning_rate == "auto" else self.learning_rate,
            (4000 if many else 1000) if self.max_steps == "auto" else self.max_steps,
        )
