"""Images and texts go in as they are, and predict takes new ones of the same kind."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

WORDS = [["cat", "dog", "fur", "paw"], ["stock", "bond", "bank", "rate"], ["goal", "team", "coach", "match"]]


@pytest.fixture
def photos(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(45):
        pixels = np.clip(random.normal(40 + 80 * (number % 3), 8, size=(6, 6)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "photos" / f"{number:02}.png")
    return tmp_path / "photos"


@pytest.fixture
def texts(tmp_path):
    random = np.random.default_rng(0)
    lines = [" ".join(random.choice(WORDS[number % 3], size=6)) for number in range(45)]
    (tmp_path / "texts.txt").write_text("\n".join(lines))
    return tmp_path / "texts.txt"


def test_a_folder_of_images_is_fitted_shown_and_predicted(cli, photos, tmp_path):
    cli.ok("fit", photos, "-k", 3, "-o", tmp_path / "run", "--quiet")
    table = pq.read_table(tmp_path / "run" / "assignments.parquet")
    assert table["name"].to_pylist() == [f"{number:02}.png" for number in range(45)]
    assert "data:image/png;base64," in (tmp_path / "run" / "report.html").read_text()
    # Larger images of the same kind are brought to the size of the fit.
    (tmp_path / "new").mkdir()
    Image.open(photos / "00.png").resize((12, 12), Image.Resampling.NEAREST).save(tmp_path / "new" / "big.png")
    cli.ok("predict", tmp_path / "run", tmp_path / "new", "-o", tmp_path / "new.parquet")
    new = pq.read_table(tmp_path / "new.parquet")
    assert new["name"].to_pylist() == ["big.png"]
    # The names of the files go along when the run is edited.
    cli.ok("merge", tmp_path / "run", 0, 1, "-o", tmp_path / "merged")
    assert pq.read_table(tmp_path / "merged" / "assignments.parquet")["name"].equals(table["name"])


def test_pictures_are_sorted_into_a_folder_for_each_cluster(cli, photos, tmp_path):
    cli.ok("fit", photos, "-k", 3, "-o", tmp_path / "run", "--quiet")
    cli.ok("rename", tmp_path / "run", "1=dark/blue", "-o", tmp_path / "named")
    assert (
        "45 pictures in 3 folders" in cli.ok("sort", tmp_path / "named", photos, "-o", tmp_path / "sorted").stdout
    )
    table = pq.read_table(tmp_path / "run" / "assignments.parquet").to_pydict()
    for number, folder in enumerate(("0", "1 dark blue", "2")):
        own = {name for name, cluster in zip(table["name"], table["cluster"], strict=True) if cluster == number}
        assert {path.name for path in (tmp_path / "sorted" / folder).iterdir()} == own
        assert all(path.resolve().parent == photos.resolve() for path in (tmp_path / "sorted" / folder).iterdir())
    cli.ok("sort", tmp_path / "run", photos, "-o", tmp_path / "copied", "--copy")
    assert not any(path.is_symlink() for path in (tmp_path / "copied").rglob("*.png"))
    (tmp_path / "other").mkdir()
    for arguments, message in (
        ((photos, "-o", tmp_path / "sorted"), "is there already"),
        ((tmp_path / "other", "-o", tmp_path / "new"), "has no 00.png"),
    ):
        result = cli("sort", tmp_path / "run", *arguments)
        assert (result.exit_code, message in result.stderr) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "new"))) == []


def test_vectors_of_pictures_are_fitted_and_shown_by_the_pictures(cli, photos, tmp_path):
    random = np.random.default_rng(0)
    np.save(tmp_path / "v.npy", random.normal(size=(45, 5)) + 9 * np.eye(5)[np.arange(45) % 3])
    told = cli.ok(
        "fit", photos, "--features", tmp_path / "v.npy", "-k", 3, "-o", tmp_path / "run", "--quiet"
    ).stderr
    assert "in this order: 00.png, 01.png, ..., 44.png" in told
    table = pq.read_table(tmp_path / "run" / "assignments.parquet").to_pydict()
    assert table["name"] == [f"{number:02}.png" for number in range(45)]
    assert len(set(table["cluster"][::3])) == 1
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("data:image/webp;base64,") >= 30
    cli.ok("report", tmp_path / "run", photos, "--features", tmp_path / "v.npy")
    assert (tmp_path / "run" / "report.html").read_text() == page
    assert "45 pictures" in cli.ok("sort", tmp_path / "run", photos, "-o", tmp_path / "sorted").stdout


def test_pictures_of_sixteen_bits_are_fitted_shown_and_predicted_one_by_one(cli, photos, tmp_path):
    (tmp_path / "scans").mkdir()
    for path in sorted(photos.iterdir()):
        pixels = np.asarray(Image.open(path)).astype(np.uint16) * 16
        Image.fromarray(pixels).save(tmp_path / "scans" / path.name)
    (tmp_path / "scans" / "notes.txt").write_text("12 bits")
    fitted = cli.ok("fit", tmp_path / "scans", "-k", 3, "-o", tmp_path / "run", "--quiet")
    assert "note: " in fitted.stderr
    assert "45 of 45 pictures have more than 8 bits: 0 (black) to 4095 (white)" in fitted.stderr
    assert "left out: 1 .txt" in fitted.stderr
    assert "data:image/png;base64," in (tmp_path / "run" / "report.html").read_text()
    clusters = pq.read_table(tmp_path / "run" / "assignments.parquet")["cluster"].to_pylist()
    for number in (0, 1, 2):
        one = cli.ok(
            "predict",
            tmp_path / "run",
            tmp_path / "scans" / f"0{number}.png",
            "-o",
            tmp_path / f"{number}.parquet",
        )
        found = pq.read_table(tmp_path / f"{number}.parquet")
        assert (found["name"].to_pylist(), found["cluster"].to_pylist()) == (
            [f"0{number}.png"],
            [clusters[number]],
        )
        assert "note" not in one.stderr
    beyond = Image.fromarray(np.full((6, 6), 9000, np.uint16))
    beyond.save(tmp_path / "bright.png")
    told = cli.ok("predict", tmp_path / "run", tmp_path / "bright.png", "-o", tmp_path / "bright.parquet").stderr
    assert "1 of 1 pictures have values outside the range of the model" in told


def test_a_fit_on_one_picture_is_refused_by_the_number_of_rows(cli, photos, tmp_path):
    result = cli("fit", photos / "00.png", "-k", 2, "-o", tmp_path / "run", "--quiet")
    assert result.exit_code == 2
    assert "2 clusters cannot be made of the 1 rows" in result.stderr


@pytest.mark.parametrize(
    ("shape", "says"),
    [("foo", "'foo' isn't a shape of images"), ("5x5", "5x5 is given, but the images of"), ("6x6x3", "")],
)
def test_another_shape_than_that_of_the_images_is_refused(cli, photos, tmp_path, shape, says):
    result = cli("fit", photos, "-k", 3, "--image-shape", shape, "-o", tmp_path / "run", "--quiet")
    assert result.exit_code == 2
    assert says in result.stderr
    assert "--image-shape: " in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_shape_of_the_images_may_be_given(cli, photos, tmp_path):
    cli.ok("fit", photos, "-k", 3, "--image-shape", "6x6", "-o", tmp_path / "run", "--quiet")


def test_texts_are_fitted_shown_and_predicted(cli, texts, tmp_path):
    cli.ok("fit", texts, "-k", 3, "-o", tmp_path / "run", "--quiet")
    cli.ok("predict", tmp_path / "run", texts, "-o", tmp_path / "same.parquet")
    same = pq.read_table(tmp_path / "same.parquet")
    assert any(word in same["name"][0].as_py() for words in WORDS for word in words)
    assert same.drop_columns(["name"]).equals(pq.read_table(tmp_path / "run" / "assignments.parquet"))
    shown = cli.ok("summary", tmp_path / "run", texts).stdout
    assert any(word in shown for words in WORDS for word in words)
    page = (tmp_path / "run" / "report.html").read_text()
    assert texts.read_text().splitlines()[0] in page


def test_hostile_texts_are_texts_in_the_page(cli, texts, tmp_path):
    hostile = "<script>document.title='owned'</script> cat dog"
    lines = texts.read_text().splitlines()
    texts.write_text("\n".join([hostile, *lines[1:]]))
    cli.ok("fit", texts, "-k", 3, "-o", tmp_path / "run", "--quiet")
    assert hostile not in (tmp_path / "run" / "report.html").read_text()


def test_the_column_of_texts_is_named(cli, texts, tmp_path):
    rows = [f'{number},"{line}"' for number, line in enumerate(texts.read_text().splitlines())]
    (tmp_path / "a.csv").write_text("\n".join(["id,body", *rows]))
    cli.ok("fit", tmp_path / "a.csv", "--text-column", "body", "-k", 3, "-o", tmp_path / "run", "--quiet")
    result = cli("fit", tmp_path / "a.csv", "--text-column", "title", "-k", 3, "-o", tmp_path / "other")
    assert "DATA: " in result.stderr
    assert "has no column 'title'" in result.stderr


def test_a_later_file_may_be_written_in_another_way(cli, data, tmp_path):
    x = np.load(data)
    frame = pd.DataFrame(x, columns=[f"größe {j}" for j in range(x.shape[1])])
    frame.to_csv(tmp_path / "x.csv", index=False, encoding="utf-16")
    cli.ok("fit", tmp_path / "x.csv", "-k", 3, "-o", tmp_path / "run", "--quiet", "--encoding", "utf-16")
    other = tmp_path / "other.csv"
    frame.assign(kind=["a", "b", "c"] * 20).to_csv(other, index=False, sep=":", decimal=",", encoding="cp1250")
    said = ("--delimiter", ":", "--decimal", ",", "--encoding", "cp1250")
    cli.ok("predict", tmp_path / "run", other, "-o", tmp_path / "new.parquet", *said)
    clusters = pq.read_table(tmp_path / "run" / "assignments.parquet")["cluster"]
    assert pq.read_table(tmp_path / "new.parquet")["cluster"].equals(clusters)
    cli.ok(
        "report",
        tmp_path / "run",
        other,
        "-o",
        tmp_path / "page.html",
        "--labels",
        other,
        "--column",
        "kind",
        *said,
    )
    cli.ok("split", tmp_path / "run", 0, other, "-o", tmp_path / "parts", "--updates", 0, *said)
    for command in (
        ("predict", tmp_path / "run", other, "-o", tmp_path / "b.csv"),
        ("report", tmp_path / "run", other),
    ):
        assert cli(*command, *said[:4]).exit_code == 2  # in the encoding of the fit
    (tmp_path / "folder").mkdir()
    folder = cli("predict", tmp_path / "run", tmp_path / "folder", "-o", tmp_path / "out", "--decimal", ",")
    assert folder.exit_code == 2
    assert "--decimal is not for a new folder" in folder.stderr
