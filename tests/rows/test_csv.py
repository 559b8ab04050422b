"""A CSV file gives the same table however it is written; what is a guess is told."""

import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from torchdec.rows import RowsError, RowsWarning, read_rows


def everything(rows):
    return rows.take(np.arange(len(rows)))


def read(tmp_path, content, name="t.csv", **said):
    """Return the rows, and what was told."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = read_rows(path, **said)
    assert all(warning.category is RowsWarning for warning in caught)
    return rows, [str(warning.message).removeprefix(f"{path}: ") for warning in caught]


AB = [[1.5, 2], [10, 33]]


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ("a,b\n1.5,2\n10,33\n", []),
        ("a,b\r1.5,2\r10,33\r", []),
        ("\n\na,b\r\n1.5,2\r\n\r\n10,33", []),
        ("sep=;\na;b\n1.5;2\n10;33\n", []),
        ('"sep=\t"\na\tb\n1.5\t2\n10\t33\n', []),
        ("a;b\n1.5;2\n10;33\n", ["';' stands between"]),
        ("a\tb\n1.5\t2\n10\t33\n", ["a tab stands between"]),
        ("a|b\n1.5|2\n10|33\n", ["'|' stands between"]),
        ("a b\n1.5 2\n10 33\n", ["a blank stands between"]),
        ("   a   b  \n 1.5   2\n  10  33\n", ["a blank stands between"]),
        ("a;b\n1,5;2\n10;33\n", ["';' stands", "a decimal comma"]),
        ('a,b\n"1,5",2\n10,33\n', ["a decimal comma"]),
        ("Report 2020\na,b\n1.5,2\n10,33\n", ["1 line stands above the header, left out: 'Report 2020'"]),
        ("Report,\n,\na,b\n1.5,2\n10,33\n", ["2 lines stand above the header, left out: 'Report'"]),
        ("a,b,\n1.5,2,\n10,33,\n", ["no name and no value"]),
        ("a,b\n1.5,2,\n10,33,\n", ["no name and no value"]),
        ("# by x\n# y\na,b\n1.5,2\n# z\n10,33\n", ["first 2 lines begin with #", "1 more lines begin with #"]),
        ("# a b\n1.5 2\n10 33\n", ["a blank stands"]),
        ("a,b\n+1.5,2e0\n+1e1,3.3e+1\n", []),
    ],
)
def test_a_table_is_the_same_however_it_is_written(content, notes, tmp_path):
    rows, told = read(tmp_path, content)
    assert rows.feature_names == ["a", "b"]
    np.testing.assert_array_equal(everything(rows), AB)
    assert len(told) == len(notes)
    assert all(note in line for note, line in zip(notes, told, strict=True))


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_the_encoding_is_seen_and_told_where_it_is_a_guess(encoding, tmp_path):
    content = "temp °C,größe\n" + "1.5,2\n" * 20
    rows, told = read(tmp_path, content.encode(encoding))
    assert rows.feature_names == ["temp °C", "größe"]
    assert rows.shape == (20, 2)
    assert len(told) == (encoding in ("utf-16-le", "utf-16-be", "cp1252"))
    assert all(f"is read as {encoding}" in line for line in told)


@pytest.mark.parametrize(
    "names",
    [
        "Größe,„Übung“ – 5 €",
        "prénom,L’Haÿ-les-Roses",
        "¿qué?,año",
        "temp °C,±0.5 m²K",
        "KOŠICE,Ærø",
        "col·lecció,ação",
    ],
)
def test_names_of_western_europe_are_read_as_windows_1252(names, tmp_path):
    rows, told = read(tmp_path, f"{names}\n1.5,2\n10,33\n".encode("cp1252"))
    assert rows.feature_names == names.split(",")
    assert told == [
        "is not in UTF-8 and is read as cp1252; if its words look wrong, name its encoding with --encoding"
    ]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", "姓名,年龄"),
        ("euc_kr", "이름,나이"),
        ("shift_jis", "データ,年齢"),
        ("cp1251", "имя,возраст"),
        ("cp1253", "όνομα,ηλικία"),
        ("cp1255", "שלום,גיל"),
        ("cp1256", "اسم,عمر"),
        ("cp874", "ชื่อ,อายุ"),
        ("mac_roman", "prénom,Größe"),
        ("cp850", "Größe,Möbel"),
        ("iso8859_2", "Wałbrzych,żółw"),
        ("utf-8", "für,élève"),
    ],
)
def test_names_that_are_not_in_windows_1252_are_refused_until_the_encoding_is_named(encoding, names, tmp_path):
    content = f"{names}\n1.5,2\n10,33\n".encode(encoding) + b"9,\xff\n" * (encoding == "utf-8")
    with pytest.raises(
        RowsError, match=r"not in UTF-8 and seems not to be in Windows-1252; .*--encoding, such as"
    ):
        read(tmp_path, content)
    if encoding != "utf-8":
        rows, _ = read(tmp_path, content, encoding=encoding)
        assert rows.feature_names == names.split(",")


def test_the_encoding_can_be_named(tmp_path):
    rows, told = read(tmp_path, "длина,b\n1,2\n5,1\n".encode("cp1251"), encoding="cp1251")
    assert (rows.feature_names, told) == (["длина", "b"], [])
    with pytest.raises(RowsError, match="encoding 'x-y' is not known"):
        read(tmp_path, "a\n1\n", encoding="x-y")


@pytest.mark.parametrize(
    ("cells", "values", "mark"),
    [
        (["1,234.5", "12,300.25", "7"], [1234.5, 12300.25, 7], "'.'"),
        (["1.234,5", "12.300,25", "7"], [1234.5, 12300.25, 7], "','"),
        (["1'234.5", "12'300", "7"], [1234.5, 12300, 7], "'.'"),
        (["1,234,567", "1,000", "7"], [1234567, 1000, 7], "'.'"),
    ],
)
def test_thousands_are_read_where_there_is_no_doubt_and_told(cells, values, mark, tmp_path):
    rows, told = read(tmp_path, "a;b\n" + "".join(f"{cell};2\n" for cell in cells))
    np.testing.assert_array_equal(everything(rows)[:, 0], values)
    assert f"marks of thousands, with {mark} before decimals in column 'a'" in told[-1]


def test_thousands_that_may_be_decimals_are_refused_unless_the_mark_is_named(tmp_path):
    content = "a;b\n1,234;2\n12,300;4\n"
    with pytest.raises(RowsError, match=r"column 'a': '1,234' may be 1234 or 1\.234; say which with --decimal"):
        read(tmp_path, content)
    assert everything(read(tmp_path, content, decimal=".")[0])[0, 0] == 1234
    assert everything(read(tmp_path, content, decimal=",")[0])[0, 0] == 1.234


@pytest.mark.parametrize("cell", ["5%", "$3", "1.2.3", "x"])
@pytest.mark.parametrize("mark", [",", ";"])
def test_a_cell_that_is_no_number_is_named_with_its_line(cell, mark, tmp_path):
    content = f"a{mark}b\n" + f"1.5{mark}2\n" * 30 + f"3{mark}{cell}\n"
    with pytest.raises(RowsError, match=r"t\.csv: line 32, column 'b': ") as caught:
        read(tmp_path, content)
    assert f"column 'b': {cell!r} is not a number" in str(caught.value)
    assert "--role b=kind" in str(caught.value)


@pytest.mark.parametrize("cell", ["?", " ", "None", "-", "n.a.", "missing"])
def test_words_that_say_that_a_number_is_missing_are_gaps_and_told(cell, tmp_path):
    rows, told = read(tmp_path, "a,b\n" + "".join(f"{i}.5,{i % 7}\n" for i in range(30)) + f"30.5,{cell}\n")
    column = rows.parsed(np.arange(31))[1]
    assert (column.role, np.flatnonzero(np.isnan(column.values)).tolist()) == ("number", [30])
    assert [f"column 'b' holds {cell!r}, which is taken for a missing value" in line for line in told] == (
        [] if cell == " " else [True]
    )


def test_the_line_counts_titles_blank_lines_and_breaks_within_quotes(tmp_path):
    content = 'Title\n"a\nx",b,c\n1,2,"u\nv"\n\n3,4,w\n5,x,w\n'
    with pytest.raises(RowsError, match=r"line 8, column 'b': 'x' is not a number"):
        read(tmp_path, content, ignore=["c"])


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "null", "#N/A", "n/a"])
def test_what_arrow_knows_as_missing_is_a_gap(cell, tmp_path):
    rows, told = read(tmp_path, f"a,b\n1,2\n3,{cell}\n4,5\n")
    np.testing.assert_array_equal(rows.parsed(np.arange(3))[1].values, [2, np.nan, 5])
    assert told == []


def test_a_line_of_another_number_of_cells_is_named(tmp_path):
    with pytest.raises(RowsError, match=r"line 3 has 1 cell between ',' where the header has 2 [(]so have"):
        read(tmp_path, "a,b\n1,2\n3\n4,5\n1,2,3\n4,5\n")


@pytest.mark.parametrize(
    ("first", "below", "is_header"),
    [
        ("400,410,420,430", ".5,.4,.9,.1", True),
        ("400.3,401.1,402.9,404,409", ".5,.4,.9,.1,.3", True),
        ("2019,2020", "5,3", True),
        ("1,2,3", "3,3,3", True),
        ("1,2,3", "2,3,4", False),
        ("1,4,9,16,25", "1,8,27,64,125", False),
        ("0,1,2", "5.1,6.1,7.1", True),
        ("id,400,410,420", "x,.5,.4,.9", True),
        ("5.1,3.5,setosa", "4.9,3,virginica", False),
        ("a,400,3", "1,.5,.4", True),
        ("4000,3998,3996", ".5,.4,.9", True),
        ("700.5,600.1,550.9,540,539", ".5,.4,.9,.1,.3", True),
        ("25,16,9,4,1", "125,64,27,8,1", False),
        ("1,5918,-5,8944", "-7,44,3,-9", False),
        ("5.1,3.5", "4.9,3.0", False),
        ("0.1234", "0.25", False),
        (",7", "3,8", False),
        ('"400","410"', "3,8", True),
        ('"400","450","410"', "3,8,1", True),
        ('"400","450","410"', '"3","8","1"', False),
        ('"2019"', "8", True),
        ("1990,1995,2000,2010", "5,3,88,7", True),
        ("2010,2000,1990", "30,20,10", True),
        ("1990,2000,2015", "1991,1999,2003", False),
    ],
)
def test_a_header_of_numbers_is_told_from_a_row_by_the_lines_below(first, below, is_header, tmp_path):
    content = f"{first}\n{below}\n{below}\n"
    rows, told = read(tmp_path, content, ignore=["2"] if "setosa" in first else [])
    assert len(rows) == 3 - is_header
    assert (rows.feature_names is not None) == is_header
    kept = [line for line in told if "first line" in line]
    # Words are names, and fractions are none: there is nothing to doubt.
    assert len(kept) == (first not in {"a,400,3", "5.1,3.5", "0.1234"})
    assert all(("--no-header" if is_header else "--header makes") in line for line in kept)


@pytest.mark.parametrize(
    "content", [",400,500\n0,.5,.4\n1,.9,.1\n", "id,500,400\nx,.5,.4\nz,.9,.1\n", ",2020\nx,.5\nz,.9\n"]
)
def test_numbers_above_an_index_name_the_columns(content, tmp_path):
    rows, _ = read(tmp_path, content)
    assert (len(rows), rows.feature_names) == (2, content.split("\n")[0].split(",")[1:])
    assert rows.ids.num_columns == 1


def test_quoted_numbers_above_quoted_texts_and_bare_numbers_name_the_columns(tmp_path):
    rows, _ = read(tmp_path, '"400","410","7"\n3,8,"1 a"\n5,6,"2 b"\n', ignore=["7"])
    assert (len(rows), rows.feature_names) == (2, ["400", "410"])


@pytest.mark.parametrize(
    ("content", "is_told"),
    [
        ("1,5918,-5,8944\n0,7120,12,3011\n", True),
        ("1,5,-5,89\n0,07,12,3\n-3,25,1,5\n", True),
        ("1,5918,-5,8944\n0,712,12,3\n", False),
        ("1,5918,-5,8944\n0,-71,12,3011\n", False),
        ("1,5,7\n0,07,12\n", False),
        ("1,5\n0,7\n", False),
    ],
)
def test_halves_of_decimals_with_a_comma_are_told(content, is_told, tmp_path):
    rows, (note,) = read(tmp_path, content)
    assert len(rows) == content.count("\n")
    assert ("if its commas are decimal marks, put ; between the columns" in note) == is_told


def test_more_cells_than_names_may_be_decimal_commas(tmp_path):
    with pytest.raises(
        RowsError, match=r"line 2 has 4 cells between ',' where the header has 2 .* decimal commas"
    ):
        read(tmp_path, "a,b\n1,5,-5,89\n0,07,12,3\n")


@pytest.mark.parametrize("mark", [";", ",", "\t"])
@pytest.mark.parametrize("header", ["", "a{}b\n"])
def test_a_point_that_may_stand_between_thousands_is_told(mark, header, tmp_path):
    content = header.format(mark) + f"1.234{mark}2.567\n-7.011{mark}12.500\n"
    rows, told = read(tmp_path, content)
    np.testing.assert_array_equal(everything(rows), [[1.234, 2.567], [-7.011, 12.5]])
    assert "numbers such as 1.234 are read with a decimal point; if it stands between thousands" in told[-1]
    np.testing.assert_array_equal(
        everything(read(tmp_path, content, decimal=",")[0]), [[1234, 2567], [-7011, 12500]]
    )
    assert not any("thousands" in line for line in read(tmp_path, content, decimal=".")[1])


@pytest.mark.parametrize("other", ["0.5", "1234.567", "1.5", "2.2500", "1.234e5"])
def test_another_number_tells_that_the_point_is_decimal(other, tmp_path):
    rows, told = read(tmp_path, f"a,b\n1.234,2.567\n{other},7\n")
    assert (everything(rows)[0, 0], told) == (1.234, [])


def test_two_points_in_a_number_tell_that_they_stand_between_thousands_in_all_columns(tmp_path):
    rows, told = read(tmp_path, "a;b\n1.234;1.234.567\n2.000;7\n")
    np.testing.assert_array_equal(everything(rows), [[1234, 1234567], [2000, 7]])
    assert "marks of thousands, with ',' before decimals in column 'a', 'b'" in told[-1]


LINES = [f"{i}.5;{i * i % 7};word {i}" for i in range(20)]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
@pytest.mark.parametrize("mark", ["\t", ";", "|", ","])
@pytest.mark.parametrize(
    ("at", "line"),
    [(7, '7.5;"3;word'), (7, '7.5;3;"word'), (7, '"7.5;3;word'), (0, '0.5;1;"w'), (18, '18.5;2;"word')],
)
def test_a_quotation_mark_that_is_not_closed_is_refused_with_its_line(mark, at, line, name, tmp_path):
    lines = [*LINES[:at], line, *LINES[at + 1 :]]
    content = "\n".join(["a;b;c", *lines, ""]).replace(";", mark)
    with pytest.raises(
        RowsError, match=rf"{name}: line {at + 2}: a quotation mark opens a cell that runs on to line"
    ):
        read(tmp_path, content, name, ignore=["c"])
    with pytest.raises(RowsError, match=rf"{name}: line {at + 2}: a quotation mark"):
        read(tmp_path, content, name, text_column="c")


def test_a_quotation_mark_that_is_not_closed_in_the_header_is_refused(tmp_path):
    with pytest.raises(RowsError, match="line 1: a quotation mark opens a cell that runs on to line 21"):
        read(tmp_path, "\n".join(['"a;b;c', *LINES, ""]))


@pytest.mark.parametrize("mark", ["\t", ";", "|"])
@pytest.mark.parametrize("end", ['8.5;3;"', '8.5;3;12"', '8.5;"3";12"'])
def test_two_quotation_marks_that_join_rows_are_refused(mark, end, tmp_path):
    content = "\n".join(["a;b;c", *LINES[:6], '6.5;1;"word', LINES[7], end, *LINES[9:], ""]).replace(";", mark)
    with pytest.raises(RowsError, match=r"lines? 8( to 10 are one row, since)?:? a quotation mark"):
        read(tmp_path, content, ignore=["c"])


def test_two_marks_that_may_join_rows_of_commas_are_told(tmp_path):
    content = "\n".join(["a,t", *[f"{i * 0.5},word {i}" for i in range(5)], '2.5,"Hello', 'you, there"', ""])
    rows, (note,) = read(tmp_path, content, ignore=["t"])
    assert len(rows) == 6
    assert "lines 7 to 8 are one row, since a quotation mark in line 7 opens a cell; take the mark away if" in note


@pytest.mark.parametrize("mark", ["\t", ";", ","])
def test_lines_within_quotes_are_one_cell(mark, tmp_path):
    content = 'a;b;t\n1;2.5;"one\n""two"", \nthree"\n3;1;5" screen\n'.replace(";", mark)
    rows, told = read(tmp_path, content, ignore=["t"])
    np.testing.assert_array_equal(everything(rows), [[1, 2.5], [3, 1]])
    assert not any("quot" in line for line in told)


@pytest.mark.parametrize(
    ("between", "named"), [(",", ";"), (";", ","), ("\t", ","), (" ", "tab"), ("|", ";"), (",", "^")]
)
def test_a_delimiter_that_the_file_lacks_is_refused(between, named, tmp_path):
    with pytest.raises(
        RowsError, match=r"named as its delimiter, stands in none .*; leave out --delimiter, or name"
    ):
        read(tmp_path, f"a{between}b\n1.5{between}2\n10{between}33\n", delimiter=named)


def test_one_column_needs_no_delimiter_and_may_name_one(tmp_path):
    np.testing.assert_array_equal(everything(read(tmp_path, "a\n1.5\n7\n", delimiter=";")[0]), [[1.5], [7]])
    rows, _ = read(tmp_path, "text\nred, blue\ngreen, white\n", delimiter=";", text_column="text")
    assert rows.texts == ["red, blue", "green, white"]


@pytest.mark.parametrize("mark", ["^", ":", "~", "::"])
def test_a_mark_that_is_not_known_is_asked_for(mark, tmp_path):
    content = f"a{mark}b\n" + "".join(f"{i}.5{mark}{i % 7}\n" for i in range(30))
    with pytest.raises(
        RowsError, match=r"has one column of text, .*; name the mark between columns with --delimiter"
    ):
        read(tmp_path, content)


def test_whole_numbers_above_decimals_name_the_columns_and_that_is_told(tmp_path):
    rows, told = read(tmp_path, "2020,2019,2021\n.5,.4,.9\n.3,.1,.2\n.7,.6,.1\n")
    assert (len(rows), rows.feature_names) == (3, ["2020", "2019", "2021"])
    assert "--no-header" in told[0]


def test_decimal_commas_below_a_name_are_no_second_column(tmp_path):
    with pytest.raises(
        RowsError, match=r"its header has 1 cell between ',', and the lines below 2; name the marks"
    ):
        read(tmp_path, "a\n4,25\n2,75\n4,5\n")


def test_the_caller_decides_on_the_header(tmp_path):
    content = "400,410,420\n.5,.4,.9\n.3,.1,.2\n"
    assert read(tmp_path, content, header=False)[0].shape == (3, 3)
    rows, told = read(tmp_path, "3,1,2\n.5,.4,.9\n", header=True)
    assert (rows.feature_names, told) == (["3", "1", "2"], [])


def test_rows_that_r_names_keep_their_names(tmp_path):
    rows, told = read(tmp_path, '"mpg","cyl"\n"Mazda RX4",21,6\n"Datsun 710",22.8,4\n')
    assert rows.feature_names == ["mpg", "cyl"]
    assert rows.ids.to_pydict() == {"Unnamed: 0": ["Mazda RX4", "Datsun 710"]}
    assert "one name fewer" in told[0]


def test_a_tsv_has_tabs_and_nothing_to_tell(tmp_path):
    rows, told = read(tmp_path, "a\tb\n1.5\t2\n10\t33\n", "t.tsv")
    assert told == []
    np.testing.assert_array_equal(everything(rows), AB)


def test_an_empty_line_of_one_column_is_a_missing_value(tmp_path):
    rows, _ = read(tmp_path, "x\n1\n\n3\n\n\n")
    np.testing.assert_array_equal(everything(rows), [[1], [np.nan], [3]])


def test_columns_of_one_name_are_told_apart(tmp_path):
    rows, told = read(tmp_path, "a,a\n1,2\n5,4\n")
    assert rows.feature_names == ["a", "a.1"]
    assert "several columns are named 'a'" in told[0]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"delimiter": "ab"}, "delimiter='ab'"),
        ({"decimal": ";"}, "decimal=';'"),
        ({"use": "a"}, "use='a' is a text; give a list"),
        ({"ignore": ["q"]}, "has no column 'q'"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(said, message, tmp_path):
    with pytest.raises(RowsError, match=message):
        read(tmp_path, "a,b\n1,2\n5,4\n", **said)


def test_what_the_caller_says_is_not_told(tmp_path):
    rows, told = read(tmp_path, "a;b\n1,5;1.200,5\n2;3\n", delimiter=";", decimal=",")
    assert (everything(rows).tolist(), told) == ([[1.5, 1200.5], [2, 3]], [])


def test_a_tab_can_be_named(tmp_path):
    assert read(tmp_path, "a\tb\n1\t2\n", delimiter="tab")[1] == []


def test_a_later_file_has_the_columns_of_the_fit_in_any_order(tmp_path):
    frame = pd.DataFrame(
        {"id": [f"c{i}" for i in range(4)], "label": 1, "400": [0.5, 1, 3, 2], "410": [3.0, 1, 2, 9]}
    )
    frame.to_csv(tmp_path / "fit.csv", index=False)
    with pytest.warns(RowsWarning) as caught:
        fitted = read_rows(tmp_path / "fit.csv")
    assert [("label" in str(w.message), "'id'" in str(w.message)) for w in caught] == [
        (False, True),
        (True, False),
    ]
    new = frame[["410", "400", "id"]].assign(extra="x")
    new.to_csv(tmp_path / "new.csv", index=False)
    with pytest.warns(RowsWarning, match="1 column that the fit did not see is left out: 'extra'"):
        rows = read_rows(tmp_path / "new.csv", preparation=fitted.preparation)
    assert rows.feature_names == ["400", "410"]
    np.testing.assert_array_equal(everything(rows), frame[["400", "410"]])
    assert rows.ids.to_pydict() == {"id": ["c0", "c1", "c2", "c3"]}
    frame.rename(columns={"410": "411"}).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(RowsError, match="lacks column '410'"):
        read_rows(tmp_path / "new.csv", preparation=fitted.preparation)


def test_a_process_that_ends_right_after_reading_ends_well(tmp_path):
    # Threads of Arrow that hold something of Python then aborted every second process.
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / f"{encoding}.csv").write_text("a,b\n1,2\n3,4\n", encoding=encoding)
    paths = sorted(map(str, tmp_path.iterdir()))
    script = f"import torch; from torchdec.rows import read_rows; [read_rows(path) for path in {paths}]"
    for _ in range(4):
        subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


ROWS = np.random.default_rng(0).normal(size=(12, 9)).round(3)
LISTS = {
    "JSON": lambda row: str(row.tolist()),
    "NumPy": str,
    "a tuple": lambda row: str(tuple(row.tolist())),
    "PostgreSQL": lambda row: "{" + ",".join(map(str, row)) + "}",
    "bare": lambda row: ", ".join(map(str, row)),
    "semicolons": lambda row: ";".join(map(str, row)),
    "blanks": lambda row: " ".join(map(str, row)),
}


@pytest.mark.parametrize("written", LISTS)
def test_lists_that_are_written_as_text_are_named_so(written, tmp_path):
    frame = pd.DataFrame({"x": ROWS[:, 0], "e": [LISTS[written](row) for row in ROWS]})
    why = "'e' holds lists written as text (write them as lists into a .parquet to cluster them)"
    rows, told = read(tmp_path, frame.to_csv(index=False))
    assert (rows.feature_names, told) == (["x"], [f"column {why} and is left out"])
    for alone in (frame[["e"]], frame[["e"]].assign(id=range(12))):
        with pytest.raises(RowsError) as caught:
            read(tmp_path, alone.to_csv(index=False))
        assert str(caught.value).endswith(f"t.csv: no column tells rows apart: {why}")


def test_addresses_and_telephone_numbers_are_no_lists(tmp_path):
    frame = pd.DataFrame({"x": ROWS[:, 0], "y": ROWS[:, 1], "at": [f"192.168.{n}.1" for n in range(12)]})
    frame["call"] = [f"+49 30 12 34 {n:02d} 5" for n in range(12)]
    _, told = read(tmp_path, frame.to_csv(index=False))
    assert not any("lists" in note for note in told)


IDS = {
    "of 21 digits": [10**20 + n for n in range(12)],
    "beyond int64": [9_300_000_000_000_000_000 + n for n in range(12)],
    "beyond 2^53": [2**53 + n for n in range(12)],
    "negative": [-(10**25) - n for n in range(12)],
    "with zeros": [f"{n:06}" for n in range(12)],
    "with a sign": [f"+49{n:09}" for n in range(12)],
    "of a chapter": [f"{n // 4}.{n % 4 * 10:02}" for n in range(12)],
    "with an exponent": [f"{n}e5" for n in range(12)],
    "with gaps": ["", *(10**19 + n for n in range(11))],
}


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("how", [{}, {"sep": ";", "quoting": 1}, {"sep": "\t", "encoding": "utf-16"}])
@pytest.mark.parametrize("beside", ["numbers", "kinds", "texts"])
def test_what_names_the_rows_keeps_its_digits(ids, how, beside, tmp_path):
    frame = pd.DataFrame({"customer_id": IDS[ids], "x": ROWS[:, 0], "y": ROWS[:, 1]})
    if beside != "numbers":
        frame["t"] = ["red apple", "blue train", "green tree"] * 4
    frame.to_csv(tmp_path / "t.csv", index=False, **how)
    said = {"text_column": "t"} if beside == "texts" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = read_rows(tmp_path / "t.csv", **said, roles=None if said else {"customer_id": "id"})
        again = read_rows(tmp_path / "t.csv", preparation=rows.preparation)
    if said and ids == "with gaps":  # of which one alone would name rows, which a gap forbids
        return
    for read_rows_ in (rows, again):
        assert [str(name or "") for name in read_rows_.ids["customer_id"].to_pylist()] == list(map(str, IDS[ids]))


@pytest.mark.parametrize("ids", ["of 21 digits", "beyond int64", "with zeros"])
def test_long_numbers_are_ids_by_their_name_for_all_are_different(ids, tmp_path):
    frame = pd.DataFrame({"customer_id": IDS[ids], "x": ROWS[:, 0], "y": ROWS[:, 1]})
    rows, told = read(tmp_path, frame.to_csv(index=False))
    assert (rows.feature_names, told[0][:38]) == (["x", "y"], "column 'customer_id' is named like an ")


def test_long_numbers_that_measure_are_features_and_what_they_lose_is_told(tmp_path):
    frame = pd.DataFrame({"a": [10**20 * (n + 1) + n for n in range(12)], "b": ROWS[:, 0]})
    rows, told = read(tmp_path, frame.to_csv(index=False))
    np.testing.assert_array_equal(everything(rows)[:, 0], frame["a"].astype(float))
    note = "column 'a' holds whole numbers beyond 9,007,199,254,740,992, whose last digits are lost"
    assert {line.partition(";")[0] for line in told} == {note}


def test_postcodes_keep_their_zeros(tmp_path):
    frame = pd.DataFrame({"plz": ["01067", "10115", "99084"] * 4, "b": ROWS[:, 0]})
    rows, _ = read(tmp_path, frame.to_csv(index=False))
    assert rows.feature_names[:3] == ["plz=01067", "plz=10115", "plz=99084"]
    again = read_rows(tmp_path / "t.csv", preparation=rows.preparation)
    np.testing.assert_array_equal(everything(again), everything(rows))
