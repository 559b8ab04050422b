"""Who is in which cluster, as rules in the units of the table: a shallow tree that imitates the model."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier

from torchdec.clusters._traits import LEVELS, Table, missing_in
from torchdec.prepare._parsed import Parsed
from torchdec.prepare._season import months_of

_DEPTH, _HELD_OUT, _FEWEST = 4, 0.3, 40
# Rows a cluster, on average, that rules need: some of each are held out.
_ROWS_A_CLUSTER = 5
# Values of the matrix that the tree sees: of more, fewer rows are drawn, but so many at least.
_MOST_VALUES, _FEWEST_OF_WIDE = 1 << 22, 2000
# Levels of a kind that a rule may ask for: its commonest ones.
_MOST_LEVELS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions, and the cluster of the rows that meet all of them.

    Attributes
    ----------
    cluster : int
    conditions : tuple of str
        ``annual_spend > $1,200``, ``plan is Enterprise``; none where there is nothing to ask.
    share : float
        Fraction of the rows held out that meet them.
    precision : float or None
        Fraction of these that the model puts into the cluster too; None where no row held out meets them.
    """

    cluster: int
    conditions: tuple[str, ...]
    share: float
    precision: float | None


@dataclass(frozen=True, slots=True)
class Rules:
    """Who is in which cluster, in at most 16 rules; every row meets exactly one.

    Attributes
    ----------
    rules : tuple of Rule
        By cluster, those that hold for most rows first.
    fidelity : float
        Fraction of the rows held out that the rules put where the model does.
    n_held_out : int
        Rows that fidelity, shares and precisions were measured on; the rules did not learn from them.
    """

    rules: tuple[Rule, ...]
    fidelity: float
    n_held_out: int


@dataclass(frozen=True)
class _Question:
    """What one column of the matrix asks: a number against a threshold, or whether a kind has a level.

    The matrix has numbers less their `origin`: trees compute in float32, where seconds since 1970 are all alike.
    """

    column: Parsed
    level: int | None = None
    origin: float = 0.0

    def limit(self, threshold: float) -> str:
        """Write a threshold of the matrix in the units of the column."""
        limit, values = threshold + self.origin, self.column.values
        # Of whole numbers the threshold lies between two: more than 3.5 is more than 3, and could be shown as 4.
        if (np.isnan(values) | (values == np.floor(values))).all():
            limit = float(np.floor(limit))
        return self.column.show(limit)


def rules_of(table: Table) -> Rules | None:
    """Imitate the clusters by a tree of depth 4; None of fewer than 40 rows, or 5 a cluster, and of one cluster.

    Clusters of a single row are left out: it cannot be both learnt from and held out. A missing number counts as
    the median of its column. Clusters weigh the same, so that small ones get rules too.
    """
    sizes = np.bincount(table.labels)
    kept = np.flatnonzero(sizes[table.labels] > 1)
    n_used = int(np.count_nonzero(sizes > 1))
    if n_used < 2 or len(kept) < max(_FEWEST, _ROWS_A_CLUSTER * n_used):
        return None
    questions, matrix = _asked(table.columns)
    if not questions:
        return None
    most = max(_FEWEST_OF_WIDE, _MOST_VALUES // len(questions), _ROWS_A_CLUSTER * n_used)
    train, test = _split(kept, table.labels, most)
    tree = DecisionTreeClassifier(
        max_depth=_DEPTH, min_samples_leaf=max(5, len(train) // 100), class_weight="balanced", random_state=0
    ).fit(matrix[train], table.labels[train])
    predicted, leaf = tree.predict(matrix[test]), tree.apply(matrix[test])
    agrees = predicted == table.labels[test]
    rules = []
    for leaves, cluster, path in _leaves(tree, 0, []):
        met = np.isin(leaf, leaves)
        conditions = _conditions(path, questions)
        rules.append(
            Rule(cluster, conditions, float(met.mean()), float(agrees[met].mean()) if met.any() else None)
        )
    rules.sort(key=lambda rule: (rule.cluster, -rule.share))
    return Rules(tuple(rules), float(agrees.mean()), len(test))


def _split(
    kept: NDArray[np.int64], labels: NDArray[np.int32], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the rows that the tree learns from and those held out, the same share of each cluster."""
    n = min(len(kept), most)
    n_held_out = math.ceil(_HELD_OUT * n)
    train, test = train_test_split(
        kept, train_size=n - n_held_out, test_size=n_held_out, random_state=0, stratify=labels[kept]
    )
    return train, test


def _asked(columns: list[Parsed]) -> tuple[list[_Question], NDArray[Any]]:
    questions, parts = [], []
    for column in [*columns, *(months_of(column) for column in columns if column.has_season)]:
        if column.role == "text":
            continue
        if column.role in LEVELS:
            counts = np.bincount(column.values[column.values >= 0], minlength=len(column.levels))
            levels = np.argsort(-counts, kind="stable")[:_MOST_LEVELS]
            # Of two levels one question is enough: who is not the one is the other.
            chosen = levels[: 1 if _is_either(column) else None]
            for level in chosen.tolist():
                questions.append(_Question(column, level))
                parts.append(column.values == level)
        elif (known := ~missing_in(column)).any():
            middle = float(np.median(column.values[known]))
            questions.append(_Question(column, origin=middle))
            parts.append(np.where(known, column.values - middle, 0.0))
    return questions, np.column_stack(parts) if parts else np.empty((0, 0))


def _leaves(tree: Any, node: int, path: list[tuple[int, float, bool]]) -> list[tuple[list[int], int, Any]]:
    """Return the leaves below a node: their numbers, cluster, and questions with answers on the way there."""
    inside = tree.tree_
    if inside.children_left[node] < 0:
        return [([node], int(tree.classes_[inside.value[node][0].argmax()]), path)]
    question, threshold = int(inside.feature[node]), float(inside.threshold[node])
    below = _leaves(tree, int(inside.children_left[node]), [*path, (question, threshold, False)])
    above = _leaves(tree, int(inside.children_right[node]), [*path, (question, threshold, True)])
    found = below + above
    # A question whose answers lead to one cluster need not be asked.
    if len({cluster for _, cluster, _ in found}) == 1:
        return [([leaf for leaves, _, _ in found for leaf in leaves], found[0][1], path)]
    return found


def _conditions(path: list[tuple[int, float, bool]], questions: list[_Question]) -> tuple[str, ...]:
    """Say the answers on a path, each question once: of two limits of a number the tighter one holds."""
    lower: dict[int, float] = {}
    upper: dict[int, float] = {}
    for question, threshold, is_above in path:
        if is_above:
            lower[question] = max(threshold, lower.get(question, -np.inf))
        else:
            upper[question] = min(threshold, upper.get(question, np.inf))
    # A level that is met rules the other levels of its column out by itself.
    met = {id(questions[q].column) for q in lower if questions[q].level is not None}
    said = []
    for question in dict.fromkeys(question for question, _, _ in path):
        about = questions[question]
        column, level = about.column, about.level
        if level is not None:
            if question in lower:
                said.append(f"{column.name} is {column.levels[level]}")
            elif id(column) not in met:
                said.append(_not(column, level))
            continue
        limits = [(">", lower), ("<=", upper)]
        said += [f"{column.name} {sign} {about.limit(at[question])}" for sign, at in limits if question in at]
    return tuple(said)


def _not(column: Parsed, level: int) -> str:
    if _is_either(column):
        return f"{column.name} is {column.levels[1 - level]}"
    return f"{column.name} is not {column.levels[level]}"


def _is_either(column: Parsed) -> bool:
    """Tell whether a row that has not the one level has the other."""
    return len(column.levels) == 2 and not missing_in(column).any()
