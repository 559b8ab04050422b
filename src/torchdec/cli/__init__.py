"""The command line. Nothing here imports torch, numpy or pyarrow before a command needs them."""

from torchdec.cli._app import main

__all__ = ["main"]
