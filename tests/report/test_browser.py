"""The page in a real browser: it draws, answers to the mouse and the keyboard, and asks for nothing."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from sklearn.datasets import load_digits
from test_page import HOSTILE, run_of

from small import blobs, small_dec
from torchdec.clusters import merge, rename, replay
from torchdec.clusters._layout import MOST_POINTS
from torchdec.report import render
from torchdec.rows import as_rows, read_rows
from torchdec.rows._protocol import RowsWarning
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


def test_the_legend_selects_a_cluster_and_lets_go_again(page: Any) -> None:
    page.locator("#legend button").nth(1).click()
    assert opacities(page) == [0.08, 1, 0.08]
    assert page.locator("#legend button").nth(1).get_attribute("aria-pressed") == "true"
    page.locator("#legend button").nth(1).click()
    assert opacities(page) == [1, 1, 1]


def test_the_keyboard_opens_a_cluster_shows_it_on_the_map_and_lets_go(page: Any) -> None:
    page.locator(".card button.open").nth(2).focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog[open]").get_attribute("id") == "cluster-2"
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.keyboard.press("Enter")
    page.locator("dialog[open] button.step").nth(1).click()  # the next one, round to the first
    assert page.locator("dialog[open]").get_attribute("id") == "cluster-0"
    page.locator("dialog[open] button.show").press("Enter")
    assert opacities(page) == [1, 0.08, 0.08]
    page.locator("#all").click()
    assert opacities(page) == [1, 1, 1]


def test_the_table_sorts_and_filters(page: Any) -> None:
    def order() -> list[str]:
        return page.locator("tr.choice:visible").evaluate_all("(lines) => lines.map((l) => l.dataset.cluster)")

    head = page.locator("table.clusters thead th").nth(3)
    confidence = page.evaluate(
        "[...document.querySelectorAll('tr.choice')].map((l) => Number(l.children[3].dataset.value))"
    )
    rising = [str(number) for number in np.argsort(confidence, kind="stable")]
    head.locator("button").click()
    assert (order(), head.get_attribute("aria-sort")) == (rising, "ascending")
    head.locator("button").click()
    assert (order(), head.get_attribute("aria-sort")) == (rising[::-1], "descending")
    page.locator("#filter").fill("cluster 2")
    assert order() == ["2"]


def test_a_search_finds_a_row(page: Any) -> None:
    page.locator("#search").fill("row 17")
    assert page.locator("#found").inner_text() == "1 of 60 rows"
    assert "row 17" in page.locator("#hover").inner_text()
    lit = page.evaluate("document.getElementById('map').data.flatMap((t) => t.marker.opacity)")
    assert sorted(lit)[-2:] == [0.06, 1]
    page.locator("#all").click()
    assert page.locator("#search").input_value() == ""


def test_a_figure_is_saved_as_png_and_svg(page: Any) -> None:
    for form, begin in (("png", b"\x89PNG"), ("svg", b"<svg")):
        with page.expect_download() as download:
            page.locator(f"[data-figure=map] button[data-format={form}]").click()
        assert download.value.suggested_filename == f"map.{form}"
        assert Path(download.value.path()).read_bytes().startswith(begin)


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
    assert HOSTILE in page.locator("#legend button").first.inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_no_button_sends_the_rows_anywhere(page: Any) -> None:
    titles = page.evaluate("[...document.querySelectorAll('.modebar-btn')].map((b) => b.dataset.title)")
    assert titles == ["Pan", "Lasso Select", "Zoom in", "Zoom out", "Reset axes"]


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
    page.locator("#map").scroll_into_view_if_needed()
    left, top = page.evaluate(place)
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + left, box["y"] + top)
    page.wait_for_selector("#hover canvas")
    number = int(page.locator("#hover b").inner_text().split()[1])
    shown = page.evaluate(
        "[...document.querySelector('#hover canvas').getContext('2d').getImageData(0, 0, 3, 2).data]"
    )
    wanted = np.round((X[number] - X.min()) / (X.max() - X.min()) * 255)
    np.testing.assert_allclose(shown[::4], wanted, atol=1)
    page.mouse.click(box["x"] + left, box["y"] + top)
    page.wait_for_selector("tr.choice[aria-selected=true]")
    page.close()


def test_edits_made_on_the_page_replay_to_the_same_model(page: Any) -> None:
    def edit(cluster: int, kind: str, **fields: str) -> None:
        page.locator(f".card[data-cluster='{cluster}'] button.open").click()
        page.locator("dialog[open] summary").click()
        for name, value in fields.items():
            box = page.locator(f"dialog[open] .{name}")
            box.select_option(value) if name == "other" else box.fill(value)
        page.locator(f"dialog[open] [data-edit={kind}]").click()

    edit(1, "rename", name=HOSTILE)
    assert page.locator(".card[data-cluster='1'] button.open").inner_text() == HOSTILE
    edit(2, "note", text="look again")
    edit(0, "merge", other="2")
    edit(1, "split", parts="3")
    page.locator("#undo").click()
    points = "document.getElementById('map').data[1].customdata.slice(0, 2)"
    event = f"{{points: {points}.map((p) => ({{customdata: p}}))}}"
    page.evaluate(f"document.getElementById('map').emit('plotly_selected', {event})")
    rows = page.evaluate(f"{points}.map((p) => p)")
    page.locator("#selection select").select_option("0")
    page.locator("#selection [data-edit=move]").click()
    assert page.locator("#edits li").count() == 4
    with page.expect_download() as download:
        page.locator("#save").click()
    edits = json.loads(Path(download.value.path()).read_text())["edits"]
    assert edits == [
        {"edit": "rename", "cluster": 1, "name": HOSTILE},
        {"edit": "note", "cluster": 2, "text": "look again"},
        {"edit": "merge", "clusters": [0, 2]},
        {"edit": "move", "rows": rows, "into": 0},  # all rows are on the map, so points have their numbers
    ]
    model = small_dec(3).fit(X)
    replayed, labels = replay(model, edits)
    by_hand = merge(rename(model, 1, HOSTILE), 0, 2)
    np.testing.assert_array_equal(replayed.predict(X), by_hand.predict(X))
    assert replayed.cluster_names_ == ["", HOSTILE]
    assert labels[rows].tolist() == [0, 0]


def table() -> tuple[Any, dict[str, Any]]:
    rng = np.random.default_rng(0)
    group = np.arange(90) % 3
    frame = pd.DataFrame({"a_rather_long_name_of_a_column_without_blanks": 10.0 ** (group + rng.random(90))})
    frame["plan"] = np.array(["Free", "Professional plus", "Enterprise"])[group]
    frame["customer"] = [f"C-{number:06d}-of-a-long-identifier" for number in range(90)]
    with pytest.warns(RowsWarning, match="customer"):
        return as_rows(frame, roles={"customer": "id"}), {}


def texts() -> tuple[Any, dict[str, Any]]:
    folder = Path(tempfile.mkdtemp())
    said = [
        "my card was charged twice this month",
        "the parcel is lost: where-is-my-" + 40 * "very" + "-late-parcel",
    ]
    (folder / "texts.txt").write_text("\n".join(f"{said[i % 2]} {i}" for i in range(90)))
    return read_rows(folder / "texts.txt"), {}


def pictures() -> tuple[Any, dict[str, Any]]:
    return as_rows(load_digits().data[:300].astype(np.float32)), {"image_shape": (8, 8)}


def embeddings() -> tuple[Any, dict[str, Any]]:
    return as_rows(blobs(300, 40, 12)[0]), {}


# Texts that lie over each other, or that their own box cuts. What scrolls or is drawn by Plotly has its own order.
FAULTS = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest('svg, option, #map, #tree, .chart, #legend, #hover')) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const scroller = element.closest('.wide')?.getBoundingClientRect();
    for (const box of range.getClientRects()) {
      if (box.width < 1 || (scroller && box.right > scroller.right)) continue;
      texts.push([box.left, box.top, box.right, box.bottom, node.textContent.trim().slice(0, 40)]);
    }
  }
  const faults = [];
  texts.forEach((a, i) => {
    if (a[0] < -1 || a[2] > innerWidth + 1) faults.push(`outside: ${a[4]}`);
    texts.slice(i + 1).forEach((b) => {
      const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]), high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
      if (wide > 2 && high > 5) faults.push(`over each other: ${a[4]} | ${b[4]}`);
    });
  });
  document.querySelectorAll('.card, dd, li, button, td, th').forEach((box) => {
    if (box.closest('.wide, #map, #legend, dialog') || getComputedStyle(box).display === 'inline') return;
    if (box.scrollWidth > box.clientWidth + 1) faults.push(`cut: ${box.textContent.trim().slice(0, 40)}`);
  });
  return faults;
}"""
NAMES_APART = """() => {
  const boxes = [...document.querySelectorAll('#map .annotation rect.bg')].map((r) => r.getBoundingClientRect());
  const apart = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) < 2
    || Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) < 2;
  return boxes.length > 1 && boxes.every((a, i) => boxes.slice(i + 1).every((b) => apart(a, b)));
}"""


@pytest.fixture(scope="module", params=[table, texts, pictures, embeddings])
def of_kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    kind = request.param
    rows, arguments = kind()
    k = 12 if kind is embeddings else 3 if kind is table else 2
    model = small_dec(k).fit(rows)
    run = run_of(model, data=fingerprint(rows, "a-long-name-of-a-file-without-blanks-in-it.parquet"))
    file = tmp_path_factory.mktemp("kind") / "report.html"
    file.write_text(render(run, model, model.transform(rows), model.predict(rows), rows=rows, **arguments))
    return file


def test_no_text_is_cut_or_lies_over_another_at_any_width(browser: Any, of_kind: Path) -> None:
    page = browser.new_page()
    for width in (390, 1300, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(of_kind.as_uri())
        page.wait_for_selector("body[data-ready=true]", timeout=60_000)
        assert page.evaluate(FAULTS) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(NAMES_APART), width
    page.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1300), ("dark", 390)])
def test_axe_finds_no_violation_of_accessibility(browser: Any, of_kind: Path, scheme: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(of_kind.as_uri())
    page.wait_for_selector("body[data-ready=true]", timeout=60_000)
    found = Axe().run(page).response["violations"]
    page.locator(".card button.open").first.click()
    page.locator("dialog[open] details.edit summary").click()
    found += Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    page.close()


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
        page.locator("#legend button").nth(3).click()
        assert [number for number, opacity in enumerate(opacities(page)) if opacity == 1] == [3]
        page.locator("#all").click()
        event = "{points: [{customdata: document.getElementById('map').data[6].customdata[0]}]}"
        page.evaluate(f"document.getElementById('map').emit('plotly_click', {event})")
        assert page.locator("tr.choice").nth(6).get_attribute("aria-selected") == "true"
