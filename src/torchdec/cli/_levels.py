"""`torchdec levels`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from torchdec.cli import _options
from torchdec.cli._errors import UserError, naming
from torchdec.cli._run_files import names_of_run
from torchdec.cli._summary import print_json
from torchdec.cli._terminal import printable, size_of, tell

if TYPE_CHECKING:
    from torchdec._core.tree import Level, Tree

# Clusters that a line names, of each group.
_NAMED = 6


def levels(
    model: _options.Model,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            show_default=False,
            help="File to write the whole tree to: .csv (one line per node), .nwk (Newick) or .json.",
        ),
    ] = None,
    force: _options.Force = False,
    as_json: _options.Json = False,
) -> None:
    """List coarser groupings of the clusters of a model, and which clusters are in each group.

    The nearest clusters are joined first. A number of groups is listed where the distance to the next join grows
    clearly; `predict --groups N` takes any number.
    """
    from torchdec._model_file import load
    from torchdec.runs._publish import check_file

    if out is not None:
        with naming("-o/--out"):
            check_file(out, force=force)
            if out.suffix.lower() not in (".csv", ".nwk", ".json"):
                raise UserError(f"a tree can't be written to {out}; name a file that ends in .csv, .nwk or .json.")
    with naming("MODEL"):
        fitted = load(model, device="cpu")
    tree, names = fitted.tree_, list(names_of_run(model) or fitted.cluster_names_)
    if out is not None:
        _write(out, tree, names, force=force)
    if as_json:
        print_json(_as_json(tree, names))
        return
    for level in tree.levels:
        _print(level, names)
    if out is not None:
        tell(f"{out}: {size_of(out)}")


def _print(level: "Level", names: list[str]) -> None:
    if level.persistence is None:
        tell(f"{level.n_clusters} {'cluster: that' if level.n_clusters == 1 else 'clusters: those'} of the model")
        return
    tell(f"{level.n_clusters} groups, until the distance has grown {level.persistence:.2f} times:")
    for group, size in enumerate(level.sizes):
        own = [number for number, of in enumerate(level.groups) if of == group]
        known = [f"{number} {names[number]}".rstrip() for number in own[:_NAMED]]
        more = f" and {len(own) - _NAMED} more" if len(own) > _NAMED else ""
        tell(printable(f"  {group}: {size:,} rows, clusters {', '.join(known)}{more}"))


def _as_json(tree: "Tree", names: list[str]) -> dict[str, Any]:
    from torchdec.runs._record import plain

    made: dict[str, Any] = plain({"levels": [asdict(level) for level in tree.levels], "nodes": tree.table(names)})
    return made


def _write(out: Path, tree: "Tree", names: list[str], *, force: bool) -> None:
    import csv
    import json

    from torchdec.runs._publish import write_file

    def write(new: Path) -> None:
        with new.open("w", encoding="utf-8", newline="") as file:
            if out.suffix.lower() == ".nwk":
                file.write(tree.newick(names) + "\n")
            elif out.suffix.lower() == ".json":
                json.dump(_as_json(tree, names), file, indent=1, ensure_ascii=False, allow_nan=False)
            else:
                lines = tree.table(names)
                table = csv.DictWriter(file, list(lines[0]))
                table.writeheader()
                table.writerows(lines)

    write_file(out, write, force=force)
