"""Edits that a person made while looking at the clusters: a list that can be kept in a file and replayed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from torchdec._dec import DEC
from torchdec.clusters._change import cluster_number, merge, recorded, rename, split
from torchdec.rows._shown import shown

# What an edit of each kind must hold; `split` may hold "into", "updates" and "random_state" too.
_WANTED = {
    "rename": ("cluster", "name"),
    "note": ("cluster", "text"),
    "merge": ("clusters",),
    "split": ("cluster",),
    "move": ("rows", "into"),
    "noise": ("rows",),
}


def replay(
    model: DEC, edits: Sequence[Mapping[str, Any]], labels: Any = None, X: Any = None, *, names: Sequence[str] = ()
) -> tuple[DEC, NDArray[np.int32]]:
    """Replay edits, such as those that a page exports.

    Parameters
    ----------
    model : DEC
        Fitted; it stays as it is.
    edits : sequence of dict
        In order. A cluster is given by its number before the first edit, whatever edits before made of it, or by
        its name; rows by their numbers.

        - ``{"edit": "rename", "cluster": 2, "name": "Enterprise"}``
        - ``{"edit": "note", "cluster": 2, "text": "ask sales"}``
        - ``{"edit": "merge", "clusters": [0, 3]}``
        - ``{"edit": "split", "cluster": 1, "into": 2}``: needs `X`; may have "updates" and "random_state" too
        - ``{"edit": "move", "rows": [17, 33], "into": 0}`` and ``{"edit": "noise", "rows": [5]}``: these rows
          get this cluster, or -1. It teaches the model nothing: new rows like them stay where they were.
    labels : ndarray of shape (n,), int32, optional
        Clusters of the rows; by default those of the fit.
    X : array, sparse matrix, DataFrame or Rows of shape (n, d), optional
        The rows.
    names : sequence of str, optional
        Names by which clusters may be given beside those of the model, such as automatic ones.

    Returns
    -------
    model : DEC
        The edited one, with all edits in `edits_`.
    labels : ndarray of shape (n,), int32
        The clusters of the rows.

    Raises
    ------
    ValueError
        If an edit isn't one, or names a cluster or a row that isn't there; it says which.

    Examples
    --------
    >>> import numpy as np
    >>> from torchdec import DEC, NeighborEncoder
    >>> from torchdec.clusters import replay
    >>> X = np.repeat(np.eye(3), 20, axis=0) + np.random.default_rng(0).normal(0, 0.1, (60, 3))
    >>> model = DEC(3, representation=NeighborEncoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> edits = [{"edit": "merge", "clusters": [0, 2]}, {"edit": "rename", "cluster": 2, "name": "both"}]
    >>> replay(model, edits)[0].cluster_names_
    ['both', '']
    """
    done = _Replay(model, labels, X, names)
    for number, edit in enumerate(edits, 1):
        try:
            done.apply(edit)
        except (TypeError, ValueError) as error:
            where = f"edit {number} of {len(edits)}: " if len(edits) > 1 else ""
            raise ValueError(f"{where}{error}") from None
    return done.model, done.labels


class _Replay:
    """A model and the labels of its rows on the way through edits."""

    def __init__(self, model: DEC, labels: Any, X: Any, names: Sequence[str]) -> None:
        self.model, self._X = model, X
        given = getattr(model, "labels_", ()) if labels is None else labels
        self.labels: NDArray[np.int32] = np.array(given, dtype=np.int32)
        self._names = names
        # Where each cluster of before the edits is now.
        self._where: NDArray[np.int32] = np.arange(len(model.cluster_names_), dtype=np.int32)

    def apply(self, edit: Mapping[str, Any]) -> None:
        kind = edit.get("edit") if isinstance(edit, Mapping) else None
        if not isinstance(kind, str) or kind not in _WANTED:
            raise ValueError(f"{shown(edit)} isn't an edit; give one of {', '.join(_WANTED)}.")
        if missing := [name for name in _WANTED[kind] if name not in edit]:
            raise ValueError(f"the edit {kind!r} has no {missing[0]!r}; add it.")
        made: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "rename": self._rename,
            "note": self._note,
            "merge": self._merge,
            "split": self._split,
            "move": self._move,
            "noise": self._noise,
        }
        made[kind](edit)

    def _number(self, argument: str, cluster: Any) -> int:
        if isinstance(cluster, str) and list(self._names).count(cluster) == 1:
            cluster = list(self._names).index(cluster)
        if isinstance(cluster, str):
            return cluster_number(self.model, argument, cluster)
        if (
            isinstance(cluster, int | np.integer)
            and not isinstance(cluster, bool)
            and 0 <= cluster < len(self._where)
        ):
            return int(self._where[cluster])
        raise ValueError(
            f"{argument}={shown(cluster)} isn't a cluster of this model; it has 0 to {len(self._where) - 1}."
        )

    def _rename(self, edit: Mapping[str, Any]) -> None:
        self.model = rename(self.model, self._number("cluster", edit["cluster"]), edit["name"])

    def _note(self, edit: Mapping[str, Any]) -> None:
        number, text = self._number("cluster", edit["cluster"]), edit["text"]
        if not isinstance(text, str):
            raise TypeError(f"text={shown(text)} must be a string.")
        self.model = recorded(self.model, {"edit": "note", "cluster": number, "text": text}, copied=True)

    def _merge(self, edit: Mapping[str, Any]) -> None:
        clusters = edit["clusters"]
        if not (isinstance(clusters, list | tuple) and len(clusters) == 2):
            raise ValueError(f"clusters={shown(clusters)} must be two clusters.")
        numbers = [self._number(name, cluster) for name, cluster in zip("ab", clusters, strict=True)]
        self.model = merge(self.model, *numbers)
        low, high = sorted(numbers)
        new = np.arange(len(self.model.cluster_names_) + 1, dtype=np.int32)
        new[high], new[high + 1 :] = low, new[high + 1 :] - 1
        self.labels = np.append(new, np.int32(-1))[self.labels]
        self._where = new[self._where]

    def _split(self, edit: Mapping[str, Any]) -> None:
        number = self._number("cluster", edit["cluster"])
        if self._X is None:
            raise ValueError(f"a split of cluster {edit['cluster']} needs the rows; give them (DATA, X).")
        settings = {name: edit[name] for name in ("updates", "random_state") if name in edit}
        # What a person said of a row stays: it is where the label isn't the model's own.
        said = self.labels != self.model.predict(self._X)
        self.model = split(self.model, number, self._X, edit.get("into", 2), **settings)
        self.labels = np.where(said, self.labels, self.model.predict(self._X)).astype(np.int32)

    def _rows(self, edit: Mapping[str, Any]) -> list[int]:
        rows, n = edit["rows"], len(self.labels)
        if not isinstance(rows, list | tuple) or not all(type(row) is int and 0 <= row < n for row in rows):
            raise ValueError(f"rows={shown(rows)} must be numbers of rows from 0 to {n - 1}.")
        return list(rows)

    def _move(self, edit: Mapping[str, Any]) -> None:
        rows, into = self._rows(edit), self._number("into", edit["into"])
        self.labels[rows] = into
        self.model = recorded(self.model, {"edit": "move", "rows": rows, "into": into}, copied=True)

    def _noise(self, edit: Mapping[str, Any]) -> None:
        rows = self._rows(edit)
        self.labels[rows] = -1
        self.model = recorded(self.model, {"edit": "noise", "rows": rows}, copied=True)


def notes_of(edits: Sequence[Mapping[str, Any]], n_clusters: int) -> list[str]:
    """Return the notes on each cluster, from the edits of a model, after which it has so many clusters."""
    notes: dict[int, list[str]] = {}
    for edit in edits:
        if edit["edit"] == "note":
            notes.setdefault(edit["cluster"], []).append(edit["text"])
        elif edit["edit"] == "merge":
            low, high = edit["clusters"]
            moved = [(low if n == high else n - (n > high), texts) for n, texts in sorted(notes.items())]
            notes = {}
            for number, texts in moved:
                notes[number] = [*notes.get(number, []), *texts]
    return ["; ".join(notes.get(number, [])) for number in range(n_clusters)]


def in_words(edit: Mapping[str, Any]) -> list[str]:
    """Say what an alignment, an update, a merge of models or a refinement made of the clusters."""
    said = [_change_in_words(change) for change in edit.get("changes", ())]
    if edit["edit"] in ("update", "merge_models"):
        opened = ", ".join(map(str, edit["opened"]))
        said.append(f"New clusters: {opened}." if opened else "No new clusters.")
        if edit.get("refused"):
            sizes = ", ".join(f"{size:,}" for size in edit["refused"])
            said.append(f"Groups of {sizes} new rows can't be told from known ones in this embedding; fit again.")
        if "changed" in edit:  # known of a run, which has the old rows' embedding
            said.append(f"Of the rows of the old run, {edit['changed']:.2%} would change cluster.")
    return said


def _change_in_words(change: Mapping[str, Any]) -> str:
    number, old, rows, shared = (change[key] for key in ("cluster", "old", "rows", "shared"))
    name = f" {change['name']}" if change["name"] else ""
    was = "" if number == old else f"; it was {old}"
    return {
        "kept": f"{number}{name} is kept: {shared:,} of its {rows:,} rows{was}",
        "split": f"{number} is split from {old}{name}: {shared:,} of its {rows:,} rows",
        "new": f"{number} is new: {rows:,} rows",
        "merged": f"{old}{name} is merged into {number}: {shared:,} of its {rows:,} rows",
        "gone": f"{old}{name} is gone",
    }[change["change"]]
