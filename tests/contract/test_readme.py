"""The README's example runs as it stands and prints what the README shows."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.filterwarnings("ignore:Stopped at max_iter")
def test_the_example_prints_what_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word; numbers within what another processor's rounding can change."""
    example = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.DOTALL)
    code, shown = example.groups()
    monkeypatch.chdir(tmp_path)
    assert len(code.splitlines()) <= 10
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    words = r"\d\.\d+|\[[\d ]+\]"
    assert re.sub(words, "#", printed.getvalue()) == re.sub(words, "#", shown)
    accuracy = r"accuracy (\d\.\d+)"
    assert float(re.search(accuracy, printed.getvalue())[1]) == pytest.approx(
        float(re.search(accuracy, shown)[1]), abs=0.05
    )


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for link in re.findall(r"\]\(((?!https?:)[^)]+)\)", README):
        assert (Path(__file__).parents[2] / link.partition("#")[0]).is_file(), link
