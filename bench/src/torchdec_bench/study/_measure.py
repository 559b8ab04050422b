"""One case: fit, then read the labels for the score."""

import os
import platform
import warnings
from functools import lru_cache
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from torchdec.metrics import ari, clustering_accuracy, generalizability, nmi
from torchdec_bench.datasets import Dataset, load
from torchdec_bench.study._methods import Problem, method_of
from torchdec_bench.study._plan import Case

# Rows are drawn and held out in the same way for all seeds of a fit.
_ROWS_SEED = 0


class _Spent(NamedTuple):
    """Time by the clock, and of all the process's threads: the second counts no other work on the machine."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


def _now() -> _Spent:
    return _Spent(perf_counter(), process_time())


def _since(began: _Spent) -> _Spent:
    now = _now()
    return _Spent(now.seconds - began.seconds, now.cpu_seconds - began.cpu_seconds)


@lru_cache(maxsize=1)
def _dataset(name: str) -> Dataset:
    return load(name)


@lru_cache(maxsize=1)
def _rows(data: str, n_rows: int | None, r_min: float | None, hold_out: float | None) -> tuple[Any, ...]:
    """Return rows and labels to fit on, and those that are held out (or None, None)."""
    dataset = _dataset(data)
    x, y = dataset.x.astype(np.float32), dataset.y  # for all methods alike, though DEC would take bytes
    if y is None:
        raise ValueError(f"{data} has no labels to score against; name another data set.")
    random = np.random.default_rng(_ROWS_SEED)
    kept = np.arange(len(y))
    if r_min is not None:
        kept = np.sort(np.concatenate([random.permutation(own)[:size] for own, size in _thinned(y, r_min)]))
    if n_rows is not None and n_rows < len(kept):
        kept = np.sort(random.permutation(kept)[:n_rows])
    if hold_out is None:
        return _taken(x, kept), y[kept], None, None
    order = random.permutation(kept)
    n_out = round(hold_out * len(kept))
    fitted, out = np.sort(order[n_out:]), np.sort(order[:n_out])
    return _taken(x, fitted), y[fitted], _taken(x, out), y[out]


def _taken(x: Any, rows: NDArray[np.int64]) -> Any:
    """Take rows; the columns of sparse ones are numbered in the 32 bits that k-means of scikit-learn asks for."""
    taken = x[rows]
    if sparse.issparse(taken):
        taken.indices, taken.indptr = taken.indices.astype(np.int32), taken.indptr.astype(np.int32)
    return taken


def _thinned(y: NDArray[np.int64], r_min: float) -> list[tuple[NDArray[np.int64], int]]:
    classes = np.unique(y)
    shares = np.linspace(r_min, 1, len(classes))
    rows = [np.flatnonzero(y == label) for label in classes]
    return [(own, round(share * len(own))) for own, share in zip(rows, shares, strict=True)]


@lru_cache(maxsize=1)
def _stage_1(
    representation: str, rows_key: tuple[Any, ...], seed: int, settings: tuple[tuple[str, Any], ...]
) -> tuple[Any, _Spent]:
    """Train the representation that several methods share; return it frozen, and the time that it took."""
    from sklearn.frozen import FrozenEstimator

    from torchdec._starts import PRESETS

    rows = _rows(*rows_key)[0]
    began = _now()
    trained = PRESETS[representation]().set_params(**dict(settings), random_state=seed).fit(rows)
    return FrozenEstimator(trained), _since(began)


@lru_cache(maxsize=1)
def _nearest_rows(rows_key: tuple[Any, ...], n_neighbors: int) -> tuple[NDArray[np.int64], _Spent]:
    """Search the near rows that several methods share; return them, and the time that it took."""
    from torchdec_bench.baselines import nearest_rows

    rows = _rows(*rows_key)[0]
    began = _now()
    return nearest_rows(rows, n_neighbors), _since(began)


def measure(case: Case) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Fit a case and return its record, and the arrays of its pictures where it has any.

    Raises
    ------
    ValueError
        If data, method or settings are not usable.
    """
    method = method_of(case.method)
    dataset = _dataset(case.data)
    rows_key = (case.data, case.n_rows, case.r_min, case.hold_out)
    rows, truth, out_rows, out_truth = _rows(*rows_key)
    own_settings = {**(method.settings or {}), **case.settings}
    representation, neighbors, shared = None, None, _Spent()
    if method.representation:
        settings = tuple(sorted(case.stage_1.items()))
        representation, shared = _stage_1(method.representation, rows_key, case.seed, settings)
    elif method.clique_size:
        clique_size = own_settings.get("clique_size", method.clique_size)
        neighbors, shared = _nearest_rows(rows_key, clique_size - 1)
    k = case.n_clusters or dataset.n_clusters
    problem = Problem(
        rows, k, case.seed, own_settings, dataset.image_shape, representation, neighbors, case.stage_1
    )
    began = _now()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = method.fit(problem)
    own = _since(began)
    labels = np.asarray(fitted.labels_)
    result: dict[str, Any] = {
        "case": case.plain(),
        "dataset": dataset.title,
        "source": dataset.source,
        "method": method.title,
        "settings": _settings(method.representation, own_settings, case.stage_1),
        "seed": case.seed,
        "score": _score(truth, labels),
        "seconds": round(shared.seconds + own.seconds, 2),
        "cpu_seconds": round(shared.cpu_seconds + own.cpu_seconds, 2),
        "sizes": sorted(np.bincount(labels).tolist(), reverse=True),
        "warnings": sorted({str(warning.message) for warning in caught}),
        **_circumstances(),
    }
    if out_rows is not None:
        result["held_out"] = _held_out(fitted, rows, out_rows, out_truth)
    if hasattr(fitted, "history_"):
        result["updates"] = fitted.n_iter_
    pictures = {}
    if case.pictures:
        from torchdec_bench.study._pictures import pictures_of

        pictures = pictures_of(fitted, rows, truth)
    return result, pictures


def _settings(representation: str | None, own: dict[str, Any], stage_1: dict[str, Any]) -> dict[str, Any]:
    return {**({"representation": representation} if representation else {}), **own, **stage_1}


def _score(truth: NDArray[np.int64], labels: NDArray[Any]) -> dict[str, float]:
    return {"acc": clustering_accuracy(truth, labels), "nmi": nmi(truth, labels), "ari": ari(truth, labels)}


def _held_out(fitted: Any, rows: Any, out_rows: Any, truth: NDArray[np.int64]) -> dict[str, float]:
    """Score the rows that the fit has not seen; of DEC with the paper's G too."""
    if not hasattr(fitted, "predict"):
        raise ValueError("hold_out needs a method that can predict; name kmeans, sec or one of DEC.")
    scores = _score(truth, fitted.predict(out_rows))
    if hasattr(fitted, "predict_proba"):
        inside, outside = fitted.predict_proba(rows), fitted.predict_proba(out_rows)
        scores["generalizability"] = generalizability(inside, outside)
    return scores


def _circumstances() -> dict[str, Any]:
    import torch

    from torchdec._core.compute import resolve
    from torchdec.runs._record import installed_versions

    simd = f"{torch.backends.cpu.get_cpu_capability()}, {resolve('cpu').precision}"
    machine = {"cores": os.cpu_count(), "architecture": platform.machine(), "simd": simd}
    return {"versions": installed_versions(), "machine": machine}
