"""A plan: which data, by which methods, from which seeds, with which settings."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any

_SAFE = re.compile(r"[\w.+-]+")


class PlanError(ValueError):
    """A plan that cannot be run; the message names the key and what to write."""


@dataclass(frozen=True)
class Case:
    """One fit.

    Attributes
    ----------
    data : str
        A name of `torchdec_bench.datasets`.
    method : str
        A name of `torchdec_bench.study` (bench/README.md lists them).
    seed : int
        Of the fit.
    n_rows : int or None
        Take so many rows, drawn at random and the same for all seeds; None takes all.
    r_min : float or None
        Thin the classes out: class 0 keeps this share of its rows, the last class all, the others between in equal
        steps (paper, section 5.3).
    n_clusters : int or None
        k; None is the number of classes.
    hold_out : float or None
        Share of the rows that the fit does not see and is scored on too.
    pictures : bool
        Keep what the figures show beside the scores; of DEC alone.
    settings : dict
        Parameters of the method itself (of `torchdec.DEC`, `LDMGI` or `SEC`).
    stage_1 : dict
        Parameters of the representation, where the method has one.
    """

    data: str
    method: str
    seed: int = 0
    n_rows: int | None = None
    r_min: float | None = None
    n_clusters: int | None = None
    hold_out: float | None = None
    pictures: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    stage_1: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Data, method and seed, and whatever else is not at its default: the name of the case."""
        return "-".join(
            [self.data, self.method, str(self.seed), *(f"{key}={value}" for key, value in self._others())]
        )

    def _others(self) -> Iterator[tuple[str, Any]]:
        for key in ("n_rows", "r_min", "n_clusters", "hold_out"):
            if getattr(self, key) is not None:
                yield key, getattr(self, key)
        yield from sorted(self.settings.items())
        yield from sorted(self.stage_1.items())

    def plain(self) -> dict[str, Any]:
        """Return the case as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """Cases with a title, and the file of their results.

    Attributes
    ----------
    title : str
    file : Path
        Where each fit leaves a line of JSON; pictures go to the folder of that name without the suffix.
    cases : tuple of Case
    """

    title: str
    file: Path
    cases: tuple[Case, ...]


def read_plan(path: str | Path) -> Plan:
    r"""Read a plan.

    Parameters
    ----------
    path : str or Path
        A TOML file with `title` and tables `[[case]]`. In a table, every value may be a list, and so may those
        within `settings` and `stage_1`: all combinations are cases.

    Returns
    -------
    Plan
        Its results go beside the plan: those of ``two.toml`` to ``two.jsonl``.

    Raises
    ------
    PlanError
        If the file is no TOML or not named so, has a key that is unknown or missing, or names the same case twice.

    Examples
    --------
    >>> import os, tempfile
    >>> from torchdec_bench.study import read_plan
    >>> text = 'title = "Two"\n[[case]]\ndata = "digits"\nmethod = "kmeans"\nseed = [0, 1]\n'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "two.toml")
    ...     with open(path, "w") as file:
    ...         _ = file.write(text)
    ...     [case.name for case in read_plan(path).cases]
    ['digits-kmeans-0', 'digits-kmeans-1']
    """
    path = Path(path)
    if path.suffix != ".toml":
        raise PlanError(f"{path}: has the suffix {path.suffix!r}; name a plan that ends in .toml.")
    try:
        contents = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path}: is no TOML ({error}); see bench/README.md.") from None
    _check_keys(path, contents, {"title", "case"}, {"title", "case"})
    if not isinstance(contents["title"], str):
        raise PlanError(f'{path}: title is no text; write title = "...".')
    if not isinstance(contents["case"], list):
        raise PlanError(f"{path}: case is no list of tables; write [[case]] above each.")
    cases = tuple(case for table in contents["case"] for case in _cases(path, table))
    names = [case.name for case in cases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise PlanError(f"{path}: the case {twice} is there twice; take one away.")
    return Plan(contents["title"], path.with_suffix(".jsonl"), cases)


def _check_keys(path: Path, table: dict[str, Any], known: set[str], needed: set[str]) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise PlanError(f"{path}: the key {unknown[0]!r} is unknown; there are {', '.join(sorted(known))}.")
    missing = sorted(needed - set(table))
    if missing:
        raise PlanError(f"{path}: the key {missing[0]!r} is missing; see bench/README.md.")


_TYPES = {"data": str, "method": str, "seed": int, "n_rows": int, "n_clusters": int, "pictures": bool}
_SHARES = ("r_min", "hold_out")


def _cases(path: Path, table: dict[str, Any]) -> Iterator[Case]:
    _check_keys(path, table, {item.name for item in fields(Case)}, {"data", "method"})
    nested = {key: table.get(key, {}) for key in ("settings", "stage_1")}
    for key, value in nested.items():
        if not isinstance(value, dict):
            raise PlanError(f"{path}: {key} isn't a table; write {key} = {{ name = value }}.")
    flat = {key: _listed(value) for key, value in table.items() if key not in nested}
    for key, values in flat.items():
        for value in values:
            _check_value(path, key, value)
    settings, stage_1 = (list(_combinations(value)) for value in nested.values())
    for own_keys in _combinations(flat):
        for own, first in product(settings, stage_1):
            case = Case(**own_keys, settings=own, stage_1=first)
            if not all(_SAFE.fullmatch(part) for part in case.name.split("=")):
                raise PlanError(f"{path}: {case.name!r} cannot be a file's name; use letters, digits and . + - _.")
            yield case


def _check_value(path: Path, key: str, value: Any) -> None:
    if key in _SHARES:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            raise PlanError(f"{path}: {key} = {value!r} is no share; write a number between 0 and 1.")
    elif type(value) is not _TYPES[key]:
        raise PlanError(f"{path}: {key} = {value!r} is no {_TYPES[key].__name__}.")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _combinations(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for values in product(*(_listed(value) for value in table.values())):
        yield dict(zip(table, values, strict=True))
