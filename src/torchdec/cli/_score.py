"""`torchdec score`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming, noting
from torchdec.cli._summary import print_json
from torchdec.cli._terminal import tell


def score(
    directory: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="A run directory.")],
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS",
            show_default=False,
            help="True classes: .npy, .npz with an array y, .txt (one per line), or a column of a .csv, .tsv, "
            ".parquet or .h5ad.",
        ),
    ],
    column: _options.LabelColumn = None,
    header: _options.Header = None,
    delimiter: _options.Delimiter = None,
    encoding: _options.Encoding = None,
    as_json: _options.Json = False,
) -> None:
    """Compare clusters with known classes.

    It prints ACC (accuracy of the best one-to-one matching), NMI and ARI; 1 is perfect agreement. Rows in
    no cluster (-1) count as a cluster of their own; a second line shows the figures without them.
    """
    from torchdec.cli._labels import note_if_feature, read_labels
    from torchdec.rows._reading import Reading, delimiter_of

    with naming("LABELS"), noting():
        said = Reading(header=header, delimiter=delimiter_of(delimiter), encoding=encoding)
        known = read_labels(labels, column, said)
    result = agreement(directory, known.values, str(labels))
    if known.column is not None:
        note_if_feature(known, _features(directory))
    if as_json:
        print_json(result)
    else:
        tell(agreement_line(result))


def _features(directory: Path) -> list[str]:
    """Return the names of the columns that a run was fitted on."""
    from torchdec._model_file import ModelFileError, load
    from torchdec.cli._labels import features_of

    try:
        return features_of(load(directory))
    except (ModelFileError, OSError):
        return []  # a score needs no model


def agreement(directory: Path, labels: Any, source: str = "labels") -> dict[str, Any]:
    """Compare the clusters in a run directory with labels, one for every row."""
    from torchdec.runs._record import read_run
    from torchdec.runs._tables import read_assignments

    with naming("DIR"):
        n_clusters = len(read_run(directory).cluster_sizes)
        clusters = read_assignments(directory)
    if len(labels) != len(clusters):
        lacks_first = source.lower().endswith((".csv", ".tsv")) and len(labels) == len(clusters) - 1
        hint = ' If its first line is a label, write a heading above it, as "label".' if lacks_first else ""
        raise UserError(
            f"LABELS: {source} has {len(labels)} labels, but the run in {directory} has {len(clusters)} "
            f"rows; give one label for every row.{hint}"
        )
    found = clusters >= 0
    return {
        "rows": len(clusters),
        "clusters": n_clusters,
        "classes": len(set(labels.tolist())),
        **_numbers(labels, clusters),
        "in_no_cluster": int((~found).sum()),
        "of_the_others": None if found.all() or not found.any() else _numbers(labels[found], clusters[found]),
    }


def _numbers(labels: Any, clusters: Any) -> dict[str, float]:
    from torchdec.metrics import ari, clustering_accuracy, nmi

    return {
        "acc": clustering_accuracy(labels, clusters),
        "nmi": nmi(labels, clusters),
        "ari": ari(labels, clusters),
    }


def agreement_line(result: dict[str, Any]) -> str:
    """Return the three numbers on one line, and on another those of the rows that are in a cluster."""
    line = f"ACC {result['acc']:.4f}   NMI {result['nmi']:.4f}   ARI {result['ari']:.4f}"
    if others := result["of_the_others"]:
        line += (
            f"\n{result['in_no_cluster']:,} of {result['rows']:,} rows are in no cluster (-1), and count as one "
            f"of their own. The others alone: {agreement_line({**others, 'of_the_others': None})}"
        )
    return line
