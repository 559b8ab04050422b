"""What people know of some rows goes into a model, and the model asks for what it would know."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from torchdec._core.batches import in_order, to_device
from torchdec._core.compute import Compute, resolve
from torchdec._core.constraints import Facts, Pairs, constraint_loss, facts
from torchdec._core.landmarks import placed
from torchdec._core.randomness import generator
from torchdec._core.randomness import split as seeds_of
from torchdec._core.self_training import Penalty
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec._representation import rows_to_fit
from torchdec.clusters._align import Known, aligned
from torchdec.clusters._change import MOST_AT_ONCE, learning, recorded, train_briefly
from torchdec.clusters._regions import AGREE, Places, Regions, kinds_of, regions_of
from torchdec.rows import Rows
from torchdec.rows._shown import shown

# Regions that there are for each cluster, the finer the more is known.
_PARTS = (4, 8, 16, 32)
# A region of copies counts as wide as this part of the mean one.
_NARROWEST = 1e-3


@under_own_globals
def refine(
    model: DEC,
    X: Any,
    *,
    together: Pairs = (),
    apart: Pairs = (),
    rows: Mapping[int, str] | None = None,
    updates: int = 3,
    random_state: int = 0,
) -> DEC:
    """Correct a model by what is known of some rows: pairs of one kind, pairs of two, and names.

    Each cluster is cut into regions until what is known in each is of one kind. A cluster is of the kind that most
    of it is said to be. A region leaves it if two rows agree that it is of another kind, both its own or one of
    the region beside it: to the cluster of that kind, or to open a cluster of its own if it is large enough and
    not of those nearby. Clusters become one if most of both is said to be of one kind. So the number of clusters
    follows from what is said. Where clusters are cut, encoder and centres are then trained for a few updates, as
    at the end of a fit, with a penalty on what isn't as it should be. Else they stay as they are.

    Parameters
    ----------
    model : DEC
        Fitted; it stays as it is.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        Rows to learn from, best those of the fit.
    together, apart : iterable of (int, int)
        Pairs of row numbers of `X`, from 0. What follows from several is used too: if 1 and 2 are together, and 2
        and 3 are apart, so are 1 and 3.
    rows : mapping of int to str, optional
        Names by row number. Rows of one name are together, those of two are apart, and the cluster that has most
        of the rows of a name gets it.
    updates : int, default=3
        Updates that are trained towards where clusters are cut; 0 leaves the encoder as it is.
    random_state : int, default=0
        Of the regions and the order of the rows.

    Returns
    -------
    DEC
        Its `labels_` are those of `X`. `edits_[-1]` says how many pairs and rows were given, which of them are
        `broken` (as ["together", 1, 2], ["apart", 2, 3] or ["rows", 4, name]), and what the `changes` of the
        clusters are (see `align`).

    Raises
    ------
    ValueError
        If nothing is said, a row is none of `X` or holds nothing, or two things contradict each other: the message
        names the rows.

    References
    ----------
    Zhang, Basu, Davidson, "A Framework for Deep Constrained Clustering", ECML PKDD 2019.
    Van Craenendonck, Dumancic, Van Wolputte, Blockeel, "COBRAS: Interactive Clustering with Pairwise Queries",
    IDA 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder
    >>> from torchdec.clusters import ask, refine
    >>> X, y = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> questions = ask(model, X, 10)
    >>> yes = [(a, b) for a, b in questions if y[a] == y[b]]
    >>> no = [(a, b) for a, b in questions if y[a] != y[b]]
    >>> refine(model, X, together=yes, apart=no, updates=1).edits_[-1]["edit"]
    'refine'
    """
    started = perf_counter()
    check_is_fitted(model)
    given, filled = map(model.prepared, rows_to_fit(deepcopy(model), X, reset=False))
    said = {"together": _pairs("together", together, len(given)), "apart": _pairs("apart", apart, len(given))}
    names = _names(rows or {}, len(given))
    known = facts(said["together"], said["apart"], names)
    if not len(known.rows):
        raise ValueError("together, apart and rows say nothing; give at least one pair or name.")
    if not (isinstance(updates, Integral) and updates >= 0):
        raise ValueError(f"updates={shown(updates)} must be 0 or more.")
    seeds = seeds_of(random_state, "regions", "training")
    code, labels = model.transform(X), model.predict(X)
    if np.isnan(code[known.rows]).any():
        row = known.rows[np.isnan(code[known.rows]).any(axis=1)][0]
        raise ValueError(f"Row {row} of X holds nothing, so nothing can be known of it.")
    compute = resolve(model.device, model.precision)
    regions = regions_of(_places(model, given, code, labels, compute), labels, known, random_state)
    kinds = np.where(labels < 0, -1, kinds_of(regions, known)[regions.of_row])
    result, cut = _restructured(model, code, labels, kinds)
    if len(cut):
        penalty = _penalty(known, cut, kinds[cut], given, model.scale_, seeds["training"], compute)
        train_briefly(result, filled, int(updates), seeds["training"], compute, started, penalty)
    result._calibrate(given, compute)
    if not result.cluster_sizes_.all():
        _drop_empty(result)
        result._calibrate(given, compute)
    result = aligned(result, result.labels_, Known(model, labels, np.zeros(len(labels), dtype=bool)))
    changes = result.edits_.pop()["changes"]
    _name(result, known)
    broken = _broken(result, said, names)
    counts = {kind: len(pairs) for kind, pairs in said.items()} | {"rows": len(names)}
    return recorded(result, {"edit": "refine", **counts, "broken": broken, "changes": changes})


def ask(
    model: DEC,
    X: Any,
    n: int = 10,
    *,
    together: Pairs = (),
    apart: Pairs = (),
    rows: Mapping[int, str] | None = None,
    random_state: int = 0,
) -> list[tuple[int, int]]:
    """Propose pairs of rows of which to say whether they are of one kind: those whose answers tell most.

    Clusters are cut into regions, the widest first, and each region is asked for by the row in its middle, so an
    answer speaks for many rows (as the super-instances of COBRAS). First come the regions that are known not to be
    of their cluster: whether another row says so too, where they belong, and what lies beside them. Half of the
    other questions are whether a region belongs to its cluster, the farthest apart first; the other half whether
    two clusters are one, the nearest first. What follows from what is known already isn't asked.

    Parameters
    ----------
    model : DEC
        Fitted.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d)
        Rows to ask for, best those of the fit.
    n : int, default=10
        Questions, most telling first; fewer are returned if there are no more.
    together, apart, rows
        What is known already, as in `refine`.
    random_state : int, default=0
        Of the regions.

    Returns
    -------
    list of (int, int)
        Row numbers of `X`.

    Raises
    ------
    ValueError
        As from `refine`, or if `n` is less than 1.
    """
    check_is_fitted(model)
    if not (isinstance(n, Integral) and n >= 1):
        raise ValueError(f"n={shown(n)} asks nothing; try 1 or more.")
    given = model._new_rows(X)
    code, labels = model.transform(X), model.predict(X)
    known = facts(
        _pairs("together", together, len(code)), _pairs("apart", apart, len(code)), _names(rows or {}, len(code))
    )
    places = _places(model, given, code, labels, resolve(model.device, model.precision))
    n_clusters = len(np.unique(labels[labels >= 0]))
    cuts = (regions_of(places, labels, known, random_state, parts * n_clusters) for parts in _PARTS)
    questions: dict[tuple[int, int], None] = {}
    for a, b in itertools.chain.from_iterable(_most_telling(regions, places, known) for regions in cuts):
        questions[min(a, b), max(a, b)] = None
        if len(questions) == n:
            break
    return list(questions)


def _most_telling(regions: Regions, places: Places, facts: Facts) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows of which it isn't known whether they are of one kind, the most telling first.

    First come regions that one row says not to be of their cluster: whether another row says so too. Then whether
    those of which two say so belong to the nearest of the others. Then a region of a cluster and its largest, from
    clusters that such regions leave those that lie nearest to these, and the largest of two clusters, in turn;
    then all others that the leaving ones could belong to.
    """
    speakers = regions.speakers.tolist()
    spreads = np.array(
        [np.linalg.norm(places[regions.of_row == r] - c, axis=1).mean() for r, c in enumerate(regions.centers)]
    )
    apart = cdist(regions.centers, regions.centers)
    apart /= np.maximum(spreads[:, None] + spreads, _NARROWEST * spreads.mean() or 1.0)
    relations, clusters, (mains, leaving) = regions.relations(facts), regions.clusters, regions.sides(facts)
    largest = np.unique(mains)
    is_stray = relations[np.arange(len(mains)), mains] < 0
    for region in np.flatnonzero(is_stray & (regions.votes < AGREE) & (regions.others >= 0)):
        yield int(regions.others[region]), speakers[region]
    strays = np.flatnonzero(is_stray & leaving)
    lost = strays[~(relations[np.ix_(strays, largest)] > 0).any(axis=1)]
    homes = np.union1d(largest, lost)
    left = [homes[(relations[region, homes] == 0) & (homes != region)] for region in lost]
    left = [others[np.argsort(apart[region, others])] for region, others in zip(lost, left, strict=True)]
    rest = np.setdiff1d(np.arange(len(mains)), largest)
    within = [(mains[region], region) for region in rest[np.argsort(-apart[rest, mains[rest]])]]
    torn = [(main, region) for main, region in within if clusters[region] in clusters[strays]]
    torn.sort(key=lambda pair: apart[pair[1], strays[clusters[strays] == clusters[pair[1]]]].min())
    nearest = [
        (apart[np.ix_(clusters == clusters[a], clusters == clusters[b])].min(), a, b)
        for a, b in itertools.combinations(largest, 2)
    ]
    between = [(a, b) for _, a, b in sorted(nearest)]
    in_turn = (pair for pairs in itertools.zip_longest(within, between) for pair in pairs if pair)
    pairs = itertools.chain(
        ((region, others[0]) for region, others in zip(lost, left, strict=True) if len(others)),
        (pair for pair in itertools.chain(torn, in_turn) if not relations[pair]),
        ((region, other) for region, others in zip(lost, left, strict=True) for other in others[1:]),
    )
    yield from ((speakers[a], speakers[b]) for a, b in pairs)


def _places(model: DEC, rows: Rows, code: Places, labels: NDArray[np.int32], compute: Compute) -> Places:
    """Return where rows lie in the embedding and, with as much weight, along the axes of the landmarks.

    The embedding alone wouldn't tell apart what the fit put together.
    """
    landmarks = model.landmarks_.to(compute.device)
    parts = (placed(chunk, landmarks.means, landmarks.axes)[0] for chunk in in_order(rows, model.scale_, compute))
    both = code, torch.cat(list(parts)).cpu().numpy()
    widths = (np.sqrt(each[labels >= 0].var(axis=0).sum()) or 1.0 for each in both)
    return np.hstack([each / width for each, width in zip(both, widths, strict=True)])


def _pairs(argument: str, pairs: Pairs, n_rows: int) -> list[tuple[int, int]]:
    """Check pairs of row numbers."""
    checked = []
    for i, pair in enumerate(pairs):
        where = f"{argument}[{i}]={shown(pair)}"
        if not (isinstance(pair, tuple | list | np.ndarray) and len(pair) == 2):
            raise ValueError(f"{where} isn't a pair of rows; give tuples of two row numbers.")
        for row in pair:
            if not (isinstance(row, Integral) and 0 <= row < n_rows):
                raise ValueError(f"{where} isn't a row of X, which has 0 to {n_rows - 1}.")
        if pair[0] == pair[1]:
            raise ValueError(f"{where} is one row twice; give two.")
        checked.append((int(pair[0]), int(pair[1])))
    return checked


def _names(rows: Mapping[int, str], n_rows: int) -> dict[int, str]:
    for row, name in rows.items():
        if not (isinstance(row, Integral) and 0 <= row < n_rows):
            raise ValueError(f"rows has the key {shown(row)}, which isn't a row of X; it has 0 to {n_rows - 1}.")
        if not (isinstance(name, str) and name):
            raise ValueError(f"rows[{row}]={shown(name)} must be a text.")
    return {int(row): name for row, name in rows.items()}


def _restructured(
    model: DEC, code: Places, labels: NDArray[np.int32], kinds: NDArray[np.int64]
) -> tuple[DEC, NDArray[np.int64]]:
    """Return a model whose clusters are cut and merged as kinds say, and the rows of those that are cut.

    Only what is cut gets other centres.
    """
    centers, owners, cut = [], [], [np.empty(0, dtype=np.int64)]
    for cluster in range(len(model.cluster_names_)):
        own = labels == cluster
        found = np.unique(kinds[own])
        if len(found) > 1:
            centers.append(np.array([code[own & (kinds == kind)].mean(axis=0) for kind in found]))
            owners.append(found)
            cut.append(np.flatnonzero(own))
        elif len(found):
            centers.append(model.cluster_centers_[model.center_clusters_ == cluster])
            owners.append(np.full(len(centers[-1]), found[0]))
    result = deepcopy(model)
    result.cluster_centers_ = np.concatenate(centers)
    result.center_clusters_ = np.concatenate(owners).astype(np.int32)
    result.cluster_names_ = [""] * (int(kinds.max()) + 1)
    return result, np.concatenate(cut)


def _drop_empty(model: DEC) -> None:
    """Take away clusters that have lost all their rows in training."""
    kept = model.cluster_sizes_ > 0
    has_rows = kept[model.center_clusters_]
    numbers = np.cumsum(kept) - 1
    model.cluster_centers_ = model.cluster_centers_[has_rows]
    model.center_clusters_ = numbers[model.center_clusters_[has_rows]].astype(np.int32)
    model.cluster_names_ = [name for name, keep in zip(model.cluster_names_, kept, strict=True) if keep]


def _penalty(
    known: Facts,
    cut: NDArray[np.int64],
    kinds: NDArray[np.int64],
    rows: Rows,
    scale: float,
    seed: int,
    compute: Compute,
) -> Penalty:
    """Make what self-training adds to its loss: the contradiction of what is known, and of the cuts."""
    values = to_device(rows, torch.from_numpy(known.rows), scale, compute)
    groups, is_apart = (torch.from_numpy(each).to(compute.device) for each in (known.groups, known.apart))
    draws = generator(seed)
    of_cuts = learning(rows, cut, kinds, scale, draws, compute)

    def penalty(soft_assignment: Callable[[Tensor], Tensor]) -> Tensor:
        some = torch.randperm(len(groups), generator=draws)[:MOST_AT_ONCE].to(compute.device)
        own = groups[some]
        same = (own[:, None] == own) & ~torch.eye(len(own), dtype=torch.bool, device=own.device)
        contradiction = constraint_loss(soft_assignment(values[some]), same, is_apart[own][:, own])
        return contradiction + of_cuts(soft_assignment)

    return penalty


def _name(model: DEC, known: Facts) -> None:
    """Give the cluster that has most of the rows of a name that name, the largest first where two want one."""
    votes: list[tuple[int, int, str]] = []
    for group, name in known.names.items():
        labels = model.labels_[known.rows[known.groups == group]]
        if (labels >= 0).any():
            counts = np.bincount(labels[labels >= 0])
            votes.append((int(counts.max()), int(counts.argmax()), name))
    for _, cluster, name in sorted(votes):
        model.cluster_names_ = ["" if old == name else old for old in model.cluster_names_]
        model.cluster_names_[cluster] = name


def _broken(model: DEC, said: dict[str, list[tuple[int, int]]], names: dict[int, str]) -> list[list[Any]]:
    """List what is not as it was said."""
    labels = model.labels_
    broken: list[list[Any]] = [
        [kind, a, b]
        for kind, pairs in said.items()
        for a, b in pairs
        if ((labels[a] == labels[b]) and labels[a] >= 0) != (kind == "together")
    ]
    shown_names = [*model.cluster_names_, None]
    return broken + [["rows", row, name] for row, name in names.items() if shown_names[labels[row]] != name]
