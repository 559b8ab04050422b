import numpy as np
import pytest
from clustered_rows import blobs
from typer.testing import CliRunner

from torchdec._autoencoder import Autoencoder
from torchdec._neighbors import NeighborEncoder
from torchdec._starts import PRESETS
from torchdec.cli._app import app


class Cli:
    """Runs commands in this process."""

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


@pytest.fixture(scope="module", autouse=True)
def small_network():
    """Make the representations train in an instant."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "autoencoder", lambda: Autoencoder((16,), 3, max_epochs=5))
        patch.setitem(PRESETS, "neighbors", lambda: NeighborEncoder((16,), 3, max_epochs=5))
        yield


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Return a file of 60 rows of 8 features, with a file of labels beside it."""
    folder = tmp_path_factory.mktemp("data")
    x, labels = blobs()
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", labels)
    return folder / "x.npy"


@pytest.fixture(scope="module")
def run(cli, data, tmp_path_factory):
    """Return a run directory on these rows; tests only read it."""
    out = tmp_path_factory.mktemp("runs") / "out"
    cli.ok("fit", data, "-k", 3, "-o", out, "--quiet")
    return out
