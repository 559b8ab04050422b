"""What a fitted model shows in a notebook, and rows that only Python has: lists of texts, arrays of pictures."""

import pickle
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from small import blobs, small_dec
from torchdec import DEC, load
from torchdec.clusters import Candidate, Choice, merge, plot_choice, rename, summary
from torchdec.metrics import clustering_accuracy
from torchdec.rows import as_rows, read_rows

mpl.use("Agg")
X = pd.DataFrame(blobs(60, 4, 3)[0], columns=["width", "height", "weight", "age"])
TEXTS = [
    f"{what} {when}" for when in ("today", "again") * 10 for what in ("card charged", "parcel lost", "login fails")
]


def moved_patterns() -> tuple[Any, Any]:
    """Three patterns of 28 x 28, each as it is and moved by a pixel in each direction, and what each row is."""
    random = np.random.default_rng(0)
    moves = [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0)]
    kinds, by = np.repeat(np.arange(3), 50), np.tile(np.arange(5), 30)
    patterns = np.pad(random.random((3, 22, 22)), ((0, 0), (3, 3), (3, 3)))
    pictures = np.stack(
        [np.roll(patterns[kind], moves[move], axis=(0, 1)) for kind, move in zip(kinds, by, strict=True)]
    )
    return (pictures + 0.1 * random.random(pictures.shape)).astype(np.float32), kinds


def test_pictures_that_are_moved_by_a_pixel_are_alike() -> None:
    pictures, kinds = moved_patterns()
    flat = pictures.reshape(len(pictures), -1)
    assert clustering_accuracy(kinds, small_dec(3, "neighbors").fit(flat).labels_) < 0.5
    assert clustering_accuracy(kinds, small_dec(3, "neighbors").fit(pictures).labels_) > 0.8
    # The shape is known of the other rows, too, where one holds nothing.
    pictures[7] = np.nan
    with pytest.warns(UserWarning, match="1 of 150 rows holds nothing"):
        model = small_dec(3, "neighbors").fit(pictures)
    assert clustering_accuracy(np.delete(kinds, 7), np.delete(model.labels_, 7)) > 0.8


def test_a_shape_that_does_not_fill_the_rows_is_refused() -> None:
    rows = as_rows(np.random.default_rng(0).random((30, 12)))
    rows.image_shape = 4, 4
    with pytest.raises(ValueError, match=r"image_shape=\(4, 4\) makes 16 values, but rows have 12"):
        small_dec(2, "neighbors").fit(rows)


@pytest.fixture(scope="module")
def model() -> DEC:
    return small_dec(3).fit(X)


def test_the_summary_is_that_of_the_rows_of_the_fit(model: DEC) -> None:
    pd.testing.assert_frame_equal(model.summary_, summary(model, X))
    assert model.n_clusters_ == 3
    assert merge(model, 0, 1).n_clusters_ == 2
    assert merge(model, 0, 1).summary_["size"].sum() == 60


def test_a_model_without_its_rows_is_shown_and_listed(model: DEC, tmp_path: Path) -> None:
    loaded = load(model.save(tmp_path / "m") or tmp_path / "m")
    assert "summary_" in dir(loaded)
    assert not hasattr(loaded, "summary_")
    assert "DEC" in loaded._repr_html_()
    with pytest.raises(ValueError, match="give them as X"):
        _ = loaded.summary_


def test_the_map_has_every_row_in_the_colour_of_its_cluster(model: DEC) -> None:
    axes = model.plot()
    assert [len(dots.get_offsets()) for dots in axes.collections] == model.cluster_sizes_.tolist()
    assert len({dots.get_facecolor().tobytes() for dots in axes.collections}) == 3
    assert [text.get_text()[0] for text in axes.texts] == ["0", "1", "2"]


def test_profiles_are_the_effects_of_the_traits(model: DEC) -> None:
    axes = model.plot("profiles")
    shown = dict(zip((t.get_text() for t in axes.get_yticklabels()), axes.images[0].get_array(), strict=True))
    for cluster, traits in model.summary_["traits"].items():
        assert shown[traits[0]["column"]][cluster] == traits[0]["effect"]


def test_the_tree_has_a_leaf_for_each_cluster_and_draws_where_it_is_told(model: DEC) -> None:
    ax = model.plot("map")
    ax.clear()
    assert rename(model, 1, "mine").plot("tree", ax=ax) is ax
    assert sorted(label.get_text() for label in ax.get_yticklabels()) == ["0", "1 mine", "2"]
    assert len(ax.lines) == 2


def test_the_page_and_the_file_are_written(model: DEC, tmp_path: Path) -> None:
    page = model.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Clusters of 60 rows" in page
    assert page.count('<article class="card"') == 3
    assert "Against known classes" in model.report(tmp_path / "page.html", labels=model.labels_).read_text()
    model.save(tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="X is None, but this model doesn't hold the rows of its fit"):
        loaded.plot()
    assert len(loaded.plot(X=X).collections) == 3


def test_copies_refer_to_the_rows_and_pickles_leave_them_out(model: DEC) -> None:
    assert deepcopy(model)._fitted_rows is model._fitted_rows
    assert not hasattr(pickle.loads(pickle.dumps(model)), "_fitted_rows")


def test_a_notebook_shows_the_clusters_once_there_are_some(model: DEC) -> None:
    assert "<td" not in small_dec(3)._repr_mimebundle_()["text/html"].split("<style>")[0]
    shown = rename(model, 2, "<b>big")._repr_html_()
    sizes = [int(size) for size in re.findall(r">(\d+)</td>", shown.split("</table>")[0])]
    assert sizes == model.cluster_sizes_.tolist()
    assert "&lt;b&gt;big" in shown


def test_a_choice_is_a_table_and_a_plot() -> None:
    figures = ((1, 1.0, 1.0), (2, 0.71, 0.8), (3, 0.2, 0.6))
    candidates = tuple(Candidate(k, strength, strength > 0.26, stable) for k, strength, stable in figures)
    choice = Choice(2, "Of 1 to 3 clusters, 2.", 1, candidates)
    assert str(choice).splitlines() == [
        "    k  strength  stability",
        "    1      1.00       1.00  ########## runner-up",
        "    2      0.71       0.80  ####### recommended",
        "    3      0.20       0.60  ##",
        "Of 1 to 3 clusters, 2.",
    ]
    strength, stability, recommended = plot_choice(choice).lines
    assert strength.get_xydata().tolist() == [[1, 1], [2, 0.71], [3, 0.2]]
    assert stability.get_ydata().tolist() == [1, 0.8, 0.6]
    assert recommended.get_xdata() == [2, 2]
    with_g = [Candidate(4, 0.5, True, None, 0.9)]
    of_table = Choice(4, "Of 4.", None, tuple(with_g))
    assert str(of_table).splitlines()[1].split()[:4] == ["4", "0.50", "-", "0.900"]
    assert len(plot_choice(of_table).lines) == 2


def test_an_unknown_plot_is_named(model: DEC) -> None:
    with pytest.raises(ValueError, match=r"kind='scatter' must be .map., .profiles. or .tree."):
        model.plot("scatter")  # type: ignore[arg-type]


def test_verbose_tells_how_the_fit_goes(capsys: pytest.CaptureFixture[str]) -> None:
    small_dec(3).fit(X, verbose=1)
    assert "self-training: 0 of at most 20 updates" in capsys.readouterr().err
    small_dec(3).fit(X)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", [list, pd.Series, np.array])
def test_a_sequence_of_texts_is_fitted_and_predicted(form: Any, tmp_path: Path) -> None:
    model = small_dec(3).fit(form(TEXTS))
    np.testing.assert_array_equal(model.predict(["card charged", None, "nothing known"])[1:], -1)
    np.testing.assert_array_equal(model.predict(form(TEXTS[:9])), model.labels_[:9])
    assert model.summary_["words"].map(len).min() > 0
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(load(tmp_path / "model.safetensors").predict(TEXTS), model.labels_)
    with pytest.raises(ValueError, match="X is a sequence of texts, but the model was fitted on other rows"):
        small_dec(3).fit(X).predict(TEXTS)


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 3), (1, 2, 3)])
def test_an_array_of_pictures_has_a_row_for_each(shape: tuple[int, ...], tmp_path: Path) -> None:
    rows = blobs(60, 6, 3)[0]
    pictures = rows.reshape(60, *shape)
    flat, model = small_dec(3).fit(rows), small_dec(3).fit(pictures)
    np.testing.assert_array_equal(model.labels_, flat.labels_)
    np.testing.assert_array_equal(model.transform(pictures[:5]), flat.transform(rows[:5]))
    assert as_rows(pictures).image_shape == shape  # type: ignore[attr-defined]
    assert model.report(tmp_path / "page.html").read_text().count('src="data:image/png') >= 30
    of_two_channels = small_dec(3).fit(rows.reshape(60, 3, 1, 2))
    assert of_two_channels.report(tmp_path / "two.html").read_text().count('src="data:image/png') < 3


@pytest.mark.parametrize("other", [(2, 3, 2), (4, 3, 1), (3, 4, 1), (2, 2, 3), (12, 1)])
def test_pictures_of_another_shape_with_as_many_pixels_are_refused(other: tuple[int, ...], tmp_path: Path) -> None:
    rows = blobs(60, 12, 3)[0]
    model = small_dec(3).fit(rows.reshape(60, 2, 6))
    model.save(tmp_path / "model.safetensors")
    np.save(tmp_path / "other.npy", rows.reshape(60, *other))
    for fitted in (model, load(tmp_path / "model.safetensors")):
        for same in (rows, rows.reshape(60, 2, 6), rows.reshape(60, 2, 6, 1)):
            np.testing.assert_array_equal(fitted.predict(same), model.labels_)
        for X in (rows.reshape(60, *other), read_rows(tmp_path / "other.npy")):
            with pytest.raises(ValueError, match=r"X has pictures of shape .*, but those at fit were \(2, 6\)"):
                fitted.predict(X)


def test_pictures_of_a_folder_are_not_taken_for_an_array_of_another_shape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(40):
        picture = rng.integers(0, 60, (2, 6), dtype=np.uint8) + np.uint8(120 * (i % 2))
        Image.fromarray(picture).save(tmp_path / f"{i:02}.png")
    rows = read_rows(tmp_path)
    model, pixels = small_dec(2, "neighbors").fit(rows), np.vstack(list(rows.chunks(64)))
    np.testing.assert_array_equal(model.predict(pixels.reshape(40, 2, 6)), model.labels_)
    with pytest.raises(ValueError, match=r"X has pictures of shape \(6, 2\), but those at fit were \(2, 6\)"):
        model.predict(pixels.reshape(40, 6, 2))
