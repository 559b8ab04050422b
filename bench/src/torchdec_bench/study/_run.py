"""Run a plan: case after case, each a line of the plan's results, which is not made again."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from torchdec.runs import locked, write_file
from torchdec_bench.study._methods import METHODS
from torchdec_bench.study._plan import Case, Plan, PlanError


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes
    ----------
    case : Case
    seconds : float
        That it took now; 0 where its line was there already.
    error : str
        Why it failed; empty where it did not.
    """

    case: Case
    seconds: float = 0.0
    error: str = ""


def run(plan: Plan) -> Iterator[Outcome]:
    """Run the cases that have no line yet, and yield what became of each.

    The file of results is replaced in one step after each case, so a run that is stopped, in whatever way, loses
    the present case alone. A case that fails leaves no line, and the others go on.

    Raises
    ------
    PlanError
        If the file holds a line that is no result.
    RunError
        If another process runs cases into the same file.
    """
    with locked(plan.file):
        from torchdec_bench.study._measure import measure

        records = _read(plan.file)
        for case in _in_order(case for case in plan.cases if case.name not in records):
            began = perf_counter()
            try:
                record, pictures = measure(case)
            except Exception as error:  # whatever a method raises, the other cases are not to be lost by it
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                yield Outcome(case, perf_counter() - began, reason)
                continue
            if pictures:
                write_file(_pictures(plan, case), partial(_save, pictures), force=True)
            records[case.name] = record
            write_file(plan.file, partial(_write, records), force=True)
            yield Outcome(case, perf_counter() - began)


def missing(plan: Plan) -> list[Case]:
    """Return the cases without a line, in the order in which they are run."""
    done = _read(plan.file)
    return _in_order(case for case in plan.cases if case.name not in done)


def _in_order(cases: Iterator[Case]) -> list[Case]:
    """Put the cases one after the other that share a representation."""
    groups: dict[tuple[Any, ...], list[Case]] = {}
    for case in cases:
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
    """Return the record of each case that has one, and the arrays of its pictures (none, for most).

    Raises
    ------
    PlanError
        If the file holds a line that is no result.
    """
    records = _read(plan.file)
    return [(records[case.name], _load(_pictures(plan, case))) for case in plan.cases if case.name in records]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the records of a file of results by the names of their cases; none where there is no file."""
    if not path.exists():
        return {}
    records = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            record = json.loads(line)
            records[Case(**record["case"]).name] = record
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise PlanError(f"{path}: line {number} is no result of a case; take the line away.") from None
    return records


def _write(records: dict[str, dict[str, Any]], path: Path) -> None:
    lines = (json.dumps(record, allow_nan=False) for _, record in sorted(records.items()))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _pictures(plan: Plan, case: Case) -> Path:
    return plan.file.with_suffix("") / f"{case.name}.npz"


def _save(arrays: dict[str, Any], path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
