"""`torchdec ask` and `torchdec refine`: what people know of rows, as tables that they fill in."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._edit import edited
from torchdec.cli._errors import UserError, naming, naming_rows
from torchdec.cli._run_files import rows_of_run
from torchdec.cli._summary import print_changes
from torchdec.cli._terminal import printable, tell

if TYPE_CHECKING:
    from torchdec._dec import DEC

_SAME = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}
# Lines that are printed of what is broken.
_SHOWN = 5

Answers = Annotated[
    list[Path] | None,
    typer.Option(
        "--answers",
        metavar="FILE.csv",
        show_default=False,
        help="The file of torchdec ask, with yes or no in the column same (empty: not known); may be repeated.",
    ),
]
Names = Annotated[
    Path | None,
    typer.Option(
        "--names",
        metavar="FILE.csv",
        show_default=False,
        help="A .csv with the columns row and name: what some rows are.",
    ),
]


@_options.reads_files
def ask(
    directory: _options.Run,
    data: _options.RowsOfRun,
    n: Annotated[int, typer.Option("-n", min=1, help="How many questions.")] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE.csv", show_default="printed", help="File to write the questions to."
        ),
    ] = None,
    answers: Answers = None,
    names: Names = None,
    text_column: _options.TextColumn = None,
    file: _options.Said = _options.AS_IT_SHOWS,
    seed: _options.Seed = 0,
    force: _options.Force = False,
) -> None:
    """Ask which pairs of rows belong together; the pairs whose answers tell most come first.

    Rows go by the column of DATA that identifies them, or else by their numbers, from 0. Pairs that are known
    already (--answers, --names) aren't asked again.
    """
    from torchdec._model_file import load
    from torchdec.clusters._refine import ask
    from torchdec.runs._publish import check_file, write_file
    from torchdec.runs._record import MODEL, read_run

    if out is not None:
        with naming("-o/--out"):
            check_file(out, force=force)
    with naming("RUN"):
        run = read_run(directory)
        model = load(directory / MODEL)
    rows = rows_of_run(data, text_column=text_column, **file)(model, run)
    handles = _Handles(rows)
    with naming_rows(str(data)), handles.naming():
        pairs = ask(model, rows, n, **_known(answers, names, handles), random_state=seed)
    lines = [("a", "b", "same"), *((handles.names[a], handles.names[b], "") for a, b in pairs)]
    if out is None:
        for line in lines:
            tell(printable(",".join(line[:2])))
        return

    def write(new: Path) -> None:
        with new.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows(lines)

    write_file(out, write, force=force)
    tell(f"{out}: {len(pairs)} questions; fill in the column same with yes or no.")


@_options.reads_files
def refine(
    directory: _options.Run,
    data: _options.RowsOfRun,
    out: _options.Out,
    answers: Answers = None,
    names: Names = None,
    updates: Annotated[
        int, typer.Option("--updates", min=0, help="Updates of self-training; 0 leaves the encoder as it is.")
    ] = 3,
    text_column: _options.TextColumn = None,
    file: _options.Said = _options.AS_IT_SHOWS,
    seed: _options.Seed = 0,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """Correct the clusters of a run by what you know of some rows, in a new run.

    You give pairs of rows that belong together or don't, and names of rows. Clusters are split, merged and added
    to fit. Answers that contradict each other are refused, and those that the model can't follow are listed.
    """
    if not (answers or names):
        raise UserError("--answers: nothing is said of any row; give --answers or --names.")

    handles: list[_Handles] = []

    def edit(model: "DEC", rows: Any) -> tuple["DEC", None]:
        from torchdec.clusters._refine import refine

        handles.append(_Handles(rows))
        with naming_rows(str(data)), handles[0].naming():
            known = _known(answers, names, handles[0])
            return refine(model, rows, **known, updates=updates, random_state=seed), None

    read = rows_of_run(data, text_column=text_column, **file)
    done = edited(directory, edit, out, force, as_json, read).edits[-1]
    if as_json:
        return
    print_changes({**done, "changes": [change for change in done["changes"] if change["change"] != "kept"]})
    n_said = done["together"] + done["apart"] + done["rows"]
    tell(f"{n_said - len(done['broken'])} of {n_said} answers are kept.")
    for kind, a, b in done["broken"][:_SHOWN]:
        a, b = handles[0].names[a], b if kind == "rows" else handles[0].names[b]
        tell(printable(f"  broken: {a} is {b}" if kind == "rows" else f"  broken: {a} and {b} {kind}"))


class _Handles:
    """What rows are called in the tables: by the one column that names them, or else by their numbers."""

    def __init__(self, rows: Any) -> None:
        from torchdec.rows._ids import row_ids

        ids = row_ids(rows)
        known = [] if ids is None or ids.num_columns != 1 else [str(name.as_py()) for name in ids.columns[0]]
        self.names = (
            known if known and len(set(known)) == len(known) else [str(row) for row in range(rows.shape[0])]
        )
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def number(self, name: str, where: str) -> int:
        """Return the number of the row that is called so."""
        if name not in self._numbers:
            raise UserError(
                f"{where}: no row of DATA is called {name!r}; rows are called {self.names[0]!r} and so on."
            )
        return self._numbers[name]

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Name rows that contradict each other as the tables do."""
        from torchdec._core.constraints import ContradictionError

        try:
            yield
        except ContradictionError as error:
            raise UserError(error.told(self.names.__getitem__)) from None


def _known(answers: list[Path] | None, names: Path | None, handles: _Handles) -> dict[str, Any]:
    """Read what is known of rows."""
    known: dict[str, Any] = {"together": [], "apart": [], "rows": {}}
    for path in answers or ():
        for where, line in _lines("--answers", path, ("a", "b", "same")):
            said = line["same"].strip().lower()
            if said and said not in _SAME:
                raise UserError(f"{where}: same is {line['same']!r}; write yes or no, or leave it empty.")
            if said:
                pair = handles.number(line["a"], where), handles.number(line["b"], where)
                known["together" if _SAME[said] else "apart"].append(pair)
    for where, line in _lines("--names", names, ("row", "name")) if names else ():
        if not line["name"].strip():  # not known
            continue
        row = handles.number(line["row"], where)
        if known["rows"].setdefault(row, line["name"]) != line["name"]:
            raise UserError(
                f"{where}: row {line['row']!r} is {line['name']!r}, and {known['rows'][row]!r} before."
            )
    return known


def _lines(option: str, path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield where each line of a table is, and its cells."""
    with naming(option), path.open(newline="", encoding="utf-8-sig") as stream:
        lines = csv.DictReader(stream)
        if missing := [column for column in columns if column not in (lines.fieldnames or ())]:
            raise ValueError(f"{path} has no column {missing[0]!r}; it takes {', '.join(columns)}.")
        try:
            for line in lines:
                if any(line[column] is None for column in columns):
                    raise ValueError(f"{path}, line {lines.line_num} has too few cells.")
                yield f"{option}: {path}, line {lines.line_num}", line
        except csv.Error as error:
            raise ValueError(f"{path} cannot be read as .csv ({error}); write it again.") from None
