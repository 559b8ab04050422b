"""A user's mistake becomes one line on stderr and exit code 2; a bug keeps its traceback."""

import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from torchdec.cli._terminal import tell

MISTAKE = 2
INTERRUPTED = 130

# Typer has no public name for the class of all mistakes in options and arguments.
_UsageError: Any = typer.BadParameter.__base__


class UserError(ValueError):
    """A mistake in what was typed; the message is one sentence that names it."""


@contextmanager
def naming(argument: str) -> Iterator[None]:
    """Put the name of the argument before what the library says about its value."""
    try:
        yield
    except BrokenPipeError:
        raise  # by what is printed
    except (ValueError, OSError) as error:
        raise UserError(f"{argument}: {one_line(error)}") from error


@contextmanager
def naming_rows(source: str) -> Iterator[None]:
    """Put the name of the file where the library speaks of X, and print what it tells of the rows."""
    try:
        with noting():
            yield
    except ValueError as error:
        message = one_line(error)
        named = re.sub(r"(?<!')\bX\b(?!')", lambda _: source, message)  # a column may be called 'X'
        raise UserError(message if named == message else f"DATA: {named}") from error


@contextmanager
def noting() -> Iterator[list[str]]:
    """Print what the library tells of the rows while they are read, a line each, and give the lines."""
    from torchdec.rows._protocol import RowsWarning

    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RowsWarning)
        try:
            yield notes
        finally:
            told = [warning.message for warning in caught if isinstance(warning.message, RowsWarning)]
            notes += dict.fromkeys(one_line(str(message)) for message in told)
            for note in notes:
                say(f"note: {note}")


def one_line(error: BaseException | str) -> str:
    """Return a message on one line, with the option where the library names its parameter."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()).replace("force=True", "--force")


def say(message: str) -> None:
    """Print a line on stderr."""
    tell(f"torchdec: {message}", err=True)


class ReadsPaths(TyperCommand):
    """A command, each of whose arguments that is a path is one that it reads."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command once its files are there: what it imports takes seconds, too long for a typing error."""
        for argument in self.params:
            path = ctx.params.get(argument.name)
            if argument.param_type_name == "argument" and isinstance(path, Path) and not path.exists():
                raise UserError(f"{argument.metavar}: {path}: there is no such file or folder; check the path")
        return super().invoke(ctx)


class OneLineErrors(TyperGroup):
    """The group of all commands."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; without one, show the help."""
        args = list(sys.argv[1:] if args is None else args) or ["--help"]
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except _UsageError as error:
            say(_usage_sentence(error, args))
            code = MISTAKE
        if standalone_mode:
            sys.exit(code)
        return code

    def invoke(self, ctx: Any) -> Any:
        """Run a command inside its context."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted; nothing was written.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise  # The reader of a pipe went away; Typer ends quietly.
        except (ValueError, OSError, FloatingPointError) as error:
            say(one_line(error))
            raise typer.Exit(MISTAKE) from None


def _usage_sentence(error: Any, args: Sequence[str]) -> str:
    """Return what Typer says about an argument, with the value that was given for it."""
    # Some versions of Typer put the kind of the error before what is wrong with a choice.
    message = one_line(error.format_message()).replace(": Value error, ", ": ").rstrip(".")
    for option in getattr(getattr(error, "param", None), "opts", ()):
        value = args[args.index(option) + 1] if option in args[:-1] else None
        if value is not None and repr(value) not in message:
            message += f" (got {value!r})"
    command = error.ctx.command_path if error.ctx else "torchdec"
    return f"{message}{'' if message.endswith('?') else '.'} See '{command} --help'."
