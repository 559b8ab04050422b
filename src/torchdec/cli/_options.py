"""The options that commands share: each is spelt, limited and explained here and nowhere else."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer


class Representation(StrEnum):
    """What `--representation` can be: the presets of `DEC(representation=...)`."""

    AUTOENCODER = "autoencoder"
    SDAE = "sdae"
    NEIGHBORS = "neighbors"


class Augmentation(StrEnum):
    """What `--augment` can be."""

    SHIFT_ROTATE = "shift-rotate"


class Precision(StrEnum):
    """What `--precision` can be."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


DATA_HELP = (
    "The rows: a .csv, .tsv, .xlsx, .parquet, .npy, .npz (array x, or the parts of a CSR matrix), .h5ad, .zarr "
    "or .txt (one text per line), an image, or a folder of images, .parquet or CSR .npz."
)

Data = Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help=DATA_HELP)]
Run = Annotated[Path, typer.Argument(metavar="RUN", show_default=False, help="A run directory.")]
RowsOfRun = Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help="The rows of the run.")]
Model = Annotated[
    Path, typer.Argument(metavar="MODEL", show_default=False, help="A run directory or its model.safetensors.")
]
TextColumn = Annotated[
    str | None,
    typer.Option(
        "--text-column",
        metavar="NAME",
        show_default=False,
        help="Cluster the texts of this column of a .csv or .parquet.",
    ),
]
VectorColumn = Annotated[
    str | None,
    typer.Option(
        "--vector-column",
        metavar="NAME",
        show_default=False,
        help="Cluster the vectors (lists of numbers) of this column of a .parquet; --text-column and "
        "--image-column then name the texts or images that they were made of, which the page shows.",
    ),
]
ImageColumn = Annotated[
    str | None,
    typer.Option(
        "--image-column",
        metavar="NAME",
        show_default=False,
        help="Column of paths to images, beside the vectors.",
    ),
]
Features = Annotated[
    Path | None,
    typer.Option(
        "--features",
        metavar="FILE.npy",
        show_default=False,
        help="Cluster these vectors in place of the pixels: one row per image of the folder DATA, in the order of "
        "their names.",
    ),
]
Layer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="NAME",
        show_default=False,
        help="Layer of an AnnData (.h5ad, .zarr), such as counts, to read in place of X; later "
        "commands read it too.",
    ),
]
Use = Annotated[
    list[str] | None,
    typer.Option(
        "--use",
        metavar="COLUMN",
        show_default=False,
        help="Use this column as a feature, whatever it looks like; may be repeated.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="COLUMN", show_default=False, help="Leave out this column; may be repeated."),
]
Role = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="COLUMN=ROLE",
        show_default=False,
        help="What a column is: number, amount, date, day-first date, month-first date, duration, kind (a "
        "category), text, label, or the order of its levels, such as 'plan=Free<Basic<Pro'; may be repeated.",
    ),
]
Id = Annotated[
    list[str] | None,
    typer.Option(
        "--id", metavar="COLUMN", show_default=False, help="Column that identifies the rows; may be repeated."
    ),
]


def _roles(said: list[str] | None, ids: list[str] | None) -> dict[str, str]:
    """Read what `--role` and `--id` say."""
    found = dict.fromkeys(ids or (), "id")
    for text in said or ():
        column, mark, role = text.partition("=") if text.count("=") == 1 else text.rpartition("=")
        if not (column and mark and role):
            raise typer.BadParameter(f"{text!r} isn't COLUMN=ROLE; write it like plan=kind.", param_hint="--role")
        found[column] = role
    return found


# Of a text file: predict, split and report read DATA as that of the fit was read, unless it is said anew.
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        show_default="detected",
        help="Whether the first line of a .csv or .tsv names its columns.",
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        metavar="MARK",
        show_default="detected",
        help="Delimiter of a .csv or .tsv, such as ';' or tab.",
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option("--decimal", metavar="MARK", show_default="detected", help="Decimal mark of its numbers: . or ,"),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        show_default="detected",
        help="Encoding of a .csv, .tsv or .txt, such as cp1252.",
    ),
]
# How a text file is written, and which columns are features, as a command with `reads_files` gets them and
# `read_rows` takes them; nothing is said where the default stands.
Said = Mapping[str, Any]
AS_IT_SHOWS: Said = MappingProxyType({})
_SAID: dict[str, dict[str, Any]] = {
    "columns": {"use": Use, "ignore": Ignore, "role": Role, "id_column": Id},
    "file": {"header": Header, "delimiter": Delimiter, "decimal": Decimal, "encoding": Encoding},
}


def reads_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its parameters `columns` and `file`, the options that these stand for."""
    own = signature(command)
    wanted = {name: options for name, options in _SAID.items() if name in own.parameters}

    @wraps(command)
    def with_options(**given: Any) -> None:
        said = {name: {option: given.pop(option) for option in options} for name, options in wanted.items()}
        if "columns" in said:
            use, ignore, role, ids = said["columns"].values()
            said["columns"] = {"use": use or (), "ignore": ignore or (), "roles": _roles(role, ids)}
        command(**given, **said)

    parameters: list[Parameter] = []
    for parameter in own.parameters.values():
        parameters += [
            Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=option)
            for name, option in wanted.get(parameter.name, {}).items()
        ] or [parameter]
    # Typer reads both.
    with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options


LabelColumn = Annotated[
    str | None,
    typer.Option("--column", metavar="NAME", help="Column of LABELS that holds the labels."),
]


def _clusters(text: str) -> int | range | list[int] | str:
    """Read what `-k` can be."""
    if text in ("auto", "coarse", "fine"):
        return text
    numbers = text.split(",")
    if len(numbers) > 1 and all(number.isdecimal() and int(number) > 0 for number in numbers):
        return [int(number) for number in numbers]
    first, dash, last = text.partition("-")
    if first.isdecimal() and int(first) > 0:
        if not dash:
            return int(first)
        if last.isdecimal() and int(last) >= int(first):
            return range(int(first), int(last) + 1)
    raise typer.BadParameter(
        f"{text!r} isn't a number of clusters; give 1 or more, a range such as 2-12, several such as 3,5, "
        "or auto, coarse or fine."
    )


def _noise(text: str) -> float | str:
    """Read what `--noise` can be."""
    if text == "auto":
        return text
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 0.5:
        raise typer.BadParameter(f"{text!r} must be auto or a fraction of the rows up to 0.5, such as 0.05.")
    return share


Clusters = Annotated[
    Any,
    typer.Option(
        "-k",
        "--clusters",
        metavar="K",
        parser=lambda value: _clusters(str(value)),
        help="How many clusters: a number; auto to let torchdec choose, coarse or fine for fewer or more; a "
        "range such as 2-12 or a list such as 3,5,8 to choose among these. See choose-k.",
    ),
]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Directory to write the run to.")]
RepresentationOption = Annotated[
    Representation,
    typer.Option(
        "--representation",
        help="How the embedding is learnt: neighbors, from the graph of nearest neighbours; autoencoder; or "
        "sdae, the paper's stacked denoising autoencoder, which takes hours.",
    ),
]
ReconstructionWeight = Annotated[
    float,
    typer.Option(
        "--reconstruction-weight",
        min=0.0,
        metavar="W",
        help="Weight of the reconstruction error during self-training: 0 is DEC, above 0 IDEC. Needs the "
        "representation autoencoder or sdae.",
    ),
]
Noise = Annotated[
    Any,
    typer.Option(
        "--noise",
        metavar="FRACTION",
        parser=lambda value: _noise(str(value)),
        show_default=False,
        help="Leave out rows that lie far from all others, with cluster -1: auto finds them; 0.05 leaves out that "
        "fraction of the rows.",
    ),
]
AugmentOption = Annotated[
    Augmentation | None,
    typer.Option(
        "--augment",
        show_default=False,
        help="Learn that shifting or rotating an image a little doesn't change it. Several times as slow.",
    ),
]
ImageShape = Annotated[
    str,
    typer.Option(
        "--image-shape",
        metavar="HxW[xC]",
        show_default=False,
        help="Shape of the image in each row, such as 28x28 or 32x32x3; by default the array "
        "image_shape of DATA, if any.",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, max=2**32 - 1, help="Random seed: the same seed gives the same result on one machine."
    ),
]
Device = Annotated[
    str, typer.Option("--device", help="Where to compute: auto (a GPU if torch sees one), cpu, cuda, cuda:1 ...")
]
PrecisionOption = Annotated[
    Precision,
    typer.Option("--precision", help="Precision of the training steps; auto takes bfloat16 where it is fast."),
]
CheckpointEvery = Annotated[
    float | None,
    typer.Option(
        "--checkpoint-every",
        min=0.0,
        metavar="SECONDS",
        show_default=False,
        help="Save the unfinished fit to DIR.checkpoint at this interval, and at Ctrl-C or SIGTERM.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Continue from DIR.checkpoint, to the same result as without an interruption; start if there is "
        "none. It is saved every ten minutes unless --checkpoint-every says otherwise.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier command wrote there.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on stdout.")]
