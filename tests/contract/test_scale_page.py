"""The commands and manifests of docs/scale.md are ones that the shell, Kubernetes and torchdec understand."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from torchdec.cli._app import app

PAGE = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [block for kind, block in fenced if kind == language]


def commands() -> list[list[str]]:
    """Return what follows `torchdec`, wherever the page has a command."""
    joined = "\n".join(blocks("") + blocks("bash")).replace("\\\n", " ")
    lines = re.findall(r"^.*?(?:-m )?torchdec ((?:fit|predict) .*)$", joined, re.MULTILINE)
    manifests = [container(document)["command"] for document in documents() if document["kind"] == "Job"]
    return [*map(shlex.split, lines), *(command[command.index("torchdec") + 1 :] for command in manifests)]


def documents() -> list[dict[str, Any]]:
    return [document for block in blocks("yaml") for document in yaml.safe_load_all(block)]


def container(job: dict[str, Any]) -> dict[str, Any]:
    return job["spec"]["template"]["spec"]["containers"][0]


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


def test_the_manifests_fit_together() -> None:
    service, job = documents()
    assert (service["kind"], job["kind"]) == ("Service", "Job")
    pod = job["spec"]["template"]["spec"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert pod["subdomain"] == service["metadata"]["name"]
    command = container(job)["command"]
    assert all(isinstance(word, str) for word in command)
    assert f"--nnodes={job['spec']['completions']}" in command
    endpoint = f"{job['metadata']['name']}-0.{pod['subdomain']}:29500"
    assert f"--rdzv-endpoint={endpoint}" in command
    mounts = {mount["name"] for mount in container(job)["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize(
    "option", ["--nnodes", "--nproc-per-node", "--rdzv-id", "--rdzv-backend", "--rdzv-endpoint"]
)
def test_torchrun_knows_its_options(option: str) -> None:
    from torch.distributed.run import get_args_parser

    assert option in PAGE
    assert option in get_args_parser()._option_string_actions
