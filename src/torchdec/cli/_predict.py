"""`torchdec predict`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, naming_rows, say
from torchdec.cli._run_files import names_of_run, refuse_inside, rows_like
from torchdec.cli._terminal import tell

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from torchdec._dec import DEC
    from torchdec.rows._protocol import Rows
    from torchdec.runs._tables import Clusters

# What assignments are written to as a table.
_TABLES = (".parquet", ".csv", ".xlsx")

Out = Annotated[
    Path,
    typer.Option(
        "-o",
        "--out",
        metavar="OUT",
        help="File to write: .parquet, .csv or .xlsx; a .h5ad copy of DATA if that is one; a new folder for a "
        "folder of Parquet.",
    ),
]
Reject = Annotated[
    float,
    typer.Option(
        "--reject",
        min=0.0,
        max=0.99,
        metavar="FRACTION",
        help="Give cluster -1 to rows that lie farther out than all but this fraction of the rows of the fit, "
        "such as 0.05.",
    ),
]
Groups = Annotated[
    int | None,
    typer.Option(
        "--groups",
        min=1,
        metavar="N",
        show_default=False,
        help="Assign rows to this many groups of clusters; see levels.",
    ),
]
Scores = Annotated[
    bool,
    typer.Option(
        "--scores",
        help="Add a column outlier_score: how far out a row lies; above 1 is farther than any row of the fit.",
    ),
]
Join = Annotated[bool, typer.Option("--join", help="Add all columns of DATA, a table.")]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", min=0, metavar="N", help="How many Dask processes, for a folder of Parquet; 0 uses none."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", show_default=False, help="Address of a running Dask scheduler."
    ),
]


@_options.reads_files
def predict(
    model: _options.Model,
    data: _options.Data,
    out: Out,
    reject: Reject = 0.0,
    groups: Groups = None,
    scores: Scores = False,
    join: Join = False,
    text_column: _options.TextColumn = None,
    file: _options.Said = _options.AS_IT_SHOWS,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    device: _options.Device = "auto",
    force: _options.Force = False,
) -> None:
    """Assign new rows to the clusters of a model.

    OUT gets the columns row, cluster, confidence, and name if the clusters have names. Rows that hold nothing,
    such as empty texts, get cluster -1; so do rows that --reject leaves out, or noise if the fit used --noise.
    DATA is read as fit read its file, unless an option says otherwise, and may be larger than memory. A folder of
    Parquet files gives a folder of files of the same names, unless OUT ends in .parquet, .csv or .xlsx. An OUT
    that ends in .h5ad is a copy of DATA with the clusters in .obs, the embedding and a map of it in .obsm, and
    marker genes in .uns.
    """
    if (data.is_dir() and out.suffix.lower() not in _TABLES) or workers or scheduler:
        of_one_file = {"text-column": text_column, "header/--no-header": file["header"], **file, "groups": groups}
        of_one_file |= {"force": force or None, "scores": scores or None, "join": join or None}
        if given := [option for option, value in of_one_file.items() if value is not None]:
            raise UserError(
                f"--{given[0]} is not for a new folder {out} of files as {data} has them; leave it out."
            )
        _predict_folder(model, data, out, reject, workers, scheduler, device)
        return
    from torchdec._model_file import load
    from torchdec.clusters import coarsen
    from torchdec.rows._ids import row_ids

    _check_out(out, data, model, force=force)
    with naming("MODEL"):
        fitted = load(model, device=device)
        names = names_of_run(model) or fitted.cluster_names_
        if groups is not None:
            fitted.cluster_names_ = list(names)
            fitted = coarsen(fitted, groups)
            names = fitted.cluster_names_
    rows = rows_like(fitted, data, text_column=text_column, **file)
    with naming("DATA"):
        beside = _all_columns(data, rows, out) if join else row_ids(rows)
    if scores:
        if _is_h5ad(out):
            raise UserError(f"--scores can't be written to {out}; name a .parquet, .csv or .xlsx.")
        with naming_rows(str(data)):
            beside = _with_scores(fitted.outlier_scores(rows), beside)
    found, n_empty = _write_clusters(out, fitted, rows, data, reject, names, beside, force=force)
    _tell_of(out, rows.shape[0], found.sizes, reject, n_empty)


def _tell_of(out: Path, n_rows: int, sizes: Sequence[int], reject: float, n_empty: int = 0) -> None:
    """Print how many rows came into how many clusters, and how many into none."""
    n_none, n_used = n_rows - sum(sizes), sum(size > 0 for size in sizes)
    which = f", of which {n_empty:,} {'holds' if n_empty == 1 else 'hold'} nothing" if n_empty else ""
    none = f", {n_none:,} in none (-1){which}" if reject or n_none else ""
    tell(f"{out}: {n_rows:,} {'row' if n_rows == 1 else 'rows'} in {n_used} of {len(sizes)} clusters{none}")


def _check_out(out: Path, data: Path, model: Path, *, force: bool) -> None:
    from torchdec.runs._publish import check_file
    from torchdec.runs._record import RUN_FILES

    with naming("-o/--out"):
        check_file(out, force=force)
        _refuse_inputs(out, data, model, *(model / name for name in RUN_FILES))
        refuse_inside(out, data)
        if out.suffix.lower() not in (*_TABLES, ".h5ad"):
            raise ValueError(f"{out} would hold a table; name a file that ends in .parquet, .csv or .xlsx.")
        if _is_h5ad(out) and not _is_h5ad(data):
            raise ValueError(f"{out} would be a copy of an .h5ad, which {data} is not; name a .parquet.")


def _all_columns(data: Path, rows: "Rows", out: Path) -> "pa.Table":
    """Return all columns of the table that rows were read from, but for lists where `out` can't hold them."""
    import pyarrow.types as types

    from torchdec.rows._files import TABLES, raw_table
    from torchdec.rows._protocol import RowsError

    reading = getattr(getattr(rows, "preparation", None), "reading", None)
    if reading is None or data.is_dir() or data.suffix.lower() not in TABLES:
        raise RowsError(f"{data} isn't a table, so there are no columns to --join; leave out --join")
    table = raw_table(data, reading, to_hand_on=True)
    lists = [] if out.suffix == ".parquet" else [f.name for f in table.schema if types.is_nested(f.type)]
    if lists:
        say(f"note: {', '.join(map(repr, lists))} holds lists, which {out.suffix} can't hold; left out.")
    return table.drop_columns(lists)


def _with_scores(scores: "NDArray[np.float32]", columns: "pa.Table | None") -> "pa.Table":
    """Put the scores before the columns that stand beside the assignments."""
    import pyarrow as pa

    from torchdec.rows._ids import beside

    table = pa.table({"outlier_score": scores})
    if columns is not None:
        columns = beside(columns, table.column_names)
        for name, column in zip(columns.column_names, columns.columns, strict=True):
            table = table.append_column(name, column)
    return table


def _write_clusters(
    out: Path,
    model: "DEC",
    rows: "Rows",
    data: Path,
    reject: float,
    names: Sequence[str],
    beside: "pa.Table | None",
    *,
    force: bool,
) -> "tuple[Clusters, int]":
    """Write the clusters of rows as they are predicted; return what they amount to, and how many hold nothing."""
    import numpy as np

    from torchdec.runs._publish import write_file
    from torchdec.runs._tables import write_assignments

    done: list[Clusters] = []
    n_empty = 0

    def chunks() -> "Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]":
        nonlocal n_empty
        with naming_rows(str(data)):
            for code, q in model.predict_chunks(rows, reject=reject):
                n_empty += int(np.isnan(code[:, 0]).sum())
                yield code, q

    def write(new: Path) -> None:
        if _is_h5ad(out):
            done.append(_write_cells(new, data, model, rows, chunks()))
        else:
            done.append(write_assignments(new, (q for _, q in chunks()), beside, names))

    write_file(out, write, force=force)
    return done[0], n_empty


def _write_cells(
    path: Path,
    source: Path,
    model: "DEC",
    rows: "Rows",
    chunks: "Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]",
) -> "Clusters":
    """Write a copy of a file of cells with their clusters, a map of them, and genes that mark the clusters."""
    import numpy as np

    from torchdec.clusters._layout import laid_out
    from torchdec.clusters._markers import markers
    from torchdec.runs._h5ad import write_h5ad
    from torchdec.runs._tables import Tally

    tally = Tally()
    parts = [(code, *tally.add(q)) for code, q in chunks]
    code, cluster, confidence = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    found = markers(rows, cluster, len(model.cluster_names_))
    write_h5ad(path, source, cluster, confidence, code, laid_out(code), found)
    return tally.clusters()


def _predict_folder(
    model: Path, data: Path, out: Path, reject: float, workers: int, scheduler: str | None, device: str
) -> None:
    from pyarrow import parquet

    from torchdec._model_file import model_path
    from torchdec.scoring import Predictor, score_folder

    with naming("MODEL"):
        predictor = Predictor(str(model_path(model).resolve()), reject, device)
    with naming_rows(str(data)):
        sizes = score_folder(predictor, data, out, n_workers=workers, scheduler=scheduler)
    n_rows = sum(parquet.read_metadata(file).num_rows for file in out.rglob("*.parquet"))
    _tell_of(out, n_rows, sizes, reject)


def _refuse_inputs(out: Path, *inputs: Path) -> None:
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise UserError(f"{out} is the input, or part of it; name another file.")


def _is_h5ad(path: Path) -> bool:
    return path.suffix.lower() == ".h5ad"
