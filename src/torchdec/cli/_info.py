"""`torchdec info`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec._core.records import StopReason
from torchdec.cli import _options
from torchdec.cli._errors import naming
from torchdec.cli._summary import print_clusters, print_facts, print_json
from torchdec.cli._terminal import printable, size_of

if TYPE_CHECKING:
    from torchdec.runs._record import Run


def info(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", show_default=False, help="A run directory or a model file.")
    ],
    as_json: _options.Json = False,
) -> None:
    """Show how a run or a model was made: data, settings, versions, files."""
    with naming("PATH"):
        if path.is_dir():
            _run_info(path, as_json)
        else:
            _model_info(path, as_json)


def _run_info(path: Path, as_json: bool) -> None:
    from torchdec.runs._record import read_run

    run = read_run(path)
    if as_json:
        print_json({"kind": "run", "path": str(path), **run.to_json()})
        return
    print_facts(_run_facts(path, run))
    print_clusters(run)


def _run_facts(path: Path, run: "Run") -> Iterator[tuple[str, str]]:
    n_rows, n_features = run.data.shape
    dtype = f" {run.data.dtype}" if run.data.dtype else ""
    yield "what", f"run directory (schema {run.schema})"
    yield "path", str(path)
    yield "data", f"{run.data.name}: {n_rows:,} rows x {n_features:,} features{dtype}"
    yield "sha256", run.data.sha256
    yield "stopped", f"after update {run.n_updates}. {StopReason.sentence(run.stop_reason)}"
    if run.choice:
        yield "choice", run.choice["reason"]
    yield "seconds", _listed({stage: f"{seconds:.1f}" for stage, seconds in run.seconds.items()})
    yield "parameters", _listed(run.parameters)
    yield "versions", _listed(run.versions)
    yield "files", ", ".join(f"{name} ({size_of(path / name)})" for name in run.files)
    for edit in run.edits:
        what = {key: f"{len(value)} lines" if key == "changes" else value for key, value in edit.items()}
        yield "edit", printable(f"{what.pop('edit')}, {_listed(what)}")
    for warning in run.warnings:
        yield "warning", warning


def _model_info(path: Path, as_json: bool) -> None:
    from torchdec._model_file import read_header

    header = read_header(path)
    if as_json:
        print_json({"kind": "model", "path": str(path), **header})
        return
    names = header["feature_names_in"]
    shown = f": {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}" if names else ""
    print_facts(
        [
            ("what", f"model file (format version {header['version']})"),
            ("path", f"{path} ({size_of(path)})"),
            ("class", f"{header['class']}, written by torchdec {header['torchdec']}"),
            ("features", f"{header['n_features_in']:,}{shown}"),
            ("scale", f"{header['scale']:.6g}"),
            ("stopped", f"after update {header['n_iter']}. {StopReason.sentence(header['stop_reason'])}"),
            ("parameters", _listed(header["parameters"])),
        ]
    )


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
