"""Pictures of the page: each walk-through of docs/cluster is run as it stands, and its page looked at in Chromium.

    python bench/experiments/screens.py [tables|texts|images|cells|embeddings ...]

It writes docs/images/page-KIND-WIDTH.webp for three widths. Needs Chromium and the extra `dev`.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parents[2] / "docs"
# Width and height of a desk, a large screen and a phone.
SCREENS = ((1300, 1100), (1920, 1200), (390, 1100))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--use-gl=swiftshader", "--enable-unsafe-swiftshader"]
QUALITY = 80


def main(kinds: list[str]) -> None:
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for kind in kinds or sorted(path.stem for path in (DOCS / "cluster").glob("*.md")):
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                walk_through(DOCS / "cluster" / f"{kind}.md")
                for size in SCREENS:
                    picture(browser, Path("run/report.html"), size).save(
                        DOCS / "images" / f"page-{kind}-{size[0]}.webp", quality=QUALITY
                    )
        browser.close()


def walk_through(page: Path) -> None:
    """Run the blocks of a page in order, as its readers do."""
    names: dict[str, Any] = {}
    for language, block in re.findall(r"```(python|console)\n(.*?)```", page.read_text(), re.DOTALL):
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(block, names)
            continue
        for line in block.splitlines():
            command = [sys.executable, "-m", *shlex.split(line.removeprefix("$ "))]
            subprocess.run(command, check=True, env={**os.environ, "COLUMNS": "100"})


def picture(browser: Any, page: Path, size: tuple[int, int]) -> Image.Image:
    """Return what the first screens of a page look like."""
    opened = browser.new_page(viewport={"width": size[0], "height": size[1]})
    opened.goto(page.resolve().as_uri())
    opened.wait_for_selector("body[data-ready=true]", timeout=60_000)
    shown = Image.open(io.BytesIO(opened.screenshot())).convert("RGB")
    opened.close()
    return shown


if __name__ == "__main__":
    main(sys.argv[1:])
