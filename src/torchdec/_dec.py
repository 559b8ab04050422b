"""Deep Embedded Clustering: `DEC.iter_fit` is the algorithm of the paper, stages 1 and 2 in `_starts.py`.

Its equations 1 (q), 2 (the loss) and 3 (p) are in `_core/objective.py`, and `_core/self_training.py` minimises 2
by the gradients 4 and 5, which torch takes; 6 to 9, denoising autoencoders, are in `_core/pretraining.py`.
"""

import warnings
from collections.abc import Generator, Sequence
from numbers import Integral, Real
from time import perf_counter
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.base import ClusterMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.utils import ClassifierTags
from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

from torchdec._assigned import Assigned
from torchdec._core.compute import Compute, Precision, resolve
from torchdec._core.journal import Checkpoint, Journal, opened
from torchdec._core.landmarks import Landmarks, landmarks_of, profile_of, scattered, scores_of
from torchdec._core.number_of_clusters import RESOLUTIONS, numbers_to_try
from torchdec._core.randomness import generator, split
from torchdec._core.records import Record, StopReason, Update
from torchdec._core.self_training import Calmest, SelfTraining, Settings
from torchdec._core.torch_globals import under_own_globals
from torchdec._core.training import MANY_ROWS, Source
from torchdec._display import Display
from torchdec._predictor import QUANTILES, UNSURE, Predictor
from torchdec._representation import Representation, freeze, rows_to_fit, undone_if_unfinished
from torchdec._starts import PRESETS, Start, first_clusters
from torchdec.augment import Augment
from torchdec.rows import Rows
from torchdec.rows._derived import FilledRows
from torchdec.rows._protocol import tell
from torchdec.rows._shown import shown

# What has a seed of its own.
_SEEDS = ("representation", "choice", "centroids", "self-training", "landmarks")
# Passes over the rows between updates of the targets, where rows are changed at random.
_AUGMENTED_PASSES = 10
# A model that puts this share of all rows into one cluster, and did not start so, has collapsed.
_COLLAPSED = 0.9
# A cluster is scatter where more of it than this lies farther out than 95 % of all rows; small groups that lie far
# from all others do so too.
_SCATTER, _FEWEST = 0.5, 20


class DEC(Display, ClusterMixin, Predictor):  # type: ignore[misc]
    """Deep Embedded Clustering: learn an embedding and clusters in it together, without labels.

    Three stages. The rows are embedded and partitioned into clusters; an encoder learns both, and centres are
    placed in its embedding (another representation is learnt first, and its embedding partitioned). Then encoder
    and centres learn together from their own confident assignments: minimise KL(P || Q), where Q is the soft
    assignment of rows to clusters and P the sharpened target, computed over all rows at each update.

    Parameters
    ----------
    n_clusters : int, sequence of int, "auto", "coarse" or "fine", default=8
        k. Of several numbers, such as ``range(2, 13)``, one is chosen: the largest whose clusters all have a
        valley of density around them. `torchdec.clusters.choose_k` chooses the same with the same
        `random_state`; `choice_` says why. "auto" chooses from 1 (there are no clusters) to 500, or half of
        the rows; "coarse" asks for deeper valleys, so there are fewer clusters, and "fine" for shallower
        ones.
    representation : str or estimator, default="neighbors"
        "neighbors" is `NeighborEncoder()`; "autoencoder" is `Autoencoder()`, and "sdae" is `Autoencoder.paper()`,
        the recipe of the paper. An estimator is cloned and fitted;
        one wrapped in `sklearn.frozen.FrozenEstimator` is used as it is, so one training serves many k.
        `torchdec.Representation` is the base of your own; of a transformer of scikit-learn, such as ``PCA(20)``,
        what it makes of the rows is the embedding that self-training begins with, and trains a linear map of.
    alpha : float, default=1.0
        Degrees of freedom of Student's t in the soft assignment, below 1e18; larger values have lighter tails.
    reconstruction_weight : float, default=0.0
        Weight of the reconstruction error beside the KL divergence (IDEC). Both are means over rows, the error
        also over features, of rows scaled so that predicting zero costs 1. IDEC's gamma is 1 over this weight:
        its 0.1 corresponds to 10 (up to the learning rate). Needs a representation with a decoder.
    update_interval : int, "epoch" or "auto", default="auto"
        Steps between updates of the targets; "epoch" is one pass over the rows. More often follows the
        clusters faster and costs one pass through the encoder each time. "auto" is one pass, or ten with an
        augmentation: targets had better stay until the encoder gives changed rows the clusters of the rows.
    tol : float, default=0.002
        Stop when less than this share of the rows changed their cluster between two updates. Changes are
        counted a update, so a smaller `update_interval` stops sooner.
    max_iter : int, default=20
        Most updates that are trained towards. 0 keeps representation and k-means as they are.
    patience : int, default=5
        Stop when the share of rows that change their cluster has reached no new low in this many updates, and go
        back to the update where it was lowest: self-training that does not settle wears clusters away.
    learning_rate : float or "auto", default="auto"
        Of SGD, for encoder and centres. "auto" is 0.01, or 0.04 with the larger batches of "auto".
    batch_size : int or "auto", default="auto"
        Rows a step. "auto" is 256, or 2,048 from 32,768 rows on where `update_interval` is counted in
        passes: products of more rows run faster, and steps are fewer.
    init : {"auto", "k-means++"}, default="auto"
        What self-training starts from. "k-means++" is the paper's: the best of 20 runs of k-means on the
        embedding. "auto" is the best of several partitions of the rows, into clusters of any shape, by the graph
        of their neighbours, where `NeighborEncoder` embeds the rows before it is trained; it then learns the
        clusters with the embedding, and a cluster gets several centres where its shape takes them. Few rows are
        partitioned so too. On a code that was learnt first it is k-means, and where the graph of the embedding
        shows that k-means took two clusters for one, or cut one in two, they are cut anew.
    noise : "auto", float in (0, 0.5] or False, default=False
        Whether some rows belong nowhere. "auto" looks for rows that lie far from all others before anything is
        learnt, and a number leaves out that share of the rows, those that lie farthest. They are left out of the
        embedding, the clusters and self-training; afterwards rows that lie as far out get the label -1, new ones
        too. It reads the rows twice more, and compares each with some 4,000 of them.
    augment : callable or None, default=None
        Changes rows at random in ways that leave their cluster as it is: half of the rows of every training step;
        the targets come from the rows as they are (as in DEC-DA). `torchdec.augment.ShiftRotate` is for images,
        `torchdec.augment.Augment` the form of others. Passed on to a representation that has none of its own.
    device : str, default="auto"
        "auto" (CUDA if present), "cpu", "cuda", "cuda:1", ...; passed on to a representation left at "auto".
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the training steps. "auto" is bfloat16 where the hardware multiplies it natively. Assignments,
        targets, losses and everything that predicts are float32.
    random_state : int, RandomState or None, default=None
        An int gives the same bits each time on one machine. Global generators are never touched. A
        representation with its own random_state keeps it.

    Attributes
    ----------
    n_clusters_ : int
        k, also where it was chosen.
    summary_ : DataFrame
        What each cluster is (`torchdec.clusters.summary`), from the rows of the fit, to which the model
        refers until it is saved or pickled; `plot` and `report` use them too.
    labels_ : ndarray of shape (n,), int32
        The cluster of each row: argmax of the soft assignment, equal to `predict` on the same rows. -1 for a row
        that holds nothing, or (`noise`) belongs nowhere.
    cluster_centers_ : ndarray of shape (m, z), float32
        Centres in the code: one for each cluster, and more where its shape takes several or clusters were merged
        (`torchdec.clusters.merge`).
    center_clusters_ : ndarray of shape (m,), int32
        The cluster that each centre belongs to; 0, 1, ... k - 1 where each has one.
    center_radii_ : ndarray of shape (m,), float32
        Median distance, in the code, of the rows of each centre to it; NaN for one without rows.
    confidence_quantiles_ : ndarray of shape (101,), float32
        Of the largest soft assignment of each fitted row: the 0th, 1st, ... 100th percentile.
    landmarks_ : torchdec._core.landmarks.Landmarks
        Some 4,000 rows of the fit by their principal components, which tell how far out rows lie
        (`outlier_scores`).
    cluster_middles_ : ndarray of shape (k, p), float32
        Where the clusters lie along the principal components of the landmarks.
    cluster_sizes_ : ndarray of shape (k,), int64
        Rows of the fit in each cluster.
    cluster_doubts_ : ndarray of shape (2, k), float32
        Of the rows of the fit in each cluster, the fraction that lies farther out than 95 % of all rows, and the
        fraction that is less sure than 95 % of them: what `torchdec.clusters.drift` compares new rows with.
    column_profile_ : ndarray of shape (2, d), float32
        Mean and standard deviation of each column of the rows of the fit, as the encoder takes them.
    tree_ : torchdec.clusters.Tree
        The clusters joined two by two, by the distances of their middles in the space of the rows.
    levels_ : tuple of torchdec.clusters.Level
        The numbers of groups of clusters that stand out in the tree, the coarsest first.
    noise_level_ : float or None
        The score, before it is made a share of the rows, above which rows belong nowhere; None without `noise`.
    cluster_names_ : list of k str
        Empty where a cluster has no name (`torchdec.clusters.rename`).
    edits_ : list of dict
        What `torchdec.clusters` did to the model since it was fitted, in order.
    encoder_ : torch.nn.Sequential
        Maps `scale_` times the rows to the embedding.
    transformer_ : estimator or None
        The fitted transformer of scikit-learn that makes what the encoder takes, where the representation is one.
    scale_ : float
        The scalar that makes the mean of ||x||^2 / d equal 1.
    feature_means_, feature_deviations_ : ndarray of shape (d,), or None
        What is taken from each column and what it is then divided by, None where columns stay as they are
        (`standardize` of the representation). Float32, or float64 where a column lies so far from 0 (unix seconds)
        that float32 would round what it differs by. With a `transformer_`, of the columns that it makes.
    choice_ : Choice or None
        Why there are as many clusters, where `n_clusters` is not one number.
    history_ : list of Epoch, Centroids, Update and Stretch
        All that happened, in order.
    n_iter_ : int
        Updates that were trained towards. Where `stop_reason_` is UNSETTLED, `history_` tells which was kept: the
        one after 0 with the lowest `changed`.
    stop_reason_ : StopReason
        Why self-training ended; its value is a sentence.
    n_features_in_ : int
        d.
    preparation_ : torchdec.rows.Preparation
        How the rows were read and made, where `X` came from `torchdec.rows.read_rows`, which takes it for others.
    feature_names_in_ : ndarray of shape (d,), object
        Column names, where `X` had them.

    References
    ----------
    Xie, Girshick, Farhadi, "Unsupervised Deep Embedding for Clustering Analysis", ICML 2016.
    Guo, Gao, Liu, Yin, "Improved Deep Embedded Clustering with Local Structure Preservation", IJCAI 2017 (IDEC).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(n_clusters=10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0)
    >>> labels = model.fit_predict(X)
    >>> model.predict_proba(X[:3]).shape
    (3, 10)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions(set(RESOLUTIONS)), "array-like"],
        "representation": [StrOptions(set(PRESETS)), HasMethods(["fit", "transform"]), FrozenEstimator],
        "alpha": [Interval(Real, 0, 1e18, closed="neither")],
        "reconstruction_weight": [Interval(Real, 0, None, closed="left")],
        "update_interval": [Interval(Integral, 1, None, closed="left"), StrOptions({"epoch", "auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "init": [StrOptions({"auto", "k-means++"})],
        "noise": [StrOptions({"auto"}), Options(bool, {False}), Interval(Real, 0, 0.5, closed="right")],
        "augment": [callable, None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int | Sequence[int] | Literal["auto", "coarse", "fine"] = 8,
        *,
        representation: str | Representation | FrozenEstimator = "neighbors",
        alpha: float = 1.0,
        reconstruction_weight: float = 0.0,
        update_interval: int | Literal["epoch", "auto"] = "auto",
        tol: float = 2e-3,
        max_iter: int = 20,
        patience: int = 5,
        learning_rate: float | Literal["auto"] = "auto",
        batch_size: int | Literal["auto"] = "auto",
        init: Literal["auto", "k-means++"] = "auto",
        noise: float | Literal["auto", False] = False,
        augment: Augment | None = None,
        device: str = "auto",
        precision: Precision = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.representation = representation
        self.alpha = alpha
        self.reconstruction_weight = reconstruction_weight
        self.update_interval = update_interval
        self.tol = tol
        self.max_iter = max_iter
        self.patience = patience
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.init = init
        self.noise = noise
        self.augment = augment
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: None = None,  # noqa: ARG002
        *,
        checkpoint: Checkpoint | None = None,
        verbose: int = 0,
    ) -> Self:
        """Learn representation, centres and clusters.

        Parameters
        ----------
        X : array, sparse matrix, DataFrame or Rows of shape (n, d)
            Any real numeric dtype; cast to float32 batch by batch, once columns that lie far from 0 have lost
            their means. Sparse rows are made dense batch by batch. Rows that hold nothing (NaN alone, all masked,
            or an empty text) are left out and get the label -1.
        y : None
            Ignored: labels never enter training.
        checkpoint : torchdec.Checkpoint or None, default=None
            Where the fit is kept on the way, and goes on from if it was interrupted; the result is the same bit
            for bit as without an interruption.
        verbose : int, default=0
            1 shows how it goes, on stderr: a bar for each stage in a terminal, a line every few seconds elsewhere.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, `X` or the checkpoint is not usable: NaN, fewer rows than clusters, all rows equal, ...
        FloatingPointError
            If a loss stops being finite; names the stage and the learning rate.

        Warns
        -----
        torchdec.rows.RowsWarning
            If rows hold nothing; it says how many and which.
        sklearn.exceptions.ConvergenceWarning
            If `max_iter` was reached, a cluster lost all its rows, or nearly all rows fell into one cluster.
        """
        with self._progress(verbose) as show:
            for record in self.iter_fit(X, checkpoint=checkpoint):
                show(record)
        return self

    @under_own_globals
    @undone_if_unfinished
    def iter_fit(self, X: Any, *, checkpoint: Checkpoint | None = None) -> Generator[Record, None, None]:
        """Fit step by step: a generator of `Search`, `Epoch`, `Centroids`, `Update` and `Stretch` records.

        When it is exhausted, the estimator is fitted. If it is closed, or interrupted from the keyboard, during
        self-training, the estimator is fitted too, as it was at that moment. Before that, or if the fit fails, it
        is left as it was before the fit. With a checkpoint that goes on from an interrupted fit, the records are
        those after it.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from torchdec import DEC, Autoencoder
        >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0)
        >>> for record in model.iter_fit(load_digits().data):
        ...     if type(record).__name__ == "Update":
        ...         print(record.number)
        0
        1
        """
        started = perf_counter()
        self._validate_params()
        given, rows = rows_to_fit(self, X)
        self._check_row_count(rows, n_empty := len(given) - len(rows))
        compute = resolve(self.device, self.precision)
        with opened(checkpoint, self, given) as journal:
            started -= journal.seconds
            seeds = journal.once("seeds", lambda: split(self.random_state, *_SEEDS))
            rows = self._without_noise(rows, seeds["landmarks"], compute, journal)

            start = yield from first_clusters(self, rows, seeds, compute, started, journal)
            scale, rows = start.representation.scale_, start.representation.prepared(rows)
            labels = start.labels.cpu().numpy().astype(np.int64)
            landmarks = landmarks_of(rows, scale, labels, seeds["landmarks"], compute)

            batch_size, batches = self._pace(len(rows))[0], generator(seeds["self-training"])
            source = Source(rows, scale, batch_size, batches, compute, started, self.augment, journal)
            calmest = Calmest(start.encoder, start.centers)
            journal.follow("self-training", calmest=calmest)
            settings = self._settings(source, self.reconstruction_weight)
            training = SelfTraining(
                start.encoder, start.decoder, start.centers, start.labels, source, settings, start.owners
            )
            updates, reason = training.updates(), StopReason.INTERRUPTED
            try:
                while not (stop := self._reason_to_stop(journal.history[-1], calmest)):
                    record = next(updates)
                    if isinstance(record, Update):
                        calmest.see(record)
                    journal.record(record)
                    yield record
                if (reason := stop) is StopReason.UNSETTLED:
                    calmest.restore()
            except (KeyboardInterrupt, GeneratorExit):
                self._publish(start, landmarks, journal.history, reason, given, compute)
                raise
            self._publish(start, landmarks, journal.history, reason, given, compute)
        self._warn(n_empty)

    def _reason_to_stop(self, latest: Record, calmest: Calmest) -> StopReason | None:
        if not isinstance(latest, Update):
            return None
        if latest.number and latest.changed < self.tol:
            return StopReason.CONVERGED
        if calmest.updates_ago >= self.patience:
            return StopReason.UNSETTLED
        if latest.number >= self.max_iter:
            return StopReason.MAX_ITER
        return None

    def _pace(self, n_rows: int) -> tuple[int, float]:
        """Return the rows a step and the learning rate, where they were left open."""
        many = n_rows >= MANY_ROWS and isinstance(self.update_interval, str) and self.batch_size == "auto"
        batch_size = (2048 if many else 256) if self.batch_size == "auto" else self.batch_size
        learning_rate = (0.04 if many else 0.01) if self.learning_rate == "auto" else self.learning_rate
        return batch_size, learning_rate

    def _settings(self, source: Source, reconstruction_weight: float) -> Settings:
        interval = self.update_interval
        if isinstance(interval, str):
            passes = _AUGMENTED_PASSES if interval == "auto" and self.augment is not None else 1
            interval = passes * source.steps_an_epoch
        return Settings(
            alpha=self.alpha,
            reconstruction_weight=reconstruction_weight,
            update_interval=interval,
            learning_rate=self._pace(len(source.rows))[1],
        )

    def _check_row_count(self, rows: Rows, n_others: int = 0, which: str = "hold nothing") -> None:
        wanted: Any = self.n_clusters
        rest = f" (beside {n_others} that {which})" if n_others else ""
        one = isinstance(wanted, Integral)
        if not one:
            numbers_to_try(wanted, len(rows))
        elif len(rows) < wanted:
            raise ValueError(
                f"n_samples={len(rows)}{rest} is fewer than n_clusters={wanted}; "
                f"try n_clusters={len(rows)} or fewer, or more rows."
            )
        if not one or wanted != 1:
            first = rows.take(np.zeros(1, dtype=np.int64))
            if all((chunk == first).all() for chunk in rows.chunks(4096)):
                raise ValueError(
                    f"X has {len(rows)} rows that are all equal, which cannot be cut into "
                    f"n_clusters={shown(wanted)}; try other columns or n_clusters=1."
                )

    def _publish(
        self,
        end: Start,
        landmarks: Landmarks,
        history: list[Record],
        reason: StopReason,
        rows: Rows,
        compute: Compute,
    ) -> None:
        """Set what was learnt: of the networks and centres that training started from, as they are now."""
        representation = end.representation
        for name in ("scale_", "transformer_", "feature_means_", "feature_deviations_"):
            setattr(self, name, getattr(representation, name))
        self.choice_, self.landmarks_ = end.choice, landmarks
        self.encoder_ = freeze(end.encoder)
        self.cluster_centers_ = end.centers.detach().cpu().numpy().copy()
        self.n_iter_ = max((record.number for record in history if isinstance(record, Update)), default=0)
        self.stop_reason_ = reason
        self.center_clusters_ = end.center_clusters
        self.cluster_names_ = [""] * (int(end.center_clusters.max()) + 1)
        self.edits_: list[dict[str, Any]] = []
        self._fitted_rows, rows = rows, representation.prepared(rows)
        self.noise_level_ = self._level_of_noise(rows, compute)
        self._calibrate(rows, compute)
        self.history_ = history

    def _without_noise(self, rows: Rows, seed: int, compute: Compute, journal: Journal) -> Rows:
        """Leave out the rows that belong nowhere, where there are to be any."""
        noise = self.noise
        if noise is False:
            return rows
        standardize: Any = getattr(self.representation, "standardize", "auto")
        found = journal.once("noise", lambda: torch.from_numpy(scattered(rows, standardize, noise, seed, compute)))
        kept = FilledRows(rows, found.numpy())
        self._check_row_count(kept, len(found), "belong nowhere")
        return kept

    def _level_of_noise(self, rows: Rows, compute: Compute) -> float | None:
        """Return the score above which rows belong nowhere: the fence, or what the wanted share is above."""
        if self.noise is False:
            return None
        if self.noise == "auto":
            return self.landmarks_.fence()
        scores = scores_of(self.landmarks_, rows, self.scale_, compute)
        return float(np.nanquantile(scores, 1 - self.noise))

    def _calibrate(self, rows: Rows, compute: Compute) -> None:
        """Learn from the rows how sure and how near their assignments are, and keep their labels."""
        assigned = Assigned(self, self._predict_rows(rows, compute))
        self.labels_ = assigned.labels
        sure = assigned.confidence[assigned.labels >= 0]
        self.confidence_quantiles_ = np.quantile(sure, QUANTILES).astype(np.float32)
        centers = np.where(assigned.labels < 0, -1, assigned.center)
        labels = assigned.labels.astype(np.int64)
        k = assigned.n_clusters
        profile = profile_of(self.landmarks_, rows, self.scale_, labels, k, compute)
        self.cluster_middles_, self.column_profile_ = profile.middles, profile.columns
        self.cluster_sizes_ = np.bincount(labels[labels >= 0], minlength=k).astype(np.int64)
        unsure = labels[(labels >= 0) & (assigned.confidence < self.confidence_quantiles_[UNSURE])]
        self.cluster_doubts_ = np.stack(
            [profile.far, np.bincount(unsure, minlength=k) / np.maximum(self.cluster_sizes_, 1)]
        ).astype(np.float32)
        own = (assigned.distance[centers == center] for center in range(len(self.cluster_centers_)))
        self.center_radii_ = np.array([np.median(d) if len(d) else np.nan for d in own], dtype=np.float32)

    def _warn(self, n_empty: int) -> None:
        n_noise = int((self.labels_ < 0).sum()) - n_empty
        if n_noise and self.noise == "auto":  # a share that was asked for is no news
            lie, are = ("lies", "is") if n_noise == 1 else ("lie", "are")
            tell(
                f"{n_noise:,} of {len(self.labels_):,} rows {lie} far from all others and {are} in no cluster (-1)"
            )
        far, sizes = self.cluster_doubts_[0], self.cluster_sizes_
        scattered = np.flatnonzero((far > _SCATTER) & (sizes >= _FEWEST))
        for cluster in scattered.tolist() if not self.noise else ():
            tell(
                f"{far[cluster]:.0%} of the {sizes[cluster]:,} rows of cluster {cluster} lie farther from others "
                "than 95 % of all rows, as rows do that belong nowhere; noise='auto' (--noise auto) omits them"
            )
        updates = [record for record in self.history_ if isinstance(record, Update)]
        for update in updates:
            for cluster in update.reseeded:
                warnings.warn(
                    f"Cluster {cluster} lost its rows and was re-seeded at update {update.number}.",
                    ConvergenceWarning,
                    stacklevel=3,
                )
        share, share_at_start = sizes.max() / sizes.sum(), max(updates[0].sizes) / sizes.sum()
        if len(sizes) > 1 and share > _COLLAPSED >= share_at_start:
            warnings.warn(
                f"The clusters collapsed: {share:.0%} of the rows are in one; sizes {sizes.tolist()}. "
                "Try reconstruction_weight=10, a smaller learning_rate or fewer n_clusters.",
                ConvergenceWarning,
                stacklevel=3,
            )
        if self.stop_reason_ is StopReason.MAX_ITER and self.max_iter > 0:
            warnings.warn(
                f"{self.stop_reason_.value} max_iter={self.max_iter}, tol={self.tol}, last fraction of rows that "
                f"changed: {updates[-1].changed:.4f}. Try a larger max_iter.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        # scikit-learn's check of predict_proba on sparse rows reads this for whatever has a predict_proba.
        tags.classifier_tags = ClassifierTags()
        return tags
