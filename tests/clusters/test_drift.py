"""Drift is what is more than chance and large enough; rows like those of the fit have none, few or many."""

import numpy as np
import pandas as pd
import pytest

from small import blobs, small_dec
from torchdec import DEC, load, save
from torchdec.clusters import drift, merge
from torchdec.rows import RowsWarning

ROWS, GROUPS = blobs(3000, 6, 3, spread=0.4)
FIT, OTHERS = ROWS[:1200], ROWS[1200:]


@pytest.fixture(scope="module")
def model() -> DEC:
    return small_dec(3, "neighbors").fit(pd.DataFrame(FIT, columns=list("abcdef")))


def frame(rows: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list("abcdef"))


@pytest.mark.parametrize("n", [1, 2, 10, 100, 1800])
def test_other_rows_of_the_same_kind_have_no_drift(model: DEC, n: int) -> None:
    found = drift(model, frame(OTHERS[:n]))
    assert (found.drifted, found.n_rows) == (False, n)


@pytest.mark.parametrize("n", [5, 20])
def test_few_rows_of_the_fit_are_hardly_ever_drift(n: int) -> None:
    # Columns that few rows have, as pixels or words, are 0 in a few rows by chance.
    random = np.random.default_rng(0)
    group = np.arange(600) % 3
    rare = random.random((600, 40)) < 0.12
    rows = np.c_[random.normal(size=(3, 4))[group] * 4 + random.normal(size=(600, 4)), rare]
    model = small_dec(3, "neighbors").fit(rows)
    alarms = [drift(model, rows[random.choice(600, n, replace=False)]).drifted for _ in range(40)]
    assert sum(alarms) <= 1
    assert drift(model, rows[random.choice(600, n, replace=False)] + np.eye(44)[0] * 20).drifted


def test_many_rows_that_differ_a_little_have_no_drift_unless_small_effects_count(model: DEC) -> None:
    many = frame(np.tile(OTHERS, (20, 1)))
    many["a"] += 0.18 * FIT[:, 0].std()
    assert not drift(model, many).drifted
    drifted = [(shift.what, shift.of) for shift in drift(model, many, least_effect=0.1).shifts if shift.drifted]
    assert ("column", "a") in drifted


def test_a_column_that_moved_is_named_in_its_own_units(model: DEC) -> None:
    rows = frame(OTHERS)
    rows["c"] += 2
    found = drift(model, rows)
    columns = [shift for shift in found.shifts if shift.what == "column" and shift.drifted]
    assert [shift.of for shift in columns] == ["c"]
    assert columns[0].before == pytest.approx(FIT[:, 2].mean(), abs=1e-4)
    assert columns[0].now == pytest.approx(rows["c"].mean(), abs=1e-4)


def test_a_cluster_that_grew_and_rows_of_a_new_kind_are_named(model: DEC) -> None:
    grown = int(model.predict(frame(OTHERS[:1]))[0])
    found = drift(model, frame(np.concatenate([OTHERS, *[OTHERS[::3]] * 3])))
    assert ("size", grown) in [(shift.what, shift.of) for shift in found.shifts if shift.drifted]
    strange = np.concatenate([OTHERS, np.random.default_rng(0).normal(3, 0.4, size=(300, 6)).astype(np.float32)])
    told = [shift for shift in drift(model, frame(strange)).shifts if shift.what == "far out" and shift.of is None]
    assert told[0].drifted
    assert told[0].now - told[0].before == pytest.approx(300 / 2100, abs=0.03)


def customers(n: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    group = random.integers(0, 3, n)
    table = pd.DataFrame(
        {
            "plan": np.array(["Free", "Basic", "Pro"])[group],
            "spend": [f"${value:,.2f}" for value in np.exp(random.normal(3 + 2 * group, 0.5))],
            "since": pd.Timestamp("2026-01-01") + pd.to_timedelta(random.integers(0, 300, n), unit="D"),
            "age": random.normal(30 + 15 * group, 3),
        }
    )
    table.loc[random.random(n) < 0.02, "age"] = np.nan
    return table


def test_columns_of_a_table_are_told_in_its_own_units(tmp_path) -> None:
    model = small_dec(3, "neighbors").fit(customers(600, 0))
    save(model, tmp_path / "model.safetensors")
    model = load(tmp_path / "model.safetensors")
    assert not drift(model, customers(500, 1)).drifted
    later = customers(500, 1)
    later["since"] += pd.Timedelta(days=400)
    later["spend"] = [f"${20 * float(cell[1:].replace(',', '')):,.2f}" for cell in later["spend"]]
    found = {shift.of: shift for shift in drift(model, later).shifts if shift.what == "column"}
    assert found["since"].drifted
    assert found["since"].written[0].startswith("2026-0")
    assert found["since"].written[1].startswith("2027-0")
    before, now = (float(text.removeprefix("$").replace(",", "")) for text in found["spend"].written)
    assert now / before == pytest.approx(20, rel=0.3)
    share = (customers(600, 0)["plan"] == "Pro").mean()
    assert found["plan=Pro"].before == pytest.approx(share, abs=1e-3)
    assert found["plan=Pro"].written[0] == f"{share:.1%}"


@pytest.mark.parametrize("column", ["plan", "spend", "since", "age"])
def test_values_that_the_fit_did_not_have_are_drift(column: str) -> None:
    model = small_dec(3, "neighbors").fit(customers(600, 0))
    later = customers(500, 1)
    if column == "plan":
        later.loc[::4, column] = "Platinum"
        with pytest.warns(RowsWarning, match="'Platinum', which the rows of the fit did not have"):
            found = drift(model, later)
    else:
        later.loc[::4, column] = None
        found = drift(model, later)
    missing = [shift for shift in found.shifts if shift.what == "missing" and shift.drifted]
    assert [shift.of for shift in missing] == [column]
    assert missing[0].before == pytest.approx(0.02 if column == "age" else 0, abs=0.02)
    assert missing[0].now == pytest.approx(0.25, abs=0.02)


def test_an_edited_and_loaded_model_compares_the_same(model: DEC, tmp_path) -> None:
    merged = merge(model, 0, 1)
    save(merged, tmp_path / "model.safetensors")
    rows = frame(OTHERS[:500])
    assert drift(load(tmp_path / "model.safetensors"), rows) == drift(merged, rows)
    before = {shift.of: shift.before for shift in drift(model, rows).shifts if shift.what == "size"}
    assert drift(merged, rows).shifts
    after = {shift.of: shift.before for shift in drift(merged, rows).shifts if shift.what == "size"}
    assert after == pytest.approx({0: before[0] + before[1], 1: before[2]})


def test_an_effect_that_is_none_is_refused(model: DEC) -> None:
    with pytest.raises(ValueError, match="least_effect=0 must be a number above 0"):
        drift(model, frame(OTHERS), least_effect=0)
