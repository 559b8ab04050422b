"""The page in a real browser: it draws, answers to the mouse and the keyboard, and asks for nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from test_page import HOSTILE, run_of

from small import blobs, small_dec
from torchdec.clusters import rename
from torchdec.report import render
from torchdec.report._layout import MOST_POINTS
from torchdec.rows import as_rows
from torchdec.runs import fingerprint

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--use-gl=swiftshader",
    "--enable-unsafe-swiftshader",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
X, _ = blobs(60, 6, 3)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = rename(small_dec(3).fit(X), 0, HOSTILE)
    page = render(run_of(model), model, model.transform(X), model.predict(X), labels=np.array([HOSTILE] * 60))
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page, encoding="utf-8")
    return file


@contextmanager
def opened(browser: Any, path: Path) -> Iterator[Any]:
    """Open a page; fail if it reports an error, opens a dialog or asks for anything but itself."""
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    problems, asked = [], []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready=true]", timeout=60_000)
    yield page
    assert problems == []
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {path.as_uri()}
    page.close()


@pytest.fixture
def page(browser: Any, path: Path) -> Iterator[Any]:
    with opened(browser, path) as page:
        yield page


def opacities(page: Any) -> list[float]:
    return page.evaluate("document.getElementById('map').data.map((trace) => trace.opacity)")


def points(page: Any) -> list[int]:
    return page.evaluate("document.getElementById('map').data.map((trace) => trace.x.length)")


def test_the_map_draws_every_row(page: Any) -> None:
    assert sum(points(page)) == 60
    assert page.locator("#map canvas").count() > 0
    assert page.locator(".chart svg.main-svg").count() > 0


def test_a_line_of_the_table_selects_its_cluster_and_lets_go_again(page: Any) -> None:
    page.locator("tr.choice").nth(1).click()
    assert opacities(page) == [0.08, 1, 0.08]
    page.locator("tr.choice").nth(1).click()
    assert opacities(page) == [1, 1, 1]


def test_the_keyboard_selects_too(page: Any) -> None:
    page.locator("tr.choice").nth(2).focus()
    page.keyboard.press("Enter")
    assert opacities(page) == [0.08, 0.08, 1]
    page.locator("#all").click()
    assert opacities(page) == [1, 1, 1]


def test_a_point_of_the_map_selects_the_line_and_tells_its_row(page: Any) -> None:
    """Through Plotly's own events: where a dot lies on the screen is its affair."""
    event = "{points: [{customdata: document.getElementById('map').data[1].customdata[0]}]}"
    page.evaluate(f"document.getElementById('map').emit('plotly_click', {event})")
    assert page.locator("tr.choice").nth(1).get_attribute("aria-selected") == "true"
    assert opacities(page) == [0.08, 1, 0.08]
    page.evaluate(f"document.getElementById('map').emit('plotly_hover', {event})")
    assert "row " in page.locator("#hover").inner_text()


def test_the_slider_leaves_the_sure_rows(page: Any) -> None:
    page.locator("#sure").fill("100")
    assert sum(points(page)) == 0
    page.locator("#sure").fill("0")
    assert sum(points(page)) == 60


def test_a_name_that_is_markup_stays_a_name(page: Any) -> None:
    assert page.title() == "Clusters of rows.npy"
    assert HOSTILE in page.locator("tr.choice").first.inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_no_button_sends_the_rows_anywhere(page: Any) -> None:
    titles = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map((b) => b.dataset.title)")
    assert titles == ["Zoom in", "Zoom out", "Reset axes"]


def test_the_mouse_finds_a_dot_with_its_picture(browser: Any, tmp_path: Path) -> None:
    """A real pointer on a real dot: the picture beside the map is that of its row."""
    model = small_dec(3).fit(X)
    file = tmp_path / "report.html"
    file.write_text(
        render(run_of(model), model, model.transform(X), model.predict(X), rows=as_rows(X), image_shape=(2, 3))
    )
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.goto(file.as_uri())
    page.wait_for_selector("body[data-ready=true]", timeout=60_000)
    place = """() => {
      const map = document.getElementById('map'), {xaxis, yaxis, _size} = map._fullLayout, dots = map.data[1];
      return [xaxis.l2p(dots.x[0]) + _size.l, yaxis.l2p(dots.y[0]) + _size.t];
    }"""
    left, top = page.evaluate(place)
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + left, box["y"] + top)
    page.wait_for_selector("#hover canvas")
    number = int(page.locator("#hover").inner_text().split()[1])
    shown = page.evaluate(
        "[...document.querySelector('#hover canvas').getContext('2d').getImageData(0, 0, 3, 2).data]"
    )
    wanted = np.round((X[number] - X.min()) / (X.max() - X.min()) * 255)
    np.testing.assert_allclose(shown[::4], wanted, atol=1)
    page.mouse.click(box["x"] + left, box["y"] + top)
    page.wait_for_selector("tr.choice[aria-selected=true]")
    page.close()


def test_it_fits_a_phone(browser: Any, path: Path) -> None:
    phone = browser.new_page(viewport={"width": 390, "height": 800})
    phone.goto(path.as_uri())
    phone.wait_for_selector("body[data-ready=true]", timeout=60_000)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    phone.close()


def digits() -> tuple[Any, tuple[int, int]]:
    return load_digits().data.astype(np.float32), (8, 8)


def many_rows() -> tuple[Any, tuple[int, int]]:
    return blobs(70_000, 48, 10, spread=0.5)[0], (6, 8)


@pytest.mark.parametrize("rows", [digits, many_rows])
def test_a_run_of_this_size_draws_and_selects_both_ways(browser: Any, tmp_path: Path, rows: Any) -> None:
    x, shape = rows()
    model = small_dec(10).fit(x)
    run = run_of(model, data=fingerprint(as_rows(x), "rows.npy"))
    file = tmp_path / "report.html"
    file.write_text(render(run, model, model.transform(x), model.predict(x), rows=as_rows(x), image_shape=shape))
    assert file.stat().st_size < 10_000_000
    with opened(browser, file) as page:
        assert sum(points(page)) == min(len(x), MOST_POINTS)
        assert page.locator("#map canvas").count() > 0
        page.locator("tr.choice").nth(3).click()
        assert [number for number, opacity in enumerate(opacities(page)) if opacity == 1] == [3]
        page.locator("#all").click()
        event = "{points: [{customdata: document.getElementById('map').data[6].customdata[0]}]}"
        page.evaluate(f"document.getElementById('map').emit('plotly_click', {event})")
        assert page.locator("tr.choice").nth(6).get_attribute("aria-selected") == "true"
