"""The time of the year, of dates over several years."""

import json
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import adjusted_rand_score

from torchdec import DEC
from torchdec.clusters import describe
from torchdec.prepare import Columns
from torchdec.prepare._features import Features
from torchdec.prepare._mixed import Mixed


def of_dates(dates):
    table = pa.table({"since": dates, "plan": np.array(["Free", "Pro"])[np.arange(len(dates)) % 2]})
    return Mixed.fit(Features.of(table.schema, table.column), table.column), table


def test_the_same_day_of_another_year_is_the_same_time_of_the_year_and_counts_once():
    made, table = of_dates(pd.date_range("2020-01-01", "2025-12-30", freq="D"))
    assert made.names[:3] == ["since", "since=sine of the year", "since=cosine of the year"]
    X = made.transform(table.column)
    assert X[:, 1:3].var(axis=0).sum() == pytest.approx(1, abs=1e-4)
    (_, day), (sine, as_written), _, *_ = made.in_units(X[91].astype(np.float64))
    assert (day, as_written) == ("2020-04-01 00:00", "1.00")
    assert sine == pytest.approx(1, abs=1e-3)
    later = pa.table({"since": pd.to_datetime(["2030-07-02", "2021-07-02", "2021-12-31"]), "plan": ["Pro"] * 3})
    july, of_2021, december = made.transform(later.column)[:, 1:3]
    np.testing.assert_allclose(july, of_2021, atol=0.03)
    assert np.linalg.norm(july - december) == pytest.approx(2, abs=0.05)


def test_a_missing_date_has_the_mean_season_and_the_file_keeps_it():
    dates = pd.date_range("2020-01-01", "2025-12-30", freq="D").to_series()
    dates.iloc[::3] = pd.NaT
    made, table = of_dates(dates)
    X = made.transform(table.column)
    assert not X[::3, 1:3].any()
    assert made.kinds[0] == (3, 5)  # the levels of the gaps, behind the season
    again = Mixed.from_json(json.loads(json.dumps(made.to_json())))
    np.testing.assert_array_equal(again.transform(table.column), X)


@pytest.mark.parametrize(
    "dates",
    [
        pd.date_range("2024-01-01", periods=600, freq="D"),  # hardly any day comes again
        pd.to_datetime([f"{1900 + n}-01-01" for n in range(120)]),  # years alone
        pd.to_datetime([f"{1900 + n}-12-31" for n in range(120)]),
    ],
)
def test_dates_that_tell_no_season_are_time_alone(dates):
    made, _ = of_dates(dates)
    assert "since=sine of the year" not in made.names


@pytest.mark.parametrize(("field", "value"), [("deviation", 0.0), ("means", [float("nan"), 0.0])])
def test_a_season_that_does_not_fit_is_refused(field, value):
    made, _ = of_dates(pd.date_range("2020-01-01", "2025-12-30", freq="D"))
    fields = made.to_json()
    fields["columns"][0]["coding"]["season"][field] = value
    with pytest.raises(ValueError, match="the season of a column does not fit"):
        Mixed.from_json(fields)


def test_clusters_that_a_season_tells_are_found_and_named_by_their_months():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    days = np.where(truth, 182, 0) + rng.normal(0, 25, 400) + 365.25 * rng.integers(0, 5, 400)
    table = pd.DataFrame(
        {
            "bought": pd.Timestamp("2021-01-01") + pd.to_timedelta(days, "D"),
            "paid": np.exp(rng.normal(3 + truth, 1)),
            "plan": np.where(rng.random(400) < 0.3 + 0.4 * truth, "Free", "Pro"),
        }
    )
    (line,) = (line for line in Columns().fit(table).columns_ if line.column == "bought")
    assert line.done == "standardised, time of the year"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DEC(2, random_state=0).fit(table)
    assert adjusted_rand_score(truth, model.labels_) > 0.9
    months = {
        trait.text.split(" ")[2]
        for each in describe(model, table)
        for trait in each.traits
        if "month" in trait.text
    }
    assert months & {"June", "July"}
    assert months & {"December", "January"}
