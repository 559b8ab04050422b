"""Every notebook runs from top to bottom, as a reader runs it.

They are committed without outputs: what a reader sees is what their own version prints, and changes stay readable.
"""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples" / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")  # of Jupyter; the kernel is another process
def test_a_notebook_runs_and_leaves_nothing_behind(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert len(notebook.cells) < 12
    assert not any(cell.get("outputs") for cell in notebook.cells)
    done = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    assert any(cell.get("outputs") for cell in done.cells)
    assert list(tmp_path.iterdir()) == []
