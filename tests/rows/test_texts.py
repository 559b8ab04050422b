"""Texts become rows of tf-idf, and other texts rows by the same words."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from torchdec.rows import RowsError, read_rows

TEXTS = ["the cat sat on the mat", "dogs and cats, cats", "", "stocks fell and bonds fell"]


def everything(rows: Any) -> Any:
    return rows.take(np.arange(len(rows)))


def written(tmp_path: Path, kind: str) -> tuple[Path, str | None]:
    path = tmp_path / f"texts.{kind}"
    frame = pd.DataFrame({"id": range(4), "text": TEXTS})
    if kind == "txt":
        path.write_text("\n".join(TEXTS) + "\n")
    elif kind == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path, None if kind == "txt" else "text"


@pytest.mark.parametrize("kind", ["txt", "csv", "parquet"])
def test_rows_are_sublinear_tf_idf_of_length_one(kind: str, tmp_path: Path) -> None:
    path, column = written(tmp_path, kind)
    rows = read_rows(path, text_column=column)
    expected = TfidfVectorizer(stop_words="english", sublinear_tf=True, max_features=2000)
    np.testing.assert_allclose(everything(rows), expected.fit_transform(TEXTS).toarray(), rtol=1e-6)
    assert rows.feature_names == expected.get_feature_names_out().tolist()
    assert rows.texts == TEXTS  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.linalg.norm(everything(rows), axis=1), [1, 1, 0, 1], rtol=1e-6)


def test_new_texts_have_the_words_and_weights_of_the_recipe(tmp_path: Path) -> None:
    path, _ = written(tmp_path, "txt")
    rows = read_rows(path)
    (tmp_path / "new.txt").write_text("unheard of\n" + TEXTS[3] + "\n")
    again = read_rows(tmp_path / "new.txt", preparation=rows.preparation)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(everything(again), everything(rows)[[2, 3]])
    assert again.preparation == rows.preparation  # type: ignore[attr-defined]


def test_texts_of_a_csv_may_hold_line_breaks(tmp_path: Path) -> None:
    pd.DataFrame({"text": ["cat\ndog", "bird"]}).to_csv(tmp_path / "a.csv", index=False)
    assert read_rows(tmp_path / "a.csv", text_column="text").texts == ["cat\ndog", "bird"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_only_a_newline_ends_a_text(end: str, last: str, tmp_path: Path) -> None:
    texts = ["cat\u2028cat", "dog\x85dog", "", "bird\x0cbird\x1cbird"]
    content = end.join(texts) + last.replace("\n", end)
    (tmp_path / "a.txt").write_bytes(content.encode())
    assert read_rows(tmp_path / "a.txt").texts == texts  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "content", "column", "message"),
    [
        ("a.txt", b"\n\n", None, "has no text in any line"),
        ("a.txt", b"the and of\n", None, "makes no vocabulary"),
        ("a.txt", b"caf\xe9\n", None, "is no UTF-8 text"),
        ("a.csv", b"id,text\n1,a\n", "body", "has no column 'body'; it has 'id', 'text'"),
        ("a.npy", b"x", "text", "has no columns"),
    ],
)
def test_what_holds_no_texts_is_refused(
    name: str, content: bytes, column: str | None, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RowsError, match=message):
        read_rows(tmp_path / name, text_column=column)


def test_a_column_of_numbers_is_no_text(tmp_path: Path) -> None:
    pd.DataFrame({"n": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(RowsError, match="column 'n' holds int64, no text"):
        read_rows(tmp_path / "a.parquet", text_column="n")
