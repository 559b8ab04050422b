"""Amounts, dates and durations as people write them; and words that stand in an order."""

import numpy as np
import pytest

from torchdec.prepare._amounts import Amounts
from torchdec.prepare._dates import Dates
from torchdec.prepare._durations import Durations
from torchdec.prepare._scales import in_order, is_yes_no


@pytest.mark.parametrize(
    ("texts", "values", "shown"),
    [
        (["$1,234.00", "$12.5", "-$3.00", "($4)", "$(5)"], [1234, 12.5, -3, -4, np.nan], "$1,234"),
        (["34 %", "5%", "0 %"], [34, 5, 0], "1,234 %"),
        (["1.234,50 €", "12,00 €", "-3,25 €"], [1234.5, 12, -3.25], "1.234 €"),
        (["R$ 1.234,00", "R$ 3,50"], [1234, 3.5], "R$1.234"),
        (["12 kg", "3 kg", "500 g"], [12, 3, 0.5], "1,234 kg"),
        (["3.5k", "2M", "10"], [3500, 2e6, 10], "1234"),
        (["$3.5k", "$2m", "$10", "$1.5bn"], [3500, 2e6, 10, 1.5e9], "$1,234"),
        (["10 Mio. €", "2 Tsd. €"], [1e7, 2000], "1,234 €"),
        (["5 m", "3 km"], [5, 3000], "1,234 m"),
        (["3 rooms", "1 room"], [3, 1], "1,234 rooms"),
        (["1 200", "3\u00a0400", "7"], [1200, 3400, 7], "1234"),
        (["1'200.50", "3"], [1200.5, 3], "1234"),
        (["USD 5.00", "USD 1,000.00"], [5, 1000], "USD 1,234"),
        (["1,234", "12,345,678"], [1234, 12345678], "1234"),
        (["$1,234", "$950"], [1234, 950], "$1,234"),
        (["1e5", "2.5e-3"], [1e5, 0.0025], "1234"),
        (["120-", "30", "−4"], [-120, 30, -4], "1234"),
        (["₹1,23,456.00", "₹800"], [123456, 800], "₹1,234"),
        (["12,34,567", "1,23,456"], [1234567, 123456], "1234"),
        (["￥１，２３４", "￥800"], [1234, 800], "¥1,234"),
        (["1,200円", "350円"], [1200, 350], "1,234円"),
        (["35万円", "1.5億円"], [350000, 150000000], "1,234円"),
        (["₹5 lakh", "₹1.2 crore"], [500000, 12000000], "₹1,234"),
        (["1\u202f234,50\u00a0€", "12,00\u00a0€"], [1234.5, 12], "1.234 €"),
        (["4/5", "3/5"], [4, 3], "1,234/5"),
        (["5 lbs", "8 oz"], [5, 0.5], "1,234 lbs"),
        (["0.5", ".25", "1."], [0.5, 0.25, 1], "1234"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_amounts_are_read_and_shown_in_their_unit(texts, values, shown):
    written, told = Amounts.fit(texts)
    np.testing.assert_allclose(written.read(texts), values)
    assert (written.show(1234), told) == (shown, "")


@pytest.mark.parametrize(
    "texts",
    [
        ["4WD", "2WD"],
        ["C0123", "C034"],
        ["90210-1234", "1-2"],
        ["a", "b"],
        ["12 kg", "3 m"],
        ["192.168.0.1", "10.0.0.1"],
        ["1.10.2"],
        ["10.20.300"],
        ["1/2", "3/4", "2/3"],
    ],
)
def test_codes_are_no_amounts(texts):
    assert Amounts.fit(texts) is None


@pytest.mark.parametrize(
    ("texts", "message"), [(["€ 5", "$ 3"], "mixes '[$€]'"), (["1,234", "5,678"], "say which with --decimal")]
)
def test_what_may_be_two_amounts_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        Amounts.fit(texts)


def test_commas_before_three_digits_are_of_thousands_where_many_have_them_and_shorter_numbers_none():
    texts = [f"{n},{n:03}" for n in range(1, 40)]
    with pytest.raises(ValueError, match="say which with --decimal"):
        Amounts.fit(texts)
    with pytest.raises(ValueError, match="say which with --decimal"):
        Amounts.fit([*texts, "7", "2500"])
    written, _ = Amounts.fit([*texts, "7", "250"])
    assert written.read(["1,234", "250"]).tolist() == [1234, 250]


def test_a_currency_of_a_few_cells_is_no_other_of_the_column():
    written, _ = Amounts.fit([f"${n}" for n in range(30)] + ["€5"])
    np.testing.assert_array_equal(written.read(["$5", "€5"]), [5, np.nan])


def test_a_few_numbers_without_the_unit_are_taken_for_it_and_told():
    written, told = Amounts.fit(["$5", "$7", "$8", "0", "12"])
    assert written.read(["12"]) == [12]
    assert told == "holds '12', which is taken for '$12'"
    # Half of them may as well be of another unit.
    written, _ = Amounts.fit(["$5", "12"])
    np.testing.assert_array_equal(written.read(["$5", "12"]), [np.nan, 12])


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["2026-01-03", "2025-12-31"], ["2026-01-03", "2025-12-31"]),
        (["31/12/2026", "01/02/2026"], ["2026-12-31", "2026-02-01"]),
        (["12/31/26", "1/2/26"], ["2026-12-31", "2026-01-02"]),
        (["3.1.26", "31.12.85"], ["2026-01-03", "1985-12-31"]),
        (["3 Jan 2026", "31-Dec-25"], ["2026-01-03", "2025-12-31"]),
        (["January 5, 2026", "Mar 3rd, 2025"], ["2026-01-05", "2025-03-03"]),
        (["5. März 2026", "3. Dezember 2025"], ["2026-03-05", "2025-12-03"]),
        (["5 de enero de 2026", "1 août 2025"], ["2026-01-05", "2025-08-01"]),
        (["2026-10", "Nov 2026", "10/2025"], ["2026-10-01", "2026-11-01", "2025-10-01"]),
        (["2026Q3", "Q1 2025"], ["2026-07-01", "2025-01-01"]),
        (["2026年10月31日", "2025年1月3日"], ["2026-10-31", "2025-01-03"]),
        (["2026년 10월 31일 14:05", "2025년 1월 3일 9:30"], ["2026-10-31 14:05", "2025-01-03 09:30"]),
        (["20260131", "20251231"], ["2026-01-31", "2025-12-31"]),
        (["2026年3月", "２０２５年1月3日"], ["2026-03-01", "2025-01-03"]),
        (
            ["1er mars 2026", "3 grudnia 2025", "5 Şubat 2026", "7 мая 2026"],
            ["2026-03-01", "2025-12-03", "2026-02-05", "2026-05-07"],
        ),
        (["2026-01-03T10:00:00Z", "2026-01-03T10:00:00+02:00"], ["2026-01-03 10:00", "2026-01-03 08:00"]),
        (["1/25/2026 3:05 PM", "Mon, 5 Jan 2026 12:30 AM"], ["2026-01-25 15:05", "2026-01-05 00:30"]),
    ],
    ids=lambda value: str(value)[:24],
)
def test_dates_are_read_in_any_spelling(texts, shown):
    written, told = Dates.fit(texts)
    assert [written.show(day) for day in written.read(texts)] == shown
    assert told == ""


def test_whether_the_day_is_first_is_told_where_dates_do_not_tell():
    written, told = Dates.fit(["01/02/2026", "03/04/2026"])
    assert written.show(written.read(["01/02/2026"])[0]) == "2026-02-01"
    assert told.startswith("holds dates such as '01/02/2026', which are taken to have the day first; say --role")
    many = [f"{day}/12/2026" for day in range(13, 29)]
    assert np.isnan(Dates.fit([*many, "12/31/2026"])[0].read(["12/31/2026"])).all()
    written, told = Dates.fit(["01/02/2026", "03/04/2026"], "month first")
    assert (written.show(written.read(["01/02/2026"])[0]), told) == ("2026-01-02", "")
    with pytest.raises(
        ValueError, match="'31/12/2026', with the day first, and '12/31/2026', with the month first"
    ):
        Dates.fit(["31/12/2026", "12/31/2026"])


@pytest.mark.parametrize(
    "texts", [["1.2.3", "1.10.2"], ["Apple 2020", "Banana 1999"], ["2026-13-01", "2026-02-30"], ["192.168.1.1"]]
)
def test_what_is_no_date_is_none(texts):
    assert Dates.fit(texts) is None


@pytest.mark.parametrize(
    ("texts", "seconds", "shown"),
    [
        (["1:23", "12:03:04"], [4980, 43384], "2:00:00"),
        (["2h 30m", "45m", "3h"], [9000, 2700, 10800], "2 h"),
        (["3 days", "1 day", "2 weeks"], [259200, 86400, 1209600], "0.08333 days"),
        (["1 day 02:03:04", "0:10"], [93784, 600], "2:00:00"),
        (["PT3H", "P1D"], [10800, 86400], "2:00:00"),
        (["70歳", "7 ans"], [70 * 31_556_952, 7 * 31_556_952], "0.0002282 歳"),
        (["3 giorni", "2 settimane"], [259200, 1209600], "0.08333 giorni"),
        (["1,5 Stunden", "3 Stunden"], [5400, 10800], "2 stunden"),
        (["2時間30分", "45分"], [9000, 2700], "120 分"),
        (["2 hours and 5 minutes"], [7500], "2 hours"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_durations_are_seconds_and_shown_in_their_unit(texts, seconds, shown):
    written = Durations.fit(texts)
    np.testing.assert_allclose(written.read(texts), seconds)
    assert written.show(7200) == shown


@pytest.mark.parametrize("texts", [["5 m", "3 m"], ["3d", "2d"], ["a", "b"], ["1:75"], ["12 kg"]])
def test_what_may_be_another_unit_is_no_duration(texts):
    assert Durations.fit(texts) is None


@pytest.mark.parametrize(
    "levels",
    [
        ("low", "Medium", "HIGH"),
        ("<18", "18-24", "25-34", "65+"),
        ("under 5", "5 to 9", "over 10"),
        ("$0-$10k", "$10k-$50k", "$50k+"),
        ("S", "M", "XL"),
        ("Jan", "Feb", "Dec"),
        ("strongly_disagree", "neutral", "agree"),
        ("nie", "manchmal", "oft"),
        ("jamais", "parfois", "souvent"),
        ("Strongly disagree", "Neither agree nor disagree", "Somewhat agree"),
        ("Never", "Yearly", "Monthly", "Daily"),
        ("低い", "普通", "高い"),
        ("0", "1", "2", "3+"),
        ("2", "3", "5more"),
        ("Tier 1", "Tier 2", "Tier 10"),
        ("moins de 18 ans", "18 à 24 ans", "65 ans et plus"),
        ("6 months or less", "6 months to 1 year", "2 years or more"),
        ("18歳未満", "18~29歳", "65歳以上"),
    ],
)
def test_words_of_a_scale_and_ranges_are_put_in_order(levels):
    assert in_order(levels[::-1]) == levels
    assert in_order((*levels, "zebra")) is None


@pytest.mark.parametrize(
    "levels",
    [
        ("low", "high"),
        ("Free", "Basic", "Pro"),
        ("1", "2", "x"),
        ("1", "2", "3"),
        ("Store 1", "Store 2", "Store 3"),
    ],
)
def test_other_words_have_no_order(levels):
    assert in_order(levels) is None


def test_pairs_of_answers_are_yes_and_no():
    assert all(
        is_yes_no(pair)
        for pair in (
            ("Yes", "no"),
            ("N", "J"),
            ("sí", "no"),
            ("TRUE", "false"),
            ("Evet", "Hayır"),
            ("yes", "Y", "0"),
        )
    )
    assert not any(map(is_yes_no, (("yes", "maybe"), ("0", "1"), ("f", "n", "y"), ("yes", "Y"))))
