"""Which columns of a table are features."""

import json
import uuid

import numpy as np
import pyarrow as pa
import pytest

from torchdec.prepare._features import ColumnsError, Features

N = 12
RNG = np.random.default_rng(0)
A = RNG.normal(size=N)


def decided(table, use=(), ignore=()):
    return Features.of(table.schema, table.column, use=use, ignore=ignore)


def fit(use=(), ignore=(), **columns):
    return decided(pa.table({"a": A, **columns}), use, ignore)


@pytest.mark.parametrize(
    "name",
    [
        "y",
        "label",
        "Labels",
        "CLASS",
        "classes",
        "target",
        "Species",
        "ground_truth",
        "Ground Truth",
        "truth",
        "true_label",
        "trueLabel",
        "y_true",
        "class_label",
        "cluster",
        "celltype",
        "cell_type",
        "variety",
    ],
)
def test_a_column_named_like_a_label_is_left_out_and_told(name):
    columns = fit(**{name: RNG.integers(0, 3, N)})
    assert columns.features == ("a",)
    assert [(n, role) for n, _, role, _ in columns.left_out] == [(name, "label")]
    quoted = f"'{name}'" if " " in name else name
    assert columns.notes() == [
        f"column {name!r} looks like a label and is left out; --use {quoted} takes it as a feature"
    ]
    assert not columns.ids


@pytest.mark.parametrize("name", ["labelling_cost", "subclass", "target_price", "clusters_near", "yield"])
def test_a_name_that_holds_more_is_no_label(name):
    assert fit(**{name: A + 1}).features == ("a", name)


def test_y_beside_x_is_a_coordinate():
    assert fit(x=A, y=A).features == ("a", "x", "y")
    assert fit(X=A, y=A).features == ("a", "X", "y")
    assert fit(z=A, y=A).features == ("a", "z")


def test_labels_of_text_are_left_out_too():
    assert fit(species=["cat", "dog", "cat"] * 4).features == ("a",)


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "ID",
        "ids",
        "index",
        "row_id",
        "rowid",
        "Row ID",
        "uuid",
        "guid",
        "Unnamed: 0",
        "__index_level_0__",
        "",
        "__null_dask_index__",
    ],
)
@pytest.mark.parametrize("values", [RNG.permutation(N) * 7, np.zeros(N, int), [f"d{i}" for i in range(N)]])
def test_a_column_named_like_an_id_is_one_whatever_it_holds(name, values):
    columns = fit(**{name: values})
    assert columns.features == ("a",)
    assert columns.ids == (name,)
    assert len(columns.notes()) == 1


@pytest.mark.parametrize(
    "name",
    [
        "customer_id",
        "customer id",
        "customerId",
        "PassengerID",
        "shop.id",
        "a-uuid",
        "customerNo",
        "Kundennummer",
        "Kunden-Nr",
        "lfd_nr",
        "orderNr",
        "level_0",
    ],
)
def test_a_name_that_ends_in_id_is_one_where_all_values_differ(name):
    distinct = RNG.permutation(N) * 17 + 1000
    assert fit(**{name: distinct}).ids == (name,)
    assert fit(**{name: distinct[:, None].repeat(2, 1).ravel()[:N]}).features == ("a", name)


@pytest.mark.parametrize(
    "name",
    [
        "no",
        "order_no",
        "seat number",
        "orderNumber",
        "primary_key",
        "zip.code",
        "row",
        "record",
        "Seq",
        "N° client",
    ],
)
def test_whole_numbers_that_do_not_repeat_are_an_id_where_the_name_may_be_one(name):
    distinct = RNG.permutation(N) * 17 + 1000
    assert fit(**{name: distinct}).ids == fit(**{name: distinct.astype(float)}).ids == (name,)
    for measured in (distinct + 0.5, distinct // 100, np.where(distinct > 1100, np.nan, distinct)):
        columns = fit(**{name: measured})
        assert (columns.features, columns.notes()) == (("a", name), [])


@pytest.mark.parametrize(
    "name", ["casino", "NO2", "Nombre de clients", "number_of_doors", "decode", "passkey", "level", "level_a"]
)
def test_a_name_that_only_looks_like_one_of_numbers_is_a_feature(name):
    assert fit(**{name: RNG.permutation(N) * 17 + 1000}).features == ("a", name)


def test_an_id_whose_values_repeat_stays_and_is_told():
    columns = fit(shop_id=[3, 7] * 6)
    assert columns.features == ("a", "shop_id")
    (note,) = columns.notes()
    assert "column 'shop_id' is named like an id, but its values repeat, so it stays a feature" in note


@pytest.mark.parametrize("name", ["paid", "humid", "grid", "solid", "Madrid"])
def test_a_word_that_ends_in_id_is_a_feature(name):
    assert fit(**{name: RNG.permutation(N) * 17}).features == ("a", name)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i4", "i8", "f8"])
def test_a_column_that_counts_the_rows_is_an_id(first, shuffled, dtype):
    values = np.arange(first, first + N)
    values = RNG.permutation(values) if shuffled else values
    columns = fit(n=values.astype(dtype))
    assert columns.ids == ("n",)
    assert columns.notes() == ["column 'n' counts the rows and is left out; --use n takes it as a feature"]


@pytest.mark.parametrize("first", [100, -3, 10**9, 2])
@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("dtype", ["i8", "f8"])
def test_whole_numbers_that_go_on_by_1_from_anywhere_are_an_id(first, step, dtype):
    columns = fit(n=(first + step * np.arange(N)).astype(dtype))
    assert columns.ids == ("n",)
    assert columns.notes() == ["column 'n' counts the rows and is left out; --use n takes it as a feature"]


@pytest.mark.parametrize(
    "values",
    [
        np.arange(2, N + 2)[np.r_[1, 0, 2:N]],
        np.arange(0.25, N),
        np.arange(N) * 2,
        np.r_[np.arange(N - 1), N - 2],
        np.arange(N) + 0.5,
        pa.array([*range(N - 1), None]),
        np.r_[0, 0.5, np.arange(2, N)],
    ],
)
def test_other_numbers_count_no_rows(values):
    assert fit(n=values).features == ("a", "n")


def test_half_precision_can_count_too():
    assert fit(n=np.arange(N).astype(np.float16)).ids == ("n",)


def test_nine_rows_are_too_few_to_count():
    table = pa.table({"a": A[:9], "n": np.arange(9), "s": pa.nulls(9)})
    assert decided(table).features == ("a", "n", "s")


def test_three_columns_that_count_are_ranks_and_stay():
    columns = fit(**{name: RNG.permutation(N) for name in "rst"})
    assert columns.features == ("a", "r", "s", "t")
    assert "'r', 's', 't' each hold the numbers of the rows, as ranks do" in columns.notes()[0]


@pytest.mark.parametrize(
    "texts",
    [
        [f"doc-1-{i:06d}" for i in range(N)],
        [str(uuid.UUID(int=i * 2**90)) for i in range(N)],
        [f"anna.{i}@example.org" for i in range(N)],
        [f"Anna {chr(65 + i)} Smith" for i in range(N)],
        [f"https://example.org/a/very/long/path/that/goes/on/and/on/{i}" for i in range(N)],
        [f"C01{i:06d}" for i in range(N)],
    ],
    ids=lambda texts: texts[0],
)
def test_short_texts_that_differ_in_each_row_are_ids(texts):
    columns = fit(ref=texts)
    assert columns.ids == ("ref",)
    assert columns.notes() == ["column 'ref' holds another text in each row, as an id does, and is left out"]
    assert decided(pa.table({"a": A, "ref": pa.array(texts).dictionary_encode()})).ids == ("ref",)


@pytest.mark.parametrize(
    "texts",
    [
        ["red", "blue"] * 6,
        [f"a text of some {i} words" for i in range(N)],
        [f"天気がとても良いので散歩に行きました{i}" for i in range(N)],
        [f"${i},234.00" for i in range(N)],
        [f"{i}.5 kg" for i in range(N)],
        [f"{i} %" for i in range(N)],
        [f"{i + 10}/03/2024" for i in range(N)],
        [f"{i + 10}:17" for i in range(N)],
        [f"{i}.5" for i in range(N - 1)] + ["?"],
    ],
    ids=lambda texts: texts[0],
)
def test_what_was_measured_or_written_is_not_taken_for_an_id(texts):
    assert fit(t=texts).features == ("a", "t")
    assert fit(ignore=["t"], t=texts).features == ("a",)


def test_dates_are_features_and_bytes_are_refused_by_name():
    assert fit(when=np.arange(N).astype("M8[D]")).features == ("a", "when")
    with pytest.raises(
        ColumnsError, match=r"1 of 2 columns hold .*: 'raw'; leave them out with --ignore"
    ) as caught:
        fit(raw=[b"x"] * N)
    assert caught.value.columns == ("raw",)


def test_use_and_ignore_decide():
    columns = fit(["label", "id"], ["b"], label=[0, 1] * 6, id=np.arange(N), b=A)
    assert columns.features == ("a", "label", "id")
    assert [(name, role) for name, _, role, _ in columns.left_out] == [("b", "ignored")]
    assert columns.notes() == []


@pytest.mark.parametrize(
    ("use", "ignore", "message"),
    [
        (["wieght"], [], r"has no column 'wieght'; it has the close 'weight' \(--use"),
        ([], ["q"], r"has no column 'q'; it has 'a', 'weight', 'colour' \(--ignore"),
        (["a"], ["a"], "'a' is in both --use and --ignore"),
        ([], ["a", "weight", "colour"], "no column is left as a feature: column 'a' is ignored"),
    ],
)
def test_what_cannot_be_used_or_ignored_is_named(use, ignore, message):
    with pytest.raises(ColumnsError, match=message):
        fit(use, ignore, weight=A, colour=["r", "g"] * 6)


def test_where_nothing_remains_the_message_says_why():
    with pytest.raises(ColumnsError, match="left as a feature: column 'n' counts the rows; --use COLUMN"):
        decided(pa.table({"n": range(N)}))
    assert decided(pa.table({"n": range(N)}), ["n"]).features == ("n",)


def test_two_columns_of_one_name_are_refused():
    table = pa.Table.from_arrays([pa.array(A), pa.array(A)], names=["a", "a"])
    with pytest.raises(ColumnsError, match="has two columns 'a'"):
        decided(table)


def test_one_column_of_lists_is_the_rows():
    columns = fit(id=[f"d{i}" for i in range(N)], lang=["en", "de"] * 6, emb=[[1.0, 2.0]] * N, shop_id=[1, 2] * 6)
    assert columns.features == ("emb",)
    assert columns.ids == ("id",)
    assert columns.notes() == [
        "columns 'a', 'lang', 'shop_id': each stands beside the lists of 'emb' and is left out",
        "column 'id' is named like an id and is left out",
    ]


def test_of_several_columns_of_lists_one_is_named():
    lists = {"e": [[1.0]] * N, "f": [[2.0]] * N}
    with pytest.raises(ColumnsError, match=r"columns 'e', 'f' hold lists of numbers; .* --use COLUMN"):
        fit(**lists)
    assert fit(["f"], **lists).features == ("f",)
    assert fit(ignore=["f"], **lists).features == ("e",)
    assert fit(ignore=["e", "f"], **lists).features == ("a",)
    with pytest.raises(ColumnsError, match="column 'a' cannot be used too"):
        fit(["a", "e"], **lists)


def test_columns_of_another_table_are_found_by_name():
    columns = fit(id=np.arange(N), b=A)
    assert columns.places(["b", "new", "a"]) == [2, 0]
    assert columns.unknown(["b", "new", "a"]) == ["new"]
    assert columns.ids_among(["uuid", "b", "id", "new_id", "a"]) == ["uuid", "id"]
    with pytest.raises(ColumnsError, match="lacks column 'b'; it has 'a', 'c'"):
        columns.places(["a", "c"])


def test_columns_without_names_are_found_by_place():
    columns = Features.of(
        pa.schema([(str(j), pa.float64()) for j in range(3)]),
        lambda name: pa.chunked_array([np.arange(N) if name == "1" else A]),
        named=False,
    )
    assert columns.features == ("0", "2")
    assert columns.places(["a", "n", "b"]) == [0, 2]
    assert columns.places(["0", "1", "2"], named=False) == [0, 2]
    assert columns.places(["a", "b"]) == [0, 1]
    with pytest.raises(ColumnsError, match="has 4 columns, but the file of the fit has 3"):
        columns.places(["a", "b", "c", "d"])


def test_columns_come_back_from_json():
    columns = fit(["b"], id=np.arange(N), label=A, b=A)
    again = Features.from_json(json.loads(json.dumps(columns.to_json())))
    assert again == columns
    assert again.width == 2


@pytest.mark.parametrize(
    "change",
    [
        {"features": ["z"]},
        {"features": []},
        {"names": "a"},
        {"left_out": [["id", 3]]},
        {"named": 1},
        {"length": ""},
    ],
    ids=str,
)
def test_damaged_json_is_refused(change):
    with pytest.raises(ValueError, match="do not fit"):
        Features.from_json(fit(id=np.arange(N)).to_json() | change)


def test_what_predict_wrote_beside_a_table_is_no_feature():
    written = {"row": range(N), "cluster": [0, 1] * 6, "confidence": A, "name": ["low", "high"] * 6}
    columns = fit(**written)
    assert columns.features == ("a",)
    assert columns.ids == ("row",)
    assert fit(confidence=A, name=["low", "high"] * 6).features == ("a", "confidence", "name")


def test_a_list_of_what_is_left_out_has_one_comma_between():
    with pytest.raises(ColumnsError, match=r"'r' holds another text in each row, as an id does, column 's' holds"):
        decided(pa.table({name: [f"{name}{i}" for i in range(N)] for name in "rs"}))
