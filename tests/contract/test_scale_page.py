"""The commands of docs/scale.md are ones that the shell and torchdec understand."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from torchdec.cli._app import app

PAGE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [block for kind, block in fenced if kind == language]


def commands() -> list[list[str]]:
    """Return what follows `torchdec`, wherever the page has a command."""
    joined = "\n".join(blocks("") + blocks("bash")).replace("\\\n", " ")
    lines = re.findall(r"^.*?(?:-m )?torchdec ((?:fit|predict) .*)$", joined, re.MULTILINE)
    return list(map(shlex.split, lines))


def test_every_command_has_options_that_torchdec_knows() -> None:
    group: Any = typer.main.get_command(app)
    assert len(commands()) >= 4
    for name, *arguments in commands():
        parsed = group.commands[name].make_parser(typer.Context(group.commands[name])).parse_args(arguments)
        assert parsed[0]["data"], arguments


def test_the_batch_script_is_a_script() -> None:
    (script,) = blocks("bash")
    assert script.startswith("#!/bin/bash\n")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    "option", ["--nnodes", "--nproc-per-node", "--rdzv-id", "--rdzv-backend", "--rdzv-endpoint"]
)
def test_torchrun_knows_its_options(option: str) -> None:
    from torch.distributed.run import get_args_parser

    assert option in PAGE
    assert option in get_args_parser()._option_string_actions
