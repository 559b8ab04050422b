"""Clusters of a table in words: each figure is one that can be counted."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from small import small_dec
from torchdec.clusters import describe, rename, rules
from torchdec.clusters._rules import rules_of
from torchdec.clusters._traits import (
    Table,
    Trait,
    automatic_names,
    missing_in,
    sampled_table,
    traits_of,
    written,
)
from torchdec.prepare._parsed import Parsed
from torchdec.rows import as_rows

# 100 rows in each of three clusters.
LABELS = np.repeat(np.arange(3, dtype=np.int32), 100)
RNG = np.random.default_rng(0)


def plan() -> Parsed:
    """71, 1 and 0 of 100 rows are Pro."""
    pro = np.concatenate([np.arange(100) < n for n in (71, 1, 0)])
    return Parsed("plan", "kind", np.where(pro, 1, 0).astype(np.int32), ("Free", "Pro"))


def spend(missing: int = 0) -> Parsed:
    values = np.concatenate([np.arange(100) + 1000.0 * i for i in (0, 1, 2)])
    values[:missing] = np.nan
    return Parsed("spend", "amount", values, show="${:,.0f}".format)


def noise(n: int = 300) -> Parsed:
    return Parsed("noise", "number", RNG.normal(size=n))


def traits(*columns: Parsed, labels: Any = LABELS, n: int = 5) -> list[tuple[Trait, ...]]:
    return traits_of(Table(list(columns), labels, 3), n)


def test_a_level_is_told_by_its_fraction_beside_that_of_all_rows() -> None:
    first = traits(plan())[0][0]
    assert first.text == "plan Pro 71 % (all: 24 %)"
    assert (first.kind, first.level, first.value) == ("level", "Pro", 0.71)
    assert first.effect == pytest.approx(0.71 - 0.005)
    assert traits(plan())[2][0].text == "plan Free 100 % (all: 76 %)"


def test_an_amount_is_told_by_its_median_and_a_number_by_its_middle_half_too() -> None:
    assert traits(spend())[2][0].text == "spend median $2,050 (all: $1,050)"
    age = Parsed(
        "age", "number", np.concatenate([np.linspace(30, 46, 100), np.full(200, 60.0)]), show="{:.0f}".format
    )
    first = traits(age)[0][0]
    assert first.text == "age 38 (34 to 42), all: 60 (42 to 60)"
    assert (first.value, first.low, first.high, first.overall) == (38, 34, 42, 60)


def test_counts_with_the_same_median_are_told_by_their_means() -> None:
    counts = Parsed("tickets", "number", np.tile([0.0, 0, 0, 1], 75) * (LABELS == 0) * 4)
    assert traits(counts)[0][0].text == "tickets mean 1 (all: 0.3333)"


def test_the_effect_of_a_number_is_that_of_its_ranks() -> None:
    column = Parsed("x", "number", np.round(RNG.normal(size=300) + LABELS, 1))
    for number, (trait,) in enumerate(traits(column)):
        own, others = column.values[number == LABELS], column.values[number != LABELS]
        auc = mannwhitneyu(own, others).statistic / (len(own) * len(others))
        assert trait.effect == pytest.approx(2 * auc - 1, abs=1e-3)


def test_the_effect_of_a_level_is_that_of_a_number_that_is_0_or_1() -> None:
    number = Parsed("plan", "number", plan().values.astype(float))
    assert traits(plan())[0][0].effect == pytest.approx(traits(number)[0][0].effect, abs=1e-3)


def test_gaps_are_a_trait_and_count_in_no_other() -> None:
    of_first = {trait.kind: trait for trait in traits(spend(missing=40))[0]}
    assert of_first["missing"].text == "spend missing 40 % (all: 13 %)"
    assert of_first["missing"].effect == pytest.approx(0.4)
    assert of_first["number"].value == 69.5
    kind = Parsed("kind", "kind", np.where(LABELS == 0, -1, 0).astype(np.int32), ("a", "b"))
    assert [trait.kind for trait in traits(kind)[0]] == ["missing"]


def test_the_largest_effects_come_first_across_kinds_of_columns() -> None:
    found = traits(noise(), plan(), spend(missing=5))
    assert [trait.column for trait in found[0]][:2] == ["spend", "plan"]
    for own in found:
        effects = [abs(trait.effect) for trait in own]
        assert effects == sorted(effects, reverse=True)
    assert len(traits(noise(), plan(), spend(), n=1)[0]) == 1


def test_names_are_few_words_and_differ() -> None:
    found = automatic_names(traits(noise(), plan(), spend()))
    assert found[0] == "spend low, Pro"
    assert len(set(found)) == 3
    alike = automatic_names(traits(Parsed("x", "number", np.ones(300))))
    assert alike == ["average (0)", "average (1)", "average (2)"]


def test_names_differ_in_more_than_the_order_of_their_words() -> None:
    high = [Trait("", column, "number", 0.9, None, 1, 0) for column in ("spend", "orders")]
    pro, free = (Trait("", "plan", "level", 0.5, level, 1, 0) for level in ("Pro", "Free"))
    found = automatic_names([[*high, pro], [*high[::-1], free]])
    assert found == ["spend high, orders high, Pro", "orders high, spend high, Free"]
    assert automatic_names([high, high[::-1], []]) == [
        "spend high, orders high (0)",
        "orders high, spend high (1)",
        "",
    ]


@pytest.mark.parametrize("level", ["yes", "no", "1", "A", "True"])
def test_a_level_that_says_nothing_alone_is_named_with_its_column(level: str) -> None:
    values = np.where(LABELS == 0, 0, 1).astype(np.int32)
    assert automatic_names(traits(Parsed("app", "kind", values, (level, "Other"))))[0] == f"app {level}"


@pytest.mark.parametrize("level", ["what somebody wrote into a field of a form that has no limit", "x" * 60])
def test_a_long_level_is_cut_in_a_name(level: str) -> None:
    values = np.where(LABELS == 0, 0, 1).astype(np.int32)
    name = automatic_names(traits(Parsed("why", "kind", values, (level, "Other"))))[0]
    assert level.startswith(name.removesuffix("…"))
    assert 30 < len(name) <= 40


def test_dates_are_early_or_late() -> None:
    since = Parsed("since", "date", 18262.0 + 100 * LABELS, show=lambda days: str(np.datetime64(int(days), "D")))
    found = traits(since)
    assert [name.split(" (")[0] for name in automatic_names(found)] == ["since early", "average", "since late"]
    assert found[0][0].text == (
        "since 2020-01-01 (2020-01-01 to 2020-01-01), all: 2020-04-10 (2020-01-01 to 2020-07-19)"
    )


def test_a_cluster_without_rows_has_no_words() -> None:
    labels = np.where(LABELS == 1, 0, LABELS)
    found = traits(plan(), spend(), labels=labels)
    assert found[1] == ()
    assert automatic_names(found)[1] == ""


def test_text_is_told_by_its_gaps_alone_and_written_as_it_is() -> None:
    text = Parsed("note", "text", np.array([None, "b", "c"] * 100, dtype=object))
    assert {trait.kind for own in traits(text) for trait in own} == {"missing"}
    assert written(text)[:2] == ["missing", "b"]
    assert missing_in(text).sum() == 100
    assert written(plan())[0] == "Pro"
    assert written(spend())[100] == "$1,000"


def test_rules_say_the_limits_and_the_levels_that_make_the_clusters() -> None:
    labels = np.where(spend().values > 1500, 2, np.where(plan().values == 1, 1, 0)).astype(np.int32)
    found = rules_of(Table([noise(), spend(), plan()], labels, 3))
    assert found is not None
    assert found.fidelity == 1
    assert found.n_held_out == 90
    said = {rule.cluster: rule.conditions for rule in found.rules}
    assert len(found.rules) == 3
    assert said[1] == ("plan is Pro",)
    assert set(said[2]) == {"plan is Free", "spend > $1,549"}
    assert set(said[0]) == {"plan is Free", "spend <= $1,549"}
    assert sum(rule.share for rule in found.rules) == pytest.approx(1)
    assert {rule.precision for rule in found.rules} == {1}


def test_rules_of_what_no_column_tells_say_so_by_their_fidelity() -> None:
    found = rules_of(Table([noise()], RNG.permutation(LABELS), 3))
    assert found is not None
    assert found.fidelity < 0.5


def test_small_clusters_have_rules_too() -> None:
    values = np.concatenate([np.zeros(980), np.ones(20)]) + RNG.normal(0, 0.01, 1000)
    found = rules_of(Table([Parsed("x", "number", values)], (values > 0.5).astype(np.int32), 2))
    assert {rule.cluster for rule in found.rules} == {0, 1}  # type: ignore[union-attr]


def test_limits_of_whole_numbers_are_whole_and_true() -> None:
    orders = Parsed("orders", "number", np.tile(np.arange(8.0), 50), show="{:.0f}".format)
    found = rules_of(Table([orders], (orders.values >= 4).astype(np.int32), 2))
    assert [rule.conditions for rule in found.rules] == [("orders <= 3",), ("orders > 3",)]  # type: ignore[union-attr]


def test_rules_tell_numbers_far_from_0_apart() -> None:
    seconds = Parsed("at", "number", 1.7e9 + LABELS, show="{:.0f}".format)
    found = rules_of(Table([seconds], LABELS, 3))
    assert found is not None
    assert found.fidelity == 1
    assert [rule.conditions for rule in found.rules] == [
        ("at <= 1700000000",),
        ("at > 1700000000", "at <= 1700000001"),
        ("at > 1700000001",),
    ]


def test_few_rows_and_one_cluster_have_no_rules() -> None:
    assert rules_of(Table([noise(41)], np.repeat([0, 1], [40, 1]).astype(np.int32), 2)) is None
    assert rules_of(Table([noise(20)], LABELS[:20], 3)) is None
    assert rules_of(Table([noise()], np.zeros(300, np.int32), 1)) is None
    text = Parsed("note", "text", np.array(["a"] * 300, dtype=object))
    assert rules_of(Table([text], LABELS, 3)) is None


class Customers:
    """Rows of a table whose features are not its columns."""

    def __init__(self) -> None:
        self.feature_names = ["plan=Free", "plan=Pro", "spend"]
        self._columns = [plan(), spend()]
        self._x = np.column_stack([plan().values == 0, plan().values == 1, (spend().values - 1000) / 800]).astype(
            np.float32
        )
        self.shape = self._x.shape

    def __len__(self) -> int:
        return len(self._x)

    def take(self, index: Any) -> Any:
        return self._x[index]

    def chunks(self, size: int) -> Any:
        for start in range(0, len(self), size):
            yield self._x[start : start + size].copy()

    def parsed(self, index: Any = None) -> list[Parsed]:
        rows = slice(None) if index is None else index
        return [Parsed(c.name, c.role, c.values[rows], c.levels, c.show) for c in self._columns]


def test_a_table_is_described_in_its_own_units() -> None:
    rows = Customers()
    model = small_dec(3).fit(rows)
    for cluster in describe(rename(model, 1, "mine"), rows):
        assert {trait.column for trait in cluster.traits} == {"plan", "spend"}
        assert cluster.features == ()
        assert cluster.name == ("mine" if cluster.number == 1 else "")
        assert cluster.automatic_name
    assert rules(model, rows).fidelity > 0.9  # type: ignore[union-attr]


def test_a_plain_table_is_told_as_numbers_and_an_array_is_not() -> None:
    x = (RNG.normal(size=(90, 3)) + 4 * (np.arange(90) % 3)[:, None]).astype(np.float32)
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    model = small_dec(3).fit(frame)
    first = describe(model, frame)[0]
    assert first.traits[0].value == pytest.approx(np.median(frame[first.traits[0].column][model.labels_ == 0]))
    assert all(cluster.traits == () for cluster in describe(small_dec(3).fit(x), x))
    assert rules(small_dec(3).fit(x), x) is None


def test_of_many_rows_a_sample_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchdec.clusters._traits.MOST_ROWS", 50)
    labels = LABELS.copy()
    labels[:90] = -1
    table = sampled_table(Customers(), labels, 3)  # type: ignore[arg-type]
    assert table is not None
    assert len(table.labels) == 50
    assert (table.labels >= 0).all()
    assert sampled_table(as_rows(np.ones((300, 2))), labels, 3) is None


@pytest.mark.parametrize(("n_rows", "has_rules"), [(2, False), (4, False), (5, True)])
def test_rules_need_five_rows_a_cluster(n_rows: int, has_rules: bool) -> None:
    labels = np.repeat(np.arange(40, dtype=np.int32), n_rows)
    table = Table([Parsed("n", "number", np.arange(len(labels), dtype=np.float64))], labels, 40)
    assert (rules_of(table) is not None) == has_rules


def test_rules_of_a_wide_table_learn_from_fewer_rows() -> None:
    labels = np.repeat(np.arange(2, dtype=np.int32), 2000)
    columns = [Parsed(f"p{j}", "number", labels + RNG.normal(size=4000)) for j in range(2100)]
    found = rules_of(Table(columns, labels, 2))
    assert found is not None
    assert found.n_held_out == 600
