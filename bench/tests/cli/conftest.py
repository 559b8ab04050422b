import pytest
from typer.testing import CliRunner

from torchdec_bench.cli._app import app


class Cli:
    """Runs commands of the kit in this process."""

    def __call__(self, *args):
        """Run a command and return what it printed and its exit code; a bug is raised."""
        return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)

    def ok(self, *args):
        """Run a command that must succeed."""
        result = self(*args)
        assert result.exit_code == 0, result.stderr
        return result


@pytest.fixture(scope="session")
def cli():
    """Return a function that runs a command."""
    return Cli()
