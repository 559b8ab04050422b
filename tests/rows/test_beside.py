"""Vectors of a Parquet file with the texts or pictures that they came from."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from small import blobs, small_dec
from torchdec.clusters import describe
from torchdec.report import of_model
from torchdec.rows import read_rows
from torchdec.rows._protocol import RowsError

X, TRUTH = blobs(60, 4, 2)
SAID = ("the card was charged", "a parcel is lost")
pytestmark = pytest.mark.filterwarnings("ignore::torchdec.rows.RowsWarning")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(60):
        picture = Image.new("RGB", (200, 100), (250, 0, 0) if TRUTH[number] else (0, 0, 250))
        picture.save(tmp_path / "pictures" / f"{number}.png")
    table = {
        "id": [f"doc-{number}" for number in range(60)],
        "text": [None if number == 3 else f"{SAID[TRUTH[number]]} {number}" for number in range(60)],
        "picture": [f"pictures/{number}.png" for number in range(59)] + ["pictures/gone.png"],
        "embedding": pa.array(X.tolist(), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(table), tmp_path / "vectors.parquet")
    return tmp_path / "vectors.parquet"


def test_texts_name_the_clusters_of_vectors_and_are_shown(path):
    rows = read_rows(path, vector_column="embedding", text_column="text")
    np.testing.assert_array_equal(rows.take(np.arange(60)), X)
    assert rows.ids.column_names == ["id", "picture"]
    assert rows.texts[2:5] == [f"{SAID[0]} 2", "", f"{SAID[0]} 4"]
    model = small_dec(2).fit(rows)
    for cluster in describe(model, rows):
        assert set(cluster.words) <= set(SAID[TRUTH[cluster.exemplars[0]]].split()) | {"card charged"}
        assert cluster.words
    page = of_model(model, rows)
    assert page.count(f"<q>{SAID[0]} ") >= 2
    assert "doc-0" in page
    # New vectors need nothing beside them.
    pq.write_table(pq.read_table(path, columns=["embedding"]), path.with_name("new.parquet"))
    new = read_rows(path.with_name("new.parquet"), preparation=model.preparation_)
    np.testing.assert_array_equal(model.predict(new), model.labels_)


def test_pictures_are_shown_from_their_files(path):
    rows = read_rows(path, vector_column="embedding", image_column="picture")
    model = small_dec(2).fit(rows)
    page = of_model(model, rows)
    assert len(re.findall(r'<img src="data:image/webp;base64,[^"]+" alt="doc-\d+ pictures', page)) >= 38


def test_a_column_that_is_no_text_and_one_without_vectors_are_refused(path):
    with pytest.raises(RowsError, match="'embedding' is no column of texts beside the vectors; those are 'id'"):
        read_rows(path, vector_column="embedding", image_column="embedding")
    with pytest.raises(RowsError, match="--vector-column"):
        read_rows(path, image_column="picture")
