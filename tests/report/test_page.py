"""The page of a run says what the run holds, whole and in one file, and nothing in it is taken for markup."""

import base64
import html
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from small import blobs, small_dec
from torchdec import DEC
from torchdec.clusters import _layout as placing
from torchdec.clusters import describe, merge, rename, rules
from torchdec.report import ReportError, render
from torchdec.report import _content as pictures
from torchdec.report._content import Content, over_time
from torchdec.report._page import palette
from torchdec.rows import as_rows, read_rows
from torchdec.rows._ids import Dated
from torchdec.runs import Run, fingerprint
from torchdec.runs._record import plain_history

X, TRUTH = blobs(60, 6, 3)
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def model() -> DEC:
    return small_dec(3).fit(X)


def run_of(model: DEC, **changes: Any) -> Run:
    sizes = tuple(np.bincount(model.labels_, minlength=model.n_clusters).tolist())
    run = Run(
        parameters={},
        versions={"torchdec": "0", "torch": "0"},
        data=fingerprint(as_rows(X), "rows.npy"),
        seconds={"total": 1.5},
        history=plain_history(model.history_),
        stop_reason=model.stop_reason_.name,
        cluster_sizes=sizes,
        cluster_confidences=(0.5,) * len(sizes),
        warnings=(),
        files=(),
    )
    return replace(run, **changes)


def page_of(model: DEC, run: Run | None = None, **arguments: Any) -> str:
    return render(run or run_of(model), model, model.transform(X), model.predict(X), **arguments)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found.group(1))  # type: ignore[union-attr]


def without_plotly(page: str) -> str:
    """Leave out the library, which has addresses in its texts that it never asks for."""
    return max(re.split(r"<script>", page), key=lambda part: 'id="page-data"' in part)


def test_changes_are_those_of_the_last_edit_that_made_some(model: DEC) -> None:
    was = {"cluster": 0, "name": "<b>loops", "change": "kept", "old": 2, "rows": 20, "shared": 19}
    aligned, named = {"edit": "align", "changes": [was]}, {"edit": "rename", "cluster": 0, "name": "a"}
    said = "<li>0 &lt;b&gt;loops is kept: 19 of its 20 rows; it was 2</li>"
    assert said in page_of(model, run_of(model, edits=(aligned, named)))
    merged = {"edit": "merge", "clusters": [0, 1], "into": 0}
    for edits in ((), (named,), (aligned, merged)):
        assert "What changed" not in page_of(model, run_of(model, edits=edits))


def test_the_headline_is_that_of_the_run(model: DEC) -> None:
    page = page_of(model, run_of(model, warnings=("cluster 2 lost its rows",)))
    for text in (
        "Clusters of rows.npy",
        "<dd>60</dd>",
        "<dd>1.5</dd>",
        model.stop_reason_.value,
        "cluster 2 lost",
    ):
        assert text in page


def test_the_clusters_are_those_of_the_description(model: DEC) -> None:
    page = page_of(model, rows=as_rows(X))
    for cluster in describe(model, X):
        card = re.search(rf'<article class="card" data-cluster="{cluster.number}">.*?</article>', page, re.DOTALL)
        name, by = cluster.features[0]
        for text in (
            f"<b>{cluster.size}</b> rows",
            f"feature {name} {abs(by):.1f} sd",
            f"Cluster {cluster.number}",
        ):
            assert card is not None
            assert text in card[0]
        assert f"{cluster.confidence:.3f}" in page
        assert f"row {cluster.exemplars[9]}" in view_of(page, cluster.number)


def test_clusters_that_refits_do_not_find_again_are_named(model: DEC) -> None:
    page = page_of(model, run_of(model, stability=(0.91, 0.42, None)))
    assert "find these clusters again: “Cluster 1” (0.42)." in html.unescape(page)
    found = re.findall(r'data-name="stability" data-value="[^"]*">([^<]*)<', page)
    assert found == ["0.91", "0.42", "–"]
    assert "stability" not in without_plotly(page_of(model)).split("<main>")[1].split("</main>")[0]


def view_of(page: str, number: int) -> str:
    """Return the view of a cluster, in which its examples and the rows on its border are."""
    found = re.search(rf'<dialog id="cluster-{number}".*?</dialog>', page, re.DOTALL)
    assert found is not None
    return found[0]


def test_rows_on_the_border_name_the_cluster_that_they_are_nearly_in(model: DEC) -> None:
    page, q = page_of(model), model.predict_proba(X)
    least = int(np.where(model.labels_ == 1, q.max(axis=1), 1).argmin())
    first, second = np.sort(q[least])[::-1][:2]
    text = " ".join(view_of(page, 1).split())
    assert (f"{first:.0%} here, {second:.0%}" in text) == (first < 0.75)
    assert "of the rows are more like their cluster" in page


def test_texts_are_shown_as_they_are_and_name_their_clusters() -> None:
    rows = as_rows(X)
    said = ["the card was charged twice", "my parcel is lost again", "login fails & <b>password</b>"]
    rows.texts = [f"{said[group]} {i}" for i, group in enumerate(TRUTH)]  # type: ignore[attr-defined]
    model = small_dec(3).fit(X)
    run = run_of(model, data=fingerprint(rows, "texts.txt"))
    page = render(run, model, model.transform(X), model.predict(X), rows=rows)
    clusters = data_of(page)["clusters"]
    for group in range(3):
        number = np.bincount(model.labels_[group == TRUTH]).argmax()
        assert set(clusters[number]["title"].replace(",", "").split()) <= set(re.findall(r"\w+", said[group]))
        assert html.escape(said[group]) in view_of(page, number)
    assert data_of(page)["map"]["text"][:2] == rows.texts[:2]  # type: ignore[attr-defined]


def test_a_table_is_shown_in_its_own_units_with_its_ids_and_rules() -> None:
    frame = pd.DataFrame({"spend": X[:, 0] * 100, "age": X[:, 1]})
    rows = as_rows(frame)
    rows.ids = pa.table({"customer": [f"<C{i:03d}>" for i in range(60)]})  # type: ignore[attr-defined]
    model = rename(small_dec(3).fit(frame), 1, "mine")
    run = run_of(model, data=fingerprint(rows, "table.csv"))
    page = render(run, model, model.transform(frame), model.predict(frame), rows=rows)
    clusters = describe(model, frame)
    for cluster in clusters:
        assert all(f"<li>{html.escape(trait.text)}</li>" in page for trait in cluster.traits)
        assert f">{cluster.name or cluster.automatic_name}</button>" in page
        row = cluster.exemplars[0]
        values = rf"<b>&lt;C{row:03d}&gt;</b>[^/]*<i>\w+</i>.*?<i>spend</i> {frame.spend[row]:.4g}</span>"
        assert re.search(values, view_of(page, cluster.number), re.DOTALL) or "<i>spend</i>" not in page
    found = rules(model, frame)
    assert found is not None
    assert f"It puts {found.fidelity:.1%} of {found.n_held_out} rows" in page
    assert all(" and ".join(map(html.escape, rule.conditions)) in page for rule in found.rules)
    shown = data_of(page)["map"]
    assert shown["name"][7] == "<C007>"
    columns = {column["name"]: column for column in shown["columns"]}
    spend = np.frombuffer(base64.b64decode(columns["spend"]["values"]), "<f8")
    np.testing.assert_allclose(spend, frame.spend, rtol=1e-6)
    which = np.frombuffer(base64.b64decode(columns["spend"]["which"]), "<i4")
    assert columns["spend"]["texts"][which[7]] == f"{frame.spend[7]:.4g}"
    assert "Rules</h2>" not in page_of(small_dec(3).fit(X), rows=as_rows(X))


def test_rows_with_dates_are_counted_over_time(tmp_path: Path) -> None:
    days = pd.date_range("2025-12-20", periods=60, freq="2D").strftime("%d/%m/%Y %H:%M").tolist()
    frame = pd.DataFrame({"text": [f"topic{group} word" for group in TRUTH], "sent": [*days[:-1], None]})
    frame.to_csv(tmp_path / "texts.csv", index=False)
    rows = read_rows(tmp_path / "texts.csv", text_column="text")
    model = small_dec(3).fit(X)
    run = run_of(model, data=fingerprint(rows, "texts.csv"))
    page = render(run, model, model.transform(X), model.labels_, rows=rows)
    assert "Rows of each cluster by month of sent. 1 rows have no date." in page
    course = data_of(page)["charts"][0]
    assert course["x"] == ["2025-12", "2026-01", "2026-02", "2026-03", "2026-04"]
    months = pd.to_datetime(frame.sent, dayfirst=True).dt.strftime("%Y-%m")
    for name, line in zip(course["names"], course["lines"], strict=True):
        own = months[model.labels_ == [cluster["title"] for cluster in data_of(page)["clusters"]].index(name)]
        assert line == [int((own == month).sum()) for month in course["x"]]
    assert "Over time</h2>" not in page_of(model, rows=as_rows(X))


@pytest.mark.parametrize(
    ("days", "unit", "n"),
    [(range(3), "day", 3), (range(0, 900, 30), "month", 29), (range(0, 4400, 365), "year", 12)],
)
def test_dates_are_counted_by_what_they_span(days: range, unit: str, n: int) -> None:
    rows = as_rows(np.zeros((len(days), 1)))
    rows.dated = Dated("at", np.array(days, dtype=float) + 20454)  # type: ignore[attr-defined]
    course = over_time(rows, np.zeros(len(days), np.int32), 2)
    assert course is not None
    assert (course.unit, course.n_undated) == (unit, 0)
    assert len(course.periods) == n
    assert course.counts.sum(axis=1).tolist() == [len(days), 0]
    rows.dated = Dated("at", np.array([20454.0, np.nan, 20455]))  # type: ignore[attr-defined]
    assert over_time(rows, np.zeros(3, np.int32), 1) is None
    rows.dated = Dated("at", np.full(3, np.nan))  # type: ignore[attr-defined]
    assert over_time(rows, np.zeros(3, np.int32), 1) is None


def test_it_asks_for_nothing_from_the_network(model: DEC) -> None:
    page = page_of(model, rows=as_rows(X), image_shape=(2, 3))
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", without_plotly(page))


def test_names_are_text_wherever_they_stand(model: DEC) -> None:
    hostile = rename(model, 0, HOSTILE)
    run = run_of(hostile, data=replace(run_of(model).data, name=HOSTILE), warnings=(HOSTILE,))
    page = page_of(hostile, run, labels=np.array([HOSTILE, "b", "c"])[TRUTH])
    assert HOSTILE not in page
    assert "<img src=x" not in page
    assert data_of(page)["clusters"][0]["title"] == HOSTILE


def test_rows_that_are_images_are_shown(model: DEC) -> None:
    page = page_of(model, rows=as_rows(X), image_shape=(2, 3))
    shown = data_of(page)["map"]
    assert shown["shape"] == [2, 3]
    assert _picture(shown["sheet"]).size == (3 * shown["per_line"], 2 * math.ceil(60 / shown["per_line"]))
    assert page.count('src="data:image/png;base64,') >= 30


def _picture(uri: str) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


def test_a_picture_of_the_sheet_is_that_of_its_row() -> None:
    images = np.random.default_rng(0).integers(256, size=(7, 4, 5, 3), dtype=np.uint8)
    uri, per_line = pictures.sheet(images)
    whole = np.asarray(_picture(uri))
    for number, image in enumerate(images):
        top, left = 4 * (number // per_line), 5 * (number % per_line)
        np.testing.assert_array_equal(whole[top : top + 4, left : left + 5], image)


def test_a_sheet_gives_up_sharpness_first_and_then_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(256, size=(9, 32, 32, 3), dtype=np.uint8)
    monkeypatch.setattr(pictures, "_MOST_BYTES", 20_000)
    assert pictures.sheet(images)[0].startswith("data:image/webp")
    monkeypatch.setattr(pictures, "_MOST_BYTES", 100)
    assert pictures.sheet(images) is None


def test_large_images_are_made_small() -> None:
    rows = np.zeros((2, 200 * 100), dtype=np.float32)
    assert pictures.as_pixels(rows, 0, 1, (200, 100)).shape == (2, 50, 25, 1)


def test_known_classes_are_compared_and_matched(model: DEC) -> None:
    page = page_of(model, labels=np.array(["ape", "bee", "cat"])[TRUTH])
    assert "Against known classes" in page
    assert all(f'<th scope="row">{name}</th>' in page for name in ("ape", "bee", "cat"))
    assert "Against known classes" not in page_of(model)


def test_the_losses_of_several_stages_follow_one_another(model: DEC) -> None:
    history = [
        {"record": "Epoch", "stage": stage, "step": step, "loss": loss}
        for stage, step, loss in [("one", 50, 3.0), ("one", 60, 2.0), ("two", 50, 9.0), ("two", 60, 8.0)]
    ]
    page = data_of(page_of(model, run_of(model, history=tuple(history))))
    (chart,) = (chart for chart in page["charts"] if chart["id"] == "chart-loss")
    assert chart["x"] == [50, 60, 110, 120]
    assert chart["lines"] == [[3.0, 2.0, None, None], [None, None, 9.0, 8.0]]
    assert chart["names"] == ["one", "two"]


def test_merged_models_and_single_clusters_have_pages_too(model: DEC) -> None:
    assert len(data_of(page_of(merge(model, 0, 1), run_of(merge(model, 0, 1))))["clusters"]) == 2
    one = small_dec(1).fit(X)
    assert data_of(page_of(one))["tree"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": as_rows(X[:5])}, "DATA has the shape"),
        ({"rows": as_rows(X), "image_shape": (4, 4)}, "makes 16 values, but rows have 6"),
        ({"labels": TRUTH[:4]}, "4 labels for 60 rows"),
    ],
)
def test_what_does_not_belong_together_is_said(model: DEC, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        page_of(model, **arguments)


def test_without_its_packages_it_says_what_to_install(model: DEC, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "plotly.offline", None)
    with pytest.raises(ReportError, match=r"needs plotly.offline; try pip install 'torchdec\[report\]'"):
        page_of(model)


def test_the_map_keeps_groups_apart() -> None:
    codes, groups = blobs(90, 5, 3, spread=0.05)
    placed = placing.laid_out(codes)
    middles = np.array([placed[groups == group].mean(axis=0) for group in range(3)])
    nearest = np.linalg.norm(placed[:, None] - middles[None], axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, groups)


@pytest.mark.parametrize("codes", [np.ones((50, 3)), np.arange(8.0).reshape(8, 1), np.zeros((1, 4))])
def test_any_codes_have_a_map(codes: Any) -> None:
    placed = placing.laid_out(codes.astype(np.float32))
    assert placed.shape == (len(codes), 2)
    assert np.isfinite(placed).all()


def test_of_many_rows_a_sample_is_on_the_map(monkeypatch: pytest.MonkeyPatch, model: DEC) -> None:
    monkeypatch.setattr(placing, "MOST_POINTS", 20)
    assert len(placing.sampled(60)) == 20
    page = page_of(model)
    assert "20 of 60 rows, drawn at random" in page


def test_colours_differ() -> None:
    assert len(set(palette(50))) == 50
    assert all(re.fullmatch(r"#[0-9a-f]{6}", color) for color in palette(50))


def test_the_parts_of_the_page_are_files_of_the_package() -> None:
    folder = Path(pictures.__file__).parent
    assert {path.name for path in folder.iterdir() if path.suffix != ".py"} >= {
        "page.css",
        "page.html.j2",
        "page.js",
    }


def test_pictures_of_nan_do_not_darken_the_others() -> None:
    rows = np.array([[0, 100, 200, 50], [np.nan] * 4], dtype=np.float32)
    images = Content(as_rows(rows), (2, 2), ())
    np.testing.assert_array_equal(images._pixels(np.array([0])).ravel(), [0, 128, 255, 64])
