"""Data frames of any library: numbers are features, lists are rows, and all else is named with what to do."""

import datetime as dt
import decimal
import json
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from small import blobs, small_dec
from torchdec import NeighborEncoder
from torchdec.clusters import choose_k
from torchdec.rows import Preparation, RowsError, RowsWarning, as_rows, read_rows

N = 12
X = np.random.default_rng(0).normal(size=(N, 2))
FRAME = pd.DataFrame(X, columns=["a", "b"])
DAYS = [dt.date(2020, 1, 1) + dt.timedelta(7 * (number % 5)) for number in range(N)]
HALVES = ["x", "y"] * (N // 2)


def values(rows):
    return np.concatenate(list(rows.chunks(5)))


def third(column):
    """Return a frame's other column as it is understood."""
    rows = as_rows(FRAME.assign(c=column))
    parsed = rows.parsed(np.arange(N))
    assert [column.name for column in parsed] == ["a", "b", "c"]
    np.testing.assert_array_equal(parsed[0].values, X[:, 0])
    return parsed[2]


NUMBERS = {
    "Int64": pd.array([1, 2, None] * 4, "Int64"),
    "Float64": pd.array([1.0, 2.0, None] * 4, "Float64"),
    "int64 of Arrow": pd.array([1, 2, None] * 4, "int64[pyarrow]"),
    "decimal of Arrow": pd.array([decimal.Decimal(1), 2, None] * 4, pd.ArrowDtype(pa.decimal128(5, 2))),
    "decimal": [decimal.Decimal(1), 2, None] * 4,
    "objects": pd.Series([1, 2.0, None, np.float32(1), 2, np.nan, True, 2, pd.NA, 1, 2, None], dtype=object),
    "sparse": pd.arrays.SparseArray([1.0, 2.0, np.nan] * 4),
    "text": ["1", "2.0", None, "1", "2", "?"] * 2,
    "numbers and text": pd.Series([1, 2, "?"] * 4, dtype=object),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.filterwarnings("ignore:.*taken for a missing value")
def test_numbers_of_any_type_are_features_and_may_be_missing(name):
    column = third(NUMBERS[name])
    if column.levels:  # of two values
        np.testing.assert_array_equal(column.values, [0, 1, -1] * 4)
    else:
        np.testing.assert_array_equal(column.values, [1, 2, np.nan] * 4)


@pytest.mark.parametrize("kind", ["boolean", "bool[pyarrow]", object])
def test_booleans_that_may_be_missing_are_two_kinds(kind):
    column = third(pd.Series([True, False, None] * 4, dtype=kind))
    assert column.role == "yes/no"
    assert [column.levels[code].lower() if code >= 0 else None for code in column.values[:3]] == [
        "true",
        "false",
        None,
    ]


def test_an_infinite_value_is_named_by_column_and_row():
    frame = FRAME.assign(c=["x", "y"] * 6)
    frame.iloc[3, 1] = np.inf
    with pytest.raises(RowsError, match=r"X: column 'b' holds an infinite value in row 3, counted from 0"):
        small_dec().fit(frame)


DATES = {
    "date objects": DAYS,
    "datetime64": pd.to_datetime(DAYS),
    "datetime of a zone": pd.to_datetime(DAYS).tz_localize("UTC"),
    "dates of Arrow": pd.array(DAYS, pd.ArrowDtype(pa.date32())),
    "Period": pd.PeriodIndex(DAYS, freq="D"),
    "text": [f"{day:%d.%m.%Y}" for day in DAYS],
    "whole numbers": [int(f"{day:%Y%m%d}") for day in DAYS],
}


@pytest.mark.parametrize("name", DATES)
def test_dates_of_any_type_are_days(name):
    frame = FRAME.assign(c=DATES[name], k=HALVES)
    column = as_rows(frame).parsed(np.arange(N))[2]
    assert column.role == "date"
    np.testing.assert_array_equal(column.values[:6] - column.values[0], [0, 7, 14, 21, 28, 0])
    assert column.show(column.values[1]).startswith("2020-01-08")


@pytest.mark.parametrize(
    "column",
    [
        [dt.time(1, 0, number) for number in range(N)],
        pd.to_timedelta(np.arange(N), unit="s"),
        pd.Series([dt.timedelta(seconds=number) for number in range(N)], dtype=object),
        [f"{number} seconds" for number in range(N)],
        [f"01:00:{number:02}" for number in range(N)],
    ],
)
def test_times_and_durations_are_seconds(column):
    found = third(column)
    assert found.role == "duration"
    np.testing.assert_allclose(found.values - found.values[0], np.arange(N))


KINDS = {
    "categories of text": (pd.Categorical(HALVES), "kind", ["x", "y"]),
    "categories of numbers": (pd.Categorical(np.arange(N) % 3), "kind", ["0", "1", "2"]),
    "ordered categories": (
        pd.Categorical(["b", "a", "c"] * 4, categories=["b", "a", "c"], ordered=True),
        "ordered kind",
        ["b", "a", "c"],
    ),
    "text": (HALVES, "kind", ["x", "y"]),
    "yes or no": (["Yes", "No"] * 6, "yes/no", ["Yes", "No"]),
    "steps": (["Low", "High", "Medium"] * 4, "ordered kind", ["Low", "Medium", "High"]),
    "ranges": (["18-24", "<18", "25+"] * 4, "ordered kind", ["<18", "18-24", "25+"]),
    "codes with leading zeros": (["007", "012", "100"] * 4, "kind", ["007", "012", "100"]),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_have_levels_and_perhaps_an_order(name):
    column, role, levels = KINDS[name]
    found = third(column)
    assert (found.role, sorted(found.levels) if role == "kind" else list(found.levels)) == (role, levels)
    assert [found.levels[code] for code in found.values] == [str(value) for value in column]


def test_the_classes_of_pandas_cut_are_in_order():
    bins = pd.cut(FRAME["a"], 3)
    found = third(bins)
    assert (found.role, found.levels) == ("ordered kind", tuple(map(str, bins.cat.categories)))


def test_intervals_are_their_middles():
    np.testing.assert_array_equal(
        third(pd.arrays.IntervalArray.from_tuples([None, *((n, n + 1) for n in range(1, N))])).values,
        [np.nan, *np.arange(1.5, N)],
    )


REFUSED = {
    "Period objects": (pd.Series(list(pd.PeriodIndex(DAYS, freq="D")), dtype=object), "periods; .*PeriodIndex"),
    "bytes": ([b"x"] * N, "bytes;"),
    "dicts": ([{"q": 1}] * N, "structs; .*json_normalize"),
    "complex": (np.ones(N, dtype=complex), "complex numbers; .*real and imaginary"),
    "sets": ([{1}] * N, "objects of type set;"),
    "lists of text": ([["p", "q"]] * N, "lists of other things than numbers;"),
    "a mixture": (pd.Series([1, DAYS[0]] * 6, dtype=object), "a mixture of dates and numbers;"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_by_name_with_what_to_do(name):
    column, message = REFUSED[name]
    with pytest.raises(RowsError, match=f"^column 'c' of X holds {message}") as caught:
        small_dec().fit(FRAME.assign(c=column))
    assert "\n" not in str(caught.value)


def test_all_columns_that_cannot_be_read_are_named_up_to_five():
    frame = FRAME.assign(**{name: [b"x"] * N for name in "stu"}, **{name: [{1}] * N for name in "defg"})
    with pytest.raises(RowsError) as caught:
        as_rows(frame)
    message = str(caught.value)
    assert message.startswith("columns 's', 't', 'u' of X hold bytes; ")
    assert "; columns 'd', 'e' of X hold objects of type set; " in message
    assert message.endswith("; and 2 more columns don't hold numbers")


EMBEDDINGS = {
    "a frame": lambda: pd.DataFrame({"embedding": X.tolist()}),
    "a frame of arrays": lambda: pd.DataFrame({"embedding": list(X)}),
    "a series": lambda: pd.Series(X.tolist(), name="embedding"),
    "an object array": lambda: pd.Series(X.tolist()).to_numpy(),
    "a series of Arrow": lambda: pd.Series(X.tolist(), dtype=pd.ArrowDtype(pa.list_(pa.float64()))),
    "a list of arrays": lambda: list(X),
    "a list of tensors": lambda: [torch.tensor(row, requires_grad=True) for row in X],
    "a tensor": lambda: torch.tensor(X, requires_grad=True),
    "a sparse tensor": lambda: torch.tensor(X).to_sparse(),
    "lists of Arrow": lambda: pa.table({"embedding": X.tolist()}),
    "an array of Arrow": lambda: pa.array(X.tolist()),
    "lists of a fixed size": lambda: pa.table({"e": pa.array(X.tolist(), pa.list_(pa.float64(), 2))}),
}


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_vectors_are_rows(name):
    rows = as_rows(EMBEDDINGS[name]())
    assert rows.feature_names is None
    np.testing.assert_array_equal(values(rows), X)


def test_tensors_of_bfloat16_are_rows():
    half = torch.tensor(X).bfloat16()
    for given in (half, list(half), torch.nn.Parameter(half), pd.Series(list(half), dtype=object)):
        np.testing.assert_array_equal(values(as_rows(given)), half.float().numpy())


@pytest.mark.parametrize(
    "given",
    [
        lambda rows: rows,
        lambda rows: pd.Series(rows),
        lambda rows: pa.array(rows),
        lambda rows: pa.array(rows, pa.list_(pa.float32(), 2)),
    ],
)
def test_a_vector_that_is_missing_is_a_row_of_nan(given):
    rows = as_rows(given([[1.0, 2.0], None, [3.0, 4.0]]))
    np.testing.assert_array_equal(values(rows), [[1, 2], [np.nan, np.nan], [3, 4]])


@pytest.mark.parametrize("given", [lambda rows: rows, pd.Series, pa.array])
def test_vectors_of_other_lengths_name_the_row(given):
    with pytest.raises(RowsError, match=r"has 2 numbers in row 1 and 3 in row 3; give every row as many"):
        as_rows(given([None, [1.0, 2.0], [3.0, 4.0], [5.0, 6.0, 7.0]]))


def test_the_lists_of_a_frame_are_its_rows_and_the_rest_is_told():
    frame = pd.DataFrame({"id": range(N), "embedding": X.tolist(), "age": np.arange(N) % 5})
    with pytest.warns(RowsWarning) as told:
        rows = as_rows(frame)
    assert [str(note.message) for note in told] == [
        "X: column 'id' is named like an id and is left out",
        "X: column 'age' stands beside the lists of 'embedding' and is left out",
    ]
    np.testing.assert_array_equal(values(rows), X)
    assert as_rows(frame, use=["age"], ignore=["id", "embedding"]).feature_names == ["age"]
    with pytest.raises(RowsError, match=r"columns 'embedding', 'e' hold .* as_rows\(X, use=\[COLUMN\]\)"):
        as_rows(frame.assign(e=X.tolist()))


def test_labels_and_ids_are_left_out_and_told_and_later_frames_may_have_them():
    rows, labels = blobs(120, 3, 2)
    frame = pd.DataFrame(rows, columns=list("pqr"))
    whole = frame.assign(id=range(120), label=labels)
    with pytest.warns(RowsWarning) as told:
        model = small_dec().fit(whole)
    assert [str(note.message) for note in told] == [
        "X: column 'id' is named like an id and is left out; as_rows(X, use=['id']) takes it as a feature",
        "X: column 'label' looks like a label and is left out; as_rows(X, use=['label']) takes it as a feature",
    ]
    assert model.feature_names_in_.tolist() == ["p", "q", "r"]
    np.testing.assert_array_equal(model.transform(frame), small_dec().fit(frame).transform(frame))
    for later in (
        whole,
        frame,
        whole[["label", "p", "q", "r"]],
        whole[:5],
    ):  # of five rows, no id is told by itself
        np.testing.assert_array_equal(model.predict(later), model.labels_[: len(later)])
    with pytest.raises(ValueError, match="unseen at fit time"):
        model.predict(frame.assign(new=1.0))
    with pytest.raises(ValueError, match="same order"):
        model.predict(frame[["q", "p", "r"]])
    kept = Preparation.from_json(json.loads(json.dumps(model.preparation_.to_json())), 3)
    assert kept == model.preparation_


def test_a_representation_and_the_choice_of_k_leave_out_the_same_and_tell_once():
    rows, labels = blobs(60, 3, 2)
    frame = pd.DataFrame(rows, columns=list("pqr")).assign(label=labels)
    encoder = NeighborEncoder((8,), 2, max_epochs=2, random_state=0)
    with pytest.warns(RowsWarning, match="'label'"):
        code = encoder.fit(frame).transform(frame)
    assert code.shape == (60, 2)
    with pytest.warns(RowsWarning, match="'label'") as told:
        choose_k(frame, [2], representation=encoder, random_state=0)
    assert len(told) == 1


def test_use_and_ignore_decide_and_hold_for_later_frames():
    rows, labels = blobs(60, 3, 2)
    frame = pd.DataFrame(rows, columns=list("pqr")).assign(label=labels, note=["x", "y"] * 30)
    model = small_dec().fit(as_rows(frame, use=["label"], ignore=["note", "r"]))
    assert model.feature_names_in_.tolist() == ["p", "q", "label=0", "label=1"]
    np.testing.assert_array_equal(model.predict(frame), model.labels_)
    with pytest.raises(RowsError, match=r"X: has no column 'w'; .*\(use names it\)"):
        as_rows(frame, use=["w"])
    with pytest.raises(RowsError, match="no columns to choose by name"):
        as_rows(rows, use=["p"])


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (["id", "a", 1], ["a", "1"]),
        ([2.5, "species", None], ["2.5", "None"]),
        (pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("label", "")]), ["a_x", "a_y"]),
        (pd.MultiIndex.from_tuples([("index", ""), ("a", 1), ("a", 2)]), ["a_1", "a_2"]),
    ],
)
def test_names_of_several_levels_or_types_tell_labels_and_ids_and_are_known_later(columns, names):
    frame = pd.DataFrame(np.c_[X, X[:, :1]], columns=columns)
    with pytest.warns(RowsWarning, match="is left out"):
        rows = as_rows(frame)
    assert rows.feature_names == names
    with pytest.warns(RowsWarning, match="is left out"):
        model = small_dec(2).fit(frame)
    assert model.feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        model.predict(frame[frame.columns[::-1]])


@pytest.mark.parametrize(
    "columns",
    [[0, 1], [2.5, 1], pd.MultiIndex.from_tuples([("a", "b_c"), ("a_b", "c")])],
    ids=["int", "mixed", "alike"],
)
def test_columns_without_strings_as_names_are_all_features(columns):
    counts = np.c_[np.arange(N), X[:, 0]]
    rows = as_rows(pd.DataFrame(counts, columns=columns))
    assert rows.feature_names is None
    np.testing.assert_array_equal(values(rows), counts)


def test_a_frame_without_rows_columns_or_one_name_twice_is_a_line():
    for frame in (FRAME[:0], FRAME[[]], pd.DataFrame()):
        with pytest.raises(RowsError, match="X is empty"):
            as_rows(frame)
    with pytest.raises(RowsError, match="X: has two columns 'a'; rename one of them"):
        as_rows(pd.DataFrame(X, columns=["a", "a"]))
    with pytest.raises(RowsError, match="X is a Series, one column, not lists"):
        as_rows(FRAME["a"])
    with pytest.raises(RowsError, match="X is a Series, one column, not lists"):
        as_rows(pd.Series(DAYS, name="when"))


def test_sparse_frames_stay_sparse_and_booleans_are_numbers():
    dense = np.where(np.abs(X) < 0.5, 0, X)
    rows = as_rows(pd.DataFrame(dense, columns=["a", "b"]).astype(pd.SparseDtype(float, 0)))
    assert type(rows).__name__ == "SparseRows"
    np.testing.assert_array_equal(values(rows), dense)
    flags = as_rows((FRAME > 0).assign(c=X[:, 0], d=X[:, 1], **{f"e{n}": X[:, 0] * n for n in range(1, 8)}))
    np.testing.assert_array_equal(values(flags)[:, :2], X > 0)


def test_numbers_beside_which_a_fifth_of_the_columns_has_two_values_are_read_by_their_roles():
    frame = FRAME.assign(**{f"n{n}": X[:, 0] + n * X[:, 1] for n in range(2)}, sex=[0, 1] * 6)
    assert [column.role for column in as_rows(frame).parsed(np.arange(N))] == [*["number"] * 4, "kind"]
    assert not hasattr(as_rows(frame.assign(more=X[:, 1])), "parsed")
    wide = pd.DataFrame(np.tile([0, 1] * 6, (101, 1)).T, columns=[f"w{n}" for n in range(101)])
    assert not hasattr(as_rows(wide), "parsed")  # words or pixels


def test_a_frame_of_one_dtype_is_not_copied():
    array = np.random.default_rng(0).normal(size=(20, 3))
    rows = as_rows(pd.DataFrame(array, columns=list("abc"), copy=False))
    array[0, 0] = 5
    assert rows.take(np.array([0]))[0, 0] == 5


def test_tables_of_arrow_are_frames():
    table = pa.table({"a": X[:, 0], "b": X[:, 1]})
    for given in (table, table.to_batches()[0]):
        rows = as_rows(given)
        assert rows.feature_names == ["a", "b"]
        np.testing.assert_array_equal(values(rows), X)
    model = small_dec(max_iter=0).fit(table)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    np.testing.assert_array_equal(model.predict(FRAME), model.labels_)


@pytest.mark.parametrize(
    ("column", "role"),
    [
        (lambda pl: pl.Series("c", DAYS), "date"),
        (lambda pl: pl.Series("c", DAYS).cast(pl.Datetime), "date"),
        (lambda pl: pl.Series("c", [dt.timedelta(n) for n in range(N)]), "duration"),
        (lambda pl: pl.Series("c", [dt.time(n) for n in range(N)]), "duration"),
        (lambda pl: pl.Series("c", HALVES, dtype=pl.Categorical), "kind"),
        (lambda pl: pl.Series("c", HALVES, dtype=pl.Enum(["x", "y"])), "kind"),
        (lambda pl: pl.Series("c", HALVES), "kind"),
        (lambda pl: pl.Series("c", [1, None, 3, 4] * 3), "number"),
    ],
)
def test_columns_of_polars_are_read_by_their_roles(column, role):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1]}).with_columns(column(pl))
    assert [found.role for found in as_rows(frame).parsed(np.arange(N))] == ["number", "number", role]


@pytest.mark.parametrize(
    ("values_", "message"), [([{"q": 1}] * N, r"structs; .*X.unnest"), ([b"x"] * N, "bytes;")]
)
def test_what_cannot_be_read_in_polars_is_refused_by_name(values_, message):
    pl = pytest.importorskip("polars")
    with pytest.raises(RowsError, match=f"^column 'c' of X holds {message}"):
        small_dec().fit(pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": values_}))


def test_frames_of_polars_are_read_and_lazy_ones_refused():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": X[:, 0], "n": [1, 3, 9] * 4, "d": pl.Series([2, 3, 5] * 4).cast(pl.Decimal(10, 2))})
    np.testing.assert_array_equal(values(as_rows(frame)), np.c_[X[:, 0], [1, 3, 9] * 4, [2, 3, 5] * 4])
    for vectors in (pl.Series("e", X), pl.Series("e", X.tolist()), pl.DataFrame({"e": X})):
        np.testing.assert_array_equal(values(as_rows(vectors)), X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            RowsError, match=r"X is a LazyFrame, whose rows aren't computed yet; give X.collect\(\)"
        ):
            small_dec().fit(frame.lazy())


def test_relations_of_duckdb_are_frames():
    duckdb = pytest.importorskip("duckdb")
    table = pa.table({"a": X[:, 0], "b": X[:, 1]})
    np.testing.assert_array_equal(values(as_rows(duckdb.from_arrow(table))), X)


def test_what_is_masked_in_vectors_of_a_column_is_missing():
    masked = [np.ma.masked_equal(row, 4) for row in np.arange(12).reshape(4, 3)]
    rows = as_rows(pd.Series(masked))
    np.testing.assert_array_equal(values(rows), [[0, 1, 2], [3, np.nan, 5], [6, 7, 8], [9, 10, 11]])


def test_frames_of_other_columns_are_refused_in_the_words_of_scikit_learn_with_what_to_give():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 3)), columns=list("abc"))
    model = small_dec(2).fit(frame)
    for other in (frame[["b", "a", "c"]], frame.assign(z=1.0), frame[["c", "a", "b"]].assign(z=1.0)):
        with pytest.raises(ValueError, match="The feature names should match") as caught:
            model.predict(other)
        assert str(caught.value).endswith(
            "\nGive the columns of the fit in their order: X[list(model.feature_names_in_)]."
        )
        np.testing.assert_array_equal(model.predict(other[list(model.feature_names_in_)]), model.labels_)
    for other in (frame[["a", "b"]], frame.rename(columns={"a": "A"})):
        with pytest.raises(ValueError, match=r"yet now missing:\n- .\n(.*\n)*Give the columns 'a', 'b', 'c'"):
            model.predict(other)


def test_runs_of_arrow_are_read_and_views_of_lists_are_refused_by_name():
    runs = pa.RunEndEncodedArray.from_arrays([2, 5], [1.5, 2.5])
    rows = as_rows(pa.table({"a": [3.0, 1.0, 4.0, 1.0, 5.0], "h": runs}))
    assert rows.take(np.arange(5))[:, 1].tolist() == [1.5, 1.5, 2.5, 2.5, 2.5]
    views = pa.array([[1.0, 2.0]] * 5, pa.list_view(pa.float64()))
    with pytest.raises(RowsError, match=r"column 'e' of X holds views of lists; give lists in their place"):
        as_rows(pa.table({"e": views}))


def test_records_and_dictionaries_are_to_be_made_data_frames():
    records = np.zeros(4, dtype=[("a", float), ("b", float)])
    for X in (records, [{"a": 1.0}, {"a": 2.0}], {"a": [1.0, 2.0]}):
        for read in (as_rows, small_dec(2).fit):
            with pytest.raises(RowsError, match=r"names of columns; give pandas\.DataFrame\(X\)"):
                read(X)


@pytest.mark.parametrize("beside", [{"b": HALVES}, {"b": X[:, 0]}, {"b": [None, *X[1:, 0]]}])
def test_whole_numbers_that_lose_digits_are_told(beside):
    frame = pd.DataFrame({"a": 2**60 + 300 * np.arange(N) ** 2, **beside})
    with pytest.warns(RowsWarning, match="column 'a' holds whole numbers beyond 9,007,199,254,740,992"):
        as_rows(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        as_rows(frame.assign(a=frame["a"] - 2**60))
        as_rows(pd.DataFrame({"a": frame["a"], "c": frame["a"] - 2**60}))  # which stay whole


@pytest.mark.parametrize("as_column", ["polars", "categories of polars", "arrow", "chunks", "categories"])
def test_columns_of_texts_of_any_library_are_texts(as_column):
    texts = ["alpha beta", None, "gamma delta"] * 4
    if "polars" in as_column:
        polars = pytest.importorskip("polars")
        column = polars.Series(texts, dtype=polars.Categorical if "categories" in as_column else None)
    else:
        column = pa.array(texts)
        column = pa.chunked_array([column]) if as_column == "chunks" else column
        column = column.dictionary_encode() if as_column == "categories" else column
    rows = as_rows(column)
    assert rows.feature_names == ["alpha", "beta", "delta", "gamma"]
    np.testing.assert_allclose(values(rows)[:3, 0], [0.5**0.5, np.nan, 0])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_whole_numbers_of_a_file_that_lose_digits_are_told(suffix, tmp_path):
    frame = pd.DataFrame({"a": 2**60 + 3 * np.arange(N) % 7, "b": X[:, 0]})
    getattr(frame, f"to_{suffix[1:]}")(tmp_path / f"t{suffix}", index=False)
    with pytest.warns(RowsWarning, match="column 'a' holds whole numbers beyond 9,007,199,254,740,992"):
        values(read_rows(tmp_path / f"t{suffix}"))


@pytest.mark.parametrize(
    "values_",
    [
        ["1.5"] * N,
        pd.date_range("2026-01-01", periods=N),
        pd.to_timedelta(range(N), unit="h"),
        pd.period_range("2026-01", periods=N, freq="M"),
        pd.Categorical(["x", "y"] * (N // 2)),
    ],
    ids=["text", "dates", "durations", "periods", "categories"],
)
@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_columns_of_numbers_that_hold_something_else_later_are_refused_by_name(values_, library):
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = small_dec(2).fit(frame)
    other = frame.assign(b=values_)
    with pytest.raises(
        ValueError, match=r"column 'b' holds .*, and numbers in the fit; give numbers|'b' of X holds"
    ):
        model.predict(other if library == "pandas" else pa.Table.from_pandas(other))
    whole = frame.assign(b=pd.Categorical(frame["b"]))
    np.testing.assert_array_equal(model.predict(whole), model.labels_)
