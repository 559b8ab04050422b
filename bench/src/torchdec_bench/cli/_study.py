"""`torchdec-bench study`."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from torchdec.cli import _options
from torchdec.cli._errors import MISTAKE, UserError, naming, say
from torchdec.cli._progress import duration
from torchdec.cli._terminal import tell


def study(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN", show_default=False, help="A plan of experiments, a TOML file.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE.jsonl",
            show_default="beside PLAN",
            help="Where the results go; pictures go to a folder beside it.",
        ),
    ] = None,
    quiet: _options.Quiet = False,
) -> None:
    """Run the experiments of PLAN that have no result yet.

    Each case leaves one line of JSON. A study that was stopped goes on where it was; a case that fails is
    named at the end, and tried again the next time.
    """
    from torchdec_bench.study._plan import read_plan
    from torchdec_bench.study._run import missing, run

    with naming("PLAN"):
        read = read_plan(plan)
    if out is not None:
        if out.suffix != ".jsonl":
            raise UserError(f"-o/--out: {out} has the suffix {out.suffix!r}; name a file that ends in .jsonl.")
        read = replace(read, file=out)
    left = missing(read)
    _show(quiet, f"{read.title}: {len(read.cases)} cases, {len(read.cases) - len(left)} of them done")
    failed = 0
    began = perf_counter()
    for number, outcome in enumerate(run(read), start=1):
        rest = (perf_counter() - began) / number * (len(left) - number)
        what = f"failed ({outcome.error})" if outcome.error else f"{outcome.seconds:.1f} s"
        failed += bool(outcome.error)
        _show(quiet, f"{number} of {len(left)}  {outcome.case.name}: {what}; about {duration(rest)} left")
    if failed:
        say(f"{failed} of {len(left)} cases failed; run the plan again to try them again.")
        raise typer.Exit(MISTAKE)
    tell(f"{read.file}: {len(read.cases)} results")


def _show(quiet: bool, text: str) -> None:
    if not quiet:
        tell(text, err=True)
