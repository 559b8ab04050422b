"""Run a plan: case after case, each to a file of its own, which is not made again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from torchdec.runs._publish import write_file
from torchdec.study._methods import METHODS
from torchdec.study._plan import Case, Plan


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes
    ----------
    case : Case
    seconds : float
        That it took now; 0 where its file was there already.
    error : str
        Why it failed; empty where it did not.
    """

    case: Case
    seconds: float = 0.0
    error: str = ""


def run(plan: Plan) -> Iterator[Outcome]:
    """Run the cases that have no file yet, and yield what became of each.

    A file appears complete or not at all, so a run that is stopped, in whatever way, loses the present case alone.
    A case that fails leaves no file, and the others go on.
    """
    from torchdec.study._measure import measure

    plan.runs.mkdir(parents=True, exist_ok=True)
    for case in missing(plan):
        began = perf_counter()
        try:
            result, pictures = measure(case)
        except Exception as error:  # whatever a method raises, the other cases are not to be lost by it
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            yield Outcome(case, perf_counter() - began, reason)
            continue
        if pictures:
            write_file(_pictures(plan, case), partial(_save, pictures), force=True)
        text = json.dumps(result, indent=1, allow_nan=False) + "\n"
        write_file(_record(plan, case), partial(_write, text), force=True)
        yield Outcome(case, perf_counter() - began)


def missing(plan: Plan) -> list[Case]:
    """Return the cases without a file, those that share a representation one after the other."""
    groups: dict[tuple[Any, ...], list[Case]] = {}
    for case in plan.cases:
        if not _record(plan, case).exists():
            groups.setdefault(_shared(case), []).append(case)
    return [case for group in groups.values() for case in group]


def _shared(case: Case) -> tuple[Any, ...]:
    """Return what the cases have in common that share a representation, or where there is none, the near rows."""
    rows = (case.data, case.n_rows, case.r_min, case.hold_out)
    method = METHODS.get(case.method)
    if method is None or method.representation is None:
        return rows
    return *rows, method.representation, case.seed, str(sorted(case.stage_1.items()))


def results(plan: Plan) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the record of each case that has one, and the arrays of its pictures (none, for most)."""
    found = []
    for case in plan.cases:
        if _record(plan, case).exists():
            record = json.loads(_record(plan, case).read_text(encoding="utf-8"))
            found.append((record, _load(_pictures(plan, case))))
    return found


def _record(plan: Plan, case: Case) -> Path:
    return plan.runs / f"{case.name}.json"


def _pictures(plan: Plan, case: Case) -> Path:
    return plan.runs / f"{case.name}.npz"


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _save(arrays: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
