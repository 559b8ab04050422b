"""Tables as people have them: each column is read by its role, and counts once in the distances."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from torchdec.prepare import Columns
from torchdec.prepare._features import ColumnsError, Features
from torchdec.prepare._mixed import Mixed
from torchdec.rows import RowsError, RowsWarning, as_rows

N = 200
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "customer_id": [f"C{n:05}" for n in range(N)],
        "plan": np.array(["Free", "Basic", "Pro"])[np.arange(N) % 3],
        "paid": [f"${value:,.2f}" for value in np.exp(RNG.normal(4, 1.5, N))],
        "age": np.where(np.arange(N) % 10 == 0, np.nan, RNG.integers(18, 80, N)),
        "since": pd.date_range("2025-01-01", periods=N, freq="D").strftime("%d.%m.%Y"),
        "size": np.array(["small", "large", "medium"])[np.arange(N) % 3],
        "news": np.where(np.arange(N) % 4 == 0, "yes", "no"),
        "shop": "Bonn",
    }
)


def mixed(frame=TABLE, **roles):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    features = Features.of(table.schema, table.column, roles=roles)
    return Mixed.fit(features, table.column, roles), table


def test_roles_are_seen_and_what_says_nothing_is_left_out():
    made, _ = mixed()
    assert {column.name: column.parsed_role for column in made.columns} == {
        "plan": "kind",
        "paid": "amount",
        "age": "number",
        "since": "date",
        "size": "ordered kind",
        "news": "yes/no",
    }
    assert made.notes() == [
        "column 'customer_id' is named like an id and is left out",
        "column 'shop' is the same in all rows and is left out",
    ]


def test_each_column_counts_once():
    made, table = mixed()
    X, start = made.transform(table.column), 0
    for column in made.columns:
        stop = start + column.coding.width
        # Gaps in a tenth of the rows are a column of two levels beside the number, whose gaps do not vary.
        assert X[:, start:stop].var(axis=0).sum() == pytest.approx(1.9 if column.name == "age" else 1, abs=0.02)
        start = stop
    assert X.shape == (N, made.width)
    assert X.dtype == np.float32
    assert [X[:, start:stop].shape[1] for start, stop in made.kinds] == [3, 2, 2]


def test_the_levels_of_a_kind_lie_equally_far_apart_and_the_largest_is_the_level():
    made, table = mixed(TABLE[["plan", "age"]])
    block = made.transform(table.column)[:, slice(*made.kinds[0])]
    points = np.unique(block, axis=0)
    apart = [np.linalg.norm(a - b) for n, a in enumerate(points) for b in points[n + 1 :]]
    np.testing.assert_allclose(apart, apart[0], rtol=1e-5)
    levels = [name.partition("=")[2] for name in made.columns[0].names]
    assert [levels[place] for place in block.argmax(axis=1)] == TABLE["plan"].tolist()


def test_amounts_that_are_skewed_are_no_longer_and_dollars_count_as_thousands_of_them_do():
    made, table = mixed(TABLE[["plan", "paid"]])
    X = made.transform(table.column)[:, -1]
    assert abs(pd.Series(X).skew()) < 0.5
    dollars = TABLE["paid"].str.replace("[$,]", "", regex=True).astype(float)
    thousands, other = mixed(TABLE[["plan"]].assign(paid=dollars / 1000))
    np.testing.assert_allclose(thousands.transform(other.column)[:, -1], X, atol=0.5)


def test_new_rows_may_have_other_levels_gaps_orders_of_columns_and_columns():
    made, table = mixed()
    new = TABLE[::-1][["age", "news", "size", "since", "paid", "plan"]].copy()
    new["extra"] = 1
    new.iloc[0, [5, 4, 0]] = ["Ultra", None, np.nan]
    values = pa.Table.from_pandas(new, preserve_index=False).column
    X, old = made.transform(values), made.transform(table.column)
    np.testing.assert_array_equal(X[1:], old[::-1][1:])
    assert np.isfinite(X[0]).all()
    assert (X[0][slice(*made.kinds[0])] == 0).all()  # a level that the fit did not see lies between all
    parsed = {column.name: column for column in made.parsed(values)}
    assert parsed["plan"].values[0] == -1
    assert np.isnan(parsed["paid"].values[0])


def test_rare_levels_are_one_and_unknown_ones_belong_to_them():
    frame = TABLE.assign(plan=["a"] * 150 + ["b"] * 44 + list("cdefgh"))[["plan", "age"]]
    made, _ = mixed(frame)
    assert made.columns[0].reader.levels == ("a", "b", "(other)")
    new = pa.Table.from_pandas(frame[:1].assign(plan="z"), preserve_index=False)
    assert made.parsed(new.column)[0].values.tolist() == [2]


def test_a_row_without_any_value_is_nan():
    frame = TABLE[["plan", "age", "paid"]].copy()
    frame.loc[3] = None
    made, table = mixed(frame)
    assert np.flatnonzero(np.isnan(made.transform(table.column)).all(axis=1)).tolist() == [3]
    assert np.isfinite(np.delete(made.transform(table.column), 3, axis=0)).all()


def test_what_was_learnt_is_json():
    made, table = mixed()
    again = Mixed.from_json(json.loads(json.dumps(made.to_json())))
    assert again == made
    np.testing.assert_array_equal(again.transform(table.column), made.transform(table.column))
    for damage in (
        {"columns": []},
        {"columns": None},
        {"features": {}},
        {"columns": made.to_json()["columns"][:2]},
    ):
        with pytest.raises(ValueError, match=r"columns"):
            Mixed.from_json(made.to_json() | damage)


@pytest.mark.parametrize("cell", ["call us", "12 kg", "€12", "2026-01-01"])
def test_a_few_cells_that_are_no_amounts_as_the_others_are_missing_and_told_in_the_fit_and_later(cell):
    frame = TABLE.assign(paid=[cell, *TABLE["paid"][1:]])
    made, table = mixed(frame)
    assert made.told == (f"column 'paid' holds '{cell}', taken for missing, as its other cells are amounts",)
    (paid,) = [column for column in made.parsed(table.column) if column.name == "paid"]
    assert np.flatnonzero(np.isnan(paid.values)).tolist() == [0]
    told = []
    made, _ = mixed()
    np.testing.assert_array_equal(made.transform(table.column, told.append)[1:], made.transform(table.column)[1:])
    assert told == [f"column 'paid' holds '{cell}', taken for missing, as its cells were amounts in the fit"]


def test_cells_that_are_often_no_amounts_are_refused_in_the_fit_and_where_they_are_most_later():
    others = [f"about {n}" for n in range(30)]
    frame = TABLE.assign(paid=[*others, *TABLE["paid"][30:]])
    with pytest.raises(
        ColumnsError, match=r"holds 'about 0', .* and 25 more in 30 cells, which are no amounts as"
    ):
        mixed(frame)
    made, _ = mixed()
    made.transform(pa.Table.from_pandas(frame, preserve_index=False).column)
    with pytest.raises(
        ColumnsError, match=r"column 'paid' holds 'about 0', .* in 30 cells, and amounts in the fit"
    ):
        made.transform(pa.Table.from_pandas(frame[:40], preserve_index=False).column)


def test_one_word_beside_many_numbers_is_a_gap_however_often_it_stands_and_needs_no_telling_later():
    made, table = mixed(TABLE.assign(paid=np.where(np.arange(N) % 5 < 2, "never", TABLE["paid"])))
    assert "'never' in 80 cells, taken for missing" in made.told[0]
    assert {"paid=there", "paid=missing"} <= set(made.names)
    told = []
    made.transform(table.slice(0, 3).column, told.append)  # of which two say "never"
    assert told == []


@pytest.mark.parametrize("wrong", [999, -1])
def test_numbers_that_stand_for_no_answer_are_missing_and_told_unless_a_role_is_said(wrong):
    frame = TABLE.assign(age=[wrong] * 20 + (20 + np.arange(N - 20) % 50).tolist())
    made, table = mixed(frame)
    assert f"column 'age' holds {wrong} in 20 rows, far from its other values" in made.told[0]
    again = Mixed.from_json(json.loads(json.dumps(made.to_json())))
    for values in (table.column, pa.Table.from_pandas(frame.astype({"age": str})).column):
        (age,) = [column for column in again.parsed(values) if column.name == "age"]
        assert np.flatnonzero(np.isnan(age.values)).tolist() == list(range(20))
    made, table = mixed(frame, age="number")
    assert not np.isnan(made.parsed(table.column)[2].values).any()
    # Nearer ones, and such as only one row has, are numbers.
    assert mixed(TABLE.assign(age=[99] * 20 + (20 + np.arange(N - 20) % 70).tolist()))[0].told == ()
    assert mixed(TABLE.assign(age=[wrong, *(20 + np.arange(N - 1) % 50)]))[0].told == ()


def test_spellings_of_a_level_are_one_and_told():
    yes, no = ["yes", "Y", "TRUE", "1", "Yes"], ["no", "N", "FALSE", "0", "No"]
    frame = TABLE.assign(
        news=[(yes if n % 3 else no)[n % 5] for n in range(N)],
        plan=np.where(np.arange(N) % 4, TABLE["plan"], "pro"),
    )
    made, table = mixed(frame)
    parsed = {column.name: column for column in made.parsed(table.column)}
    assert (parsed["news"].role, len(parsed["news"].levels)) == ("yes/no", 2)
    assert len(set(parsed["news"].values[np.arange(N) % 3 > 0])) == 1
    assert [level.casefold() for level in parsed["plan"].levels] == ["pro", "basic", "free"]
    assert made.told[0] == "column 'plan' holds 'pro', 'Pro', which are taken for one kind"
    new = pa.Table.from_pandas(frame[:2].assign(news=["ja", "nein"]), preserve_index=False)
    later = {column.name: column.values for column in made.parsed(new.column)}
    assert later["news"].tolist() == [parsed["news"].values[1], parsed["news"].values[0]]


@pytest.mark.parametrize("mark", ["; ", ";", "|", ", "])
def test_several_values_in_a_cell_are_told_unless_they_are_said_to_be_a_kind(mark):
    baskets = [mark.join(basket) for basket in (["bag"], ["bag", "desk"], ["desk", "pen"], ["bag", "desk", "pen"])]
    frame = TABLE.assign(bought=np.array(baskets)[np.arange(N) % 4])
    made, _ = mixed(frame)
    (told,) = (line for line in made.told if "bought" in line)
    assert told.startswith(
        f"column 'bought' holds several values in some cells, such as {baskets[1]!r}, and each "
    )
    assert not mixed(frame, bought="kind")[0].told
    towns = ["Portland, Oregon", "Salem, Oregon", "Austin, Texas", "Houston, Texas"]
    assert not mixed(TABLE.assign(town=np.array(towns)[np.arange(N) % 4]))[0].told


def test_numbers_that_become_text_are_refused_by_name():
    made, _ = mixed()
    frame = TABLE.assign(age="old")
    with pytest.raises(ColumnsError, match="column 'age' holds 'old' in 200 cells, and numbers in the fit"):
        made.transform(pa.Table.from_pandas(frame, preserve_index=False).column)


def test_roles_can_be_said():
    frame = TABLE.assign(stage=np.array(["lead", "trial", "paying"])[np.arange(N) % 3], code=np.arange(N) % 7)
    made, _ = mixed(frame, stage="lead<trial<paying", code="kind", age="label", news="text")
    roles = {column.name: column.parsed_role for column in made.columns}
    assert (roles["stage"], roles["code"]) == ("ordered kind", "kind")
    assert {"age", "news"} & set(roles) == set()
    with pytest.raises(ColumnsError, match="column 'stage' holds 'paying', which is not in the order lead<trial"):
        mixed(frame, stage="lead<trial")
    with pytest.raises(ColumnsError, match="column 'plan' holds 'Free', which is no amount"):
        mixed(frame, plan="amount")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([None] * N, "is empty"),
        (["same"] * N, "is the same in all rows"),
        (["?", ""] * (N // 2), "is empty|nothing but gaps|the same in all"),
        ([f"word{n % 150}" for n in range(N)], "holds 150 different texts in 200 rows"),
        (
            [f"a longer text of words, number {n % 150}" for n in range(N)],
            "holds texts .*; --text-column extra clusters",
        ),
    ],
)
def test_columns_that_tell_nothing_are_left_out(values, why):
    made, _ = mixed(TABLE.assign(extra=values))
    (note,) = [note for note in made.notes() if "extra" in note]
    assert pytest.importorskip("re").search(why, note)


def test_ten_thousand_levels_are_left_out_in_one_line():
    frame = pd.DataFrame(
        {"a": np.arange(20_000) % 7, "k": [f"k{n % 9_999}" for n in range(20_000)], "b": ["x", "y"] * 10_000}
    )
    made, _ = mixed(frame)
    assert [column.name for column in made.columns] == ["a", "b"]


def test_the_transformer_shows_what_it_does():
    with pytest.warns(RowsWarning) as caught:
        columns = Columns().fit(TABLE)
    assert len(caught) == 2
    shown = {line.column: line for line in columns.columns_}
    assert shown["customer_id"].done == shown["shop"].done == "left out"
    assert (shown["age"].missing, shown["age"].role) == (0.1, "number")
    assert (shown["paid"].example, shown["paid"].done) == (TABLE["paid"][0], "log, standardised")
    assert shown["size"].done == "3 levels in order, standardised"
    X = columns.transform(TABLE[TABLE.columns[::-1]])
    assert X.shape == (N, len(columns.get_feature_names_out()))
    with pytest.raises(RowsError, match="lacks column 'plan'"):
        columns.transform(TABLE.drop(columns="plan"))


def test_emoji_as_names_are_names():
    made, _ = mixed(TABLE[["plan", "age"]].rename(columns={"plan": "🙂", "age": "🎂 \n"}))
    assert made.names[0].startswith("🙂=")


def test_two_thousand_columns_are_read():
    wide = pd.DataFrame({f"c{n}": np.roll(["x", "y", "z", "x"] * 10, n) for n in range(2000)})
    made, table = mixed(wide)
    assert made.transform(table.column).shape == (40, 6000)


def test_a_column_of_many_rare_kinds_says_so():
    table = pa.table({"a": RNG.normal(size=N), "who": [f"Ann {n // 2}" for n in range(N)]})
    made = Mixed.fit(Features.of(table.schema, table.column), table.column)
    assert made.notes() == ["column 'who' holds kinds that are each in too few rows and is left out"]


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s"])
def test_durations_keep_their_differences_in_any_unit(unit):
    ticks = RNG.integers(200, 900, N)
    table = pa.table({"took": pa.array(ticks, pa.duration(unit)), "b": ["x", "y"] * (N // 2)})
    made = Mixed.fit(Features.of(table.schema, table.column), table.column)
    seconds = ticks / {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit]
    np.testing.assert_allclose(made.parsed(table.column)[0].values, seconds)
    assert np.corrcoef(made.transform(table.column)[:, 0], ticks)[0, 1] > 0.95


def test_postcodes_are_kinds_beside_numbers_too():
    frame = pd.DataFrame(
        {"a": RNG.normal(size=N), "zip": np.array([10115, 80331, 20095, 50667])[np.arange(N) % 4]}
    )
    assert as_rows(frame).feature_names == ["a", "zip=10115", "zip=80331", "zip=20095", "zip=50667"]


def later(before, now):
    """Fit a column, and return what is read of other values and what is told of them."""
    table, told = pa.table({"it": pa.array(before)}), []
    (column,) = Mixed.fit(Features.of(table.schema, table.column), table.column).columns
    return column.read(pa.table({"it": pa.array(now)}).column, told.append).tolist(), told


SIZES = [1.5 * n for n in range(30)]
DATES, SPANS = pd.date_range("2026-01-01", periods=30), [f"{n}h 5m" for n in range(30)]


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        (SIZES, DATES[:3], r"holds timestamp\[.*\], and numbers in the fit; give numbers"),
        (SIZES, pd.to_timedelta(range(3), unit="h"), r"holds duration\[.*\], and numbers in the fit"),
        (SPANS, [1.5, 2.5], "holds double, and durations in the fit; give durations"),
        (SPANS, DATES[:3], r"holds timestamp\[.*\], and durations in the fit"),
        (DATES, [1.5, 2.5], "holds double, and dates in the fit; give dates"),
        (DATES, pd.to_timedelta(range(3), unit="h"), r"holds duration\[.*\], and dates in the fit"),
        ([f"${n}" for n in range(30)], DATES[:3], r"holds timestamp\[.*\], and amounts in the fit"),
        ([f"${n}" for n in range(30)], ["€5", "€6"], "holds '€5', '€6' in 2 cells, and amounts in the fit"),
        ([f"EUR {n}" for n in range(30)], ["USD 5"], "holds 'USD 5', and amounts in the fit"),
        ([f"{n} kg" for n in range(30)], ["5 km"], "holds '5 km', and amounts in the fit"),
        (DATES, ["2026-03-09", "03/04/2026"], "holds '03/04/2026', which may have the day or the month first"),
        (DATES.strftime("%Y-%m-%d"), ["1-2-26"], "holds '1-2-26', which may have the day or the month first"),
        (DATES.strftime("%d/%m/%Y"), ["01/31/2026"], r"'01/31/2026', and dates \(day first\) in the fit"),
    ],
)
def test_a_column_of_another_kind_or_unit_than_in_the_fit_is_refused(before, now, message):
    with pytest.raises(ColumnsError, match=f"column 'it' .*{message}"):
        later(before, now)


@pytest.mark.parametrize(
    ("before", "now", "shown"),
    [
        (DATES, ["31/03/2026", "04/04/2026", "5.4.2026"], ["2026-03-31", "2026-04-04", "2026-04-05"]),
        (DATES, ["03/31/2026", "2026-04-01"], ["2026-03-31", "2026-04-01"]),
        (DATES.strftime("%m/%d/%Y"), ["03/04/2026"], ["2026-03-04"]),
        (DATES.strftime("%d/%m/%Y"), ["03/04/2026"], ["2026-04-03"]),
    ],
)
def test_later_dates_are_read_in_the_order_of_the_fit_or_where_they_allow_one_only(before, now, shown):
    values, told = later(before, now)
    assert (np.array(values, "i8").astype("M8[D]").astype(str).tolist(), told) == (shown, [])


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ([f"{n}%" for n in range(30)], [0.0, 0.05], ["holds '0.05' and no unit, which is taken for '0.05%'"]),
        ([f"{n} km" for n in range(30)], ["50", "60"], ["holds '50' and no unit, which is taken for '50 km'"]),
        ([f"€{n}" for n in range(30)], [7, 8], ["holds '7' and no unit, which is taken for '€7'"]),
        ([f"€{n}" for n in range(30)], ["€7", "8"], []),
        ([f"€{n}" for n in range(30)], [0, 0], []),
        ([f"{n} km" for n in range(30)], ["5 m"], []),
    ],
)
def test_numbers_that_lost_their_unit_are_told(before, now, told):
    _, found = later(before, now)
    assert found == [f"column 'it' {note} as in the fit" for note in told]
