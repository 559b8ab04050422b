"""The commands of the kit."""

from torchdec_bench.cli._app import main

__all__ = ["main"]
