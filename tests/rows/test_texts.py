"""Texts become rows of tf-idf, and other texts rows by the same words."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from torchdec.prepare._texts import Texts, words_and_characters
from torchdec.rows import RowsError, RowsWarning, read_rows

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
    weights = expected.fit_transform(TEXTS).toarray()
    weights[2] = np.nan  # the empty text
    np.testing.assert_allclose(everything(rows), weights, rtol=1e-6)
    assert rows.feature_names == expected.get_feature_names_out().tolist()
    assert rows.texts == TEXTS  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.linalg.norm(everything(rows), axis=1), [1, 1, np.nan, 1], rtol=1e-6)


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
        ("a.txt", b"\n\n", None, "no row has a text"),
        ("a.txt", b"the and of\n", None, "no vocabulary can be made"),
        ("a.txt", b"caf\x81\n", None, "is no UTF-8 text"),
        ("a.csv", b"id,text\n1,a\n", "body", "has no column 'body'; it has 'id', 'text'"),
        ("a.csv", b"id,Text\n1,a\n", "text", "has no column 'text'; it has 'id', 'Text'; did you mean 'Text'?"),
        ("a.csv", b"id,text\n1,\n2,NA\n", "text", "no row has a text"),
        ("a.txt", "текст".encode("koi8-r") + b"\n", None, "is no UTF-8 text .* name its encoding"),
        ("a.txt", "苹果香蕉".encode("gbk") + b"\n", None, "is no UTF-8 text .* name its encoding"),
        ("a.txt", "cat dog".encode("utf-16-le"), None, "holds zero bytes"),
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


BLANK = ["", "  ", "\u00a0\u2003", "\u200b\ufeff", "zzz qqq", "of the and", "a", "?!"]


def empty(rows: Any) -> list[int]:
    values = everything(rows)
    nan = np.isnan(values)
    assert (nan.all(axis=1) == nan.any(axis=1)).all()
    return np.flatnonzero(nan.all(axis=1)).tolist()


@pytest.mark.parametrize("text", BLANK)
def test_a_text_without_a_known_word_holds_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(TEXTS))
    rows = read_rows(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text(f"cat mat\n{text}\nbonds\n")
    new = read_rows(tmp_path / "b.txt", preparation=rows.preparation)  # type: ignore[attr-defined]
    assert len(new) == 3
    assert empty(new) == [1]
    (tmp_path / "c.txt").write_text(f"{text}\n")
    alone = read_rows(tmp_path / "c.txt", preparation=rows.preparation)  # type: ignore[attr-defined]
    assert empty(alone) == [0]


def test_nulls_hold_nothing_and_words_that_only_look_like_nulls_are_words(tmp_path: Path) -> None:
    pd.DataFrame({"t": ["cat dog", None, "None nan", "null"]}).to_parquet(tmp_path / "a.parquet")
    assert empty(read_rows(tmp_path / "a.parquet", text_column="t")) == [1]
    (tmp_path / "a.csv").write_text('id,t\n1,cat dog\n2,\n3,NULL\n4,"NULL"\n5,NaN\n')
    rows = read_rows(tmp_path / "a.csv", text_column="t")
    assert empty(rows) == [1, 2, 4]
    assert rows.texts[3] == "NULL"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_a_column_of_any_type_of_text_is_read(kind: Any, tmp_path: Path) -> None:
    column = pa.array(["cat dog", None, "dog bird"]).cast(kind)
    pq.write_table(pa.table({"other": [[1], [2], [3]], "t": column}), tmp_path / "a.parquet")
    assert read_rows(tmp_path / "a.parquet", text_column="t").texts == ["cat dog", "", "dog bird"]  # type: ignore[attr-defined]


def test_a_column_of_lists_or_bytes_is_no_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": [["a"], ["b"]], "b": [b"cat", b"dog"]}), tmp_path / "a.parquet")
    with pytest.raises(RowsError, match=r"column 't' holds list<.*>, no text"):
        read_rows(tmp_path / "a.parquet", text_column="t")
    with pytest.raises(RowsError, match="column 'b' holds binary, no text"):
        read_rows(tmp_path / "a.parquet", text_column="b")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_at_the_beginning_tells_the_encoding(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("café crème\r\n\r\nnaïve thé\r\n".encode(encoding))
    assert read_rows(tmp_path / "a.txt").texts == ["café crème", "", "naïve thé"]  # type: ignore[attr-defined]


def test_western_text_that_is_no_utf_8_is_read_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("café crème – naïve\nthé noir\n".encode("cp1252"))
    with pytest.warns(RowsWarning, match=r"a\.txt: is no UTF-8 text .* was read as Windows-1252"):
        rows = read_rows(tmp_path / "a.txt")
    assert rows.texts == ["café crème – naïve", "thé noir"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("iPhone手机很好。Test a", ["iphone", "手", "机", "很", "好", "手机", "机很", "很好", "test"]),
        ("コーヒー・日本", ["コ", "ー", "ヒ", "ー", "コー", "ーヒ", "ヒー", "日", "本", "日本"]),
        ("กินตี", ["กิ", "น", "ตี", "กิน", "นตี"]),
        ("ខ្មែរ", ["ខ្មែ", "រ", "ខ្មែរ"]),
        ("མཐོ་བ", ["མཐོ", "བ", "མཐོབ"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("मैं हिन्दी बोलता हूँ।", ["मैं", "हिन्दी", "बोलता", "हूँ"]),
        ("cafe\u0301 noir", ["café", "noir"]),
        ("1\ufe0f\u20e3 love\u2764\ufe0fyou", ["love", "you"]),
    ],
)
def test_scripts_without_blanks_give_characters_and_pairs_and_others_words(text: str, parts: list[str]) -> None:
    assert words_and_characters(text) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("책 두 권", ["책", "두", "권"]),
        ("나는 3권 책a 물!", ["나는", "3권", "책a", "물"]),
        ("ቤት ሀ a", ["ቤት", "ሀ"]),
        ("a é x 물", ["물"]),
        ("물", ["물"]),
    ],
)
def test_a_syllable_is_a_word_where_a_letter_is_one(text: str, parts: list[str], tmp_path: Path) -> None:
    assert words_and_characters(text) == parts
    (tmp_path / "t.txt").write_text(f"{text}\n{text}\n", encoding="utf-8")
    rows = read_rows(tmp_path / "t.txt")  # whose words have blanks between them, so that nothing is told
    assert rows.feature_names == sorted(parts)


def test_words_are_those_of_scikit_learn_where_all_words_have_blanks_between_them() -> None:
    texts = ["The CAT's café_1 x2 don't", "Straße и мир, ĐÀ Nẵng!", "naïve café mat", "٣ كتاب كتاب جميل"]
    expected = TfidfVectorizer(stop_words="english", sublinear_tf=True, max_features=2000, dtype=np.float32)
    weights = expected.fit_transform(texts).toarray()
    prepared = Texts.fit(texts)
    assert prepared.words == tuple(expected.get_feature_names_out())
    np.testing.assert_array_equal(prepared.transform(texts).toarray(), weights)
    # One text of another script leaves the words of the others as they are.
    mixed = Texts.fit([*texts, "日本"])
    assert set(mixed.words) == {*prepared.words, "日", "本", "日本"}


def test_a_script_without_blanks_is_told_once_and_the_file_keeps_how_it_was_cut(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("苹果香蕉葡萄\n火箭卫星\nplain words\n")
    with pytest.warns(RowsWarning, match=r"2 of 3 texts are in a script without blanks .*'苹果香蕉葡萄'.*pairs"):
        rows: Any = read_rows(tmp_path / "a.txt")
    assert {"苹果", "果", "words"} <= set(rows.feature_names)
    kept = json.loads(json.dumps(rows.preparation.prepared.to_json()))
    assert Texts.from_json(kept) == rows.preparation.prepared
    (tmp_path / "b.txt").write_text("我吃苹果\n")
    again = read_rows(tmp_path / "b.txt", preparation=rows.preparation)
    named = dict(zip(rows.feature_names, everything(again)[0], strict=True))
    assert {word for word, value in named.items() if value} == {"苹", "果", "苹果"}
    with pytest.raises(ValueError, match="don't match"):
        Texts.from_json({**kept, "analyzer": "others"})


def test_letters_with_accents_are_the_same_however_they_are_spelt() -> None:
    prepared = Texts.fit(["caf\u00e9 cr\u00e8me", "cafe\u0301 noir"])
    assert prepared.words == ("caf\u00e9", "cr\u00e8me", "noir")
    same = prepared.transform(["caf\u00e9", "cafe\u0301"]).toarray()
    np.testing.assert_array_equal(same[0], same[1])
    assert same[0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "utf-16-le"])
def test_the_encoding_of_lines_can_be_named(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("кот собака\nлуна\n".encode(encoding))
    rows = read_rows(path, encoding=encoding)
    assert rows.feature_names == ["кот", "луна", "собака"]


def test_another_encoding_than_that_of_the_lines_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("кот\n".encode("cp1251"))
    with pytest.raises(RowsError, match=r"is no UTF-8 text .*; name its encoding"):
        read_rows(path)
    with pytest.raises(RowsError, match=r"is no ascii text .*; name another encoding"):
        read_rows(path, encoding="ascii")
    with pytest.raises(RowsError, match="encoding='klingon' isn't a known encoding"):
        read_rows(path, encoding="klingon")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_beside_the_texts_name_the_rows_unless_they_are_ignored(kind: str, tmp_path: Path) -> None:
    texts = [f"text of {name}" for name in ("cats", "dogs", "birds")] * 4
    frame = pd.DataFrame({"customerNo": range(100, 112), "docid": [f"d{i}" for i in range(12)], "text": texts})
    path = tmp_path / f"t.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    assert read_rows(path, text_column="text").ids.column_names == ["customerNo", "docid"]  # type: ignore[attr-defined]
    ignoring = read_rows(path, text_column="text", ignore=["docid"])
    assert ignoring.ids.column_names == ["customerNo"]  # type: ignore[attr-defined]
    with pytest.raises(
        RowsError, match="beside the texts of 'text', column 'docid' isn't a feature; leave out --use"
    ):
        read_rows(path, text_column="text", use=["docid"])


@pytest.mark.parametrize("header", ["text", "review text"])
@pytest.mark.parametrize(
    "texts",
    [
        ["good film", "bad film", "dull book", "fine book"],
        ["phone 7", "phone 8", "case 7", "case 8"],
        ["one", "", "two words here", "three words are here"],
        ["red; blue", "green; red", "blue; green", "red; red"],
        ['"no, not good"', '"yes, very good"', '"no, no"', '"yes, yes"'],
    ],
)
def test_texts_may_be_the_only_column(header: str, texts: list[str], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("\n".join([header, *texts]) + "\n")
    assert read_rows(path, text_column=header).texts == [text.strip('"') for text in texts]


@pytest.mark.parametrize(
    ("parts", "of"),
    [
        (["축구선수경기", "은행주식시장", "도로운전연료"], 2),
        (["acct", "ggtg", "ttaa"], 1),
        (["goal_team_", "bank_fund_", "car_road_"], 5),
    ],
)
def test_texts_without_a_common_word_are_cut_into_characters(parts: list[str], of: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kinds = np.arange(60) % 3
    units = [[part[i : i + of] for i in range(0, len(part), of)] for part in parts]
    texts = ["".join(random.choice(units[kind], 15)) for kind in kinds]
    (tmp_path / "a.txt").write_text("\n".join(texts) + "\n")
    with pytest.warns(RowsWarning, match="no word in common .* characters and pairs"):
        rows: Any = read_rows(tmp_path / "a.txt")
    values = everything(rows)
    alike = values @ values.T
    same = kinds[:, None] == kinds
    np.fill_diagonal(same, val=False)
    assert alike[same].mean() > 2 * alike[kinds[:, None] != kinds].mean()
    kept = Texts.from_json(json.loads(json.dumps(rows.preparation.prepared.to_json())))
    np.testing.assert_array_equal(kept.transform(texts).toarray(), values)


def test_words_that_recur_in_most_texts_stay_words() -> None:
    assert Texts.fit([f"apple number{i}" if i % 2 else f"order{i} text{i}" for i in range(40)]).analyzer == "words"
    assert Texts.fit([f"order{i} text{i}" for i in range(40)]).analyzer == "characters"
    assert Texts.fit(["one text", "another file", "third line"]).analyzer == "words"
