"""Genes that mark clusters: the figures are those of a test of two samples, in the form of scanpy's."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, mannwhitneyu

from torchdec.clusters import _markers
from torchdec.clusters._markers import markers
from torchdec.rows import as_rows

RNG = np.random.default_rng(0)
GENES = [f"gene{j}" for j in range(9)]
LABELS = np.array([-1, 0, 2, 2, 0, 2] * 20, dtype=np.int32)  # a cluster without cells, and cells in none
COUNTS = RNG.poisson(1 + 2 * np.eye(3, 9)[LABELS % 3])  # many ties
VALUES = np.log1p(COUNTS).astype(np.float32)


def test_figures_are_those_of_a_test_of_two_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_markers, "_GENES", 4)
    found = markers(as_rows(pd.DataFrame(VALUES, columns=GENES)), LABELS, 3)
    assert found["scores"].dtype.names == ("0", "2")
    for cluster, other in (("0", 2), ("2", 0)):
        own, rest = (VALUES[number == LABELS].astype(np.float64) for number in (int(cluster), other))
        test = mannwhitneyu(own, rest, method="asymptotic", use_continuity=False)
        names = found["names"][cluster].tolist()
        order = [GENES.index(name) for name in names]
        np.testing.assert_allclose(found["pvals"][cluster], test.pvalue[order], rtol=1e-6)
        np.testing.assert_allclose(
            found["pvals_adj"][cluster], false_discovery_control(test.pvalue)[order], rtol=1e-6
        )
        change = np.log2(np.expm1(own.mean(axis=0)) / np.expm1(rest.mean(axis=0)))
        np.testing.assert_allclose(found["logfoldchanges"][cluster], change[order], rtol=1e-4)
        assert (np.diff(found["scores"][cluster]) <= 0).all()
        assert names[0] == f"gene{cluster}"


def test_one_cluster_and_genes_without_differences_have_no_score() -> None:
    found = markers(as_rows(pd.DataFrame(np.ones((9, 2), np.float32), columns=GENES[:2])), LABELS[1:10] * 0, 1)
    assert found["scores"]["0"].tolist() == [0, 0]
    assert found["pvals"]["0"].tolist() == [1, 1]
    assert markers(as_rows(VALUES), np.full(len(VALUES), -1, np.int32), 3) == {}


def test_of_many_cells_a_part_is_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_markers, "_MOST_VALUES", 60 * len(GENES))
    found = markers(as_rows(pd.DataFrame(VALUES, columns=GENES)), LABELS, 3)
    assert found["names"]["0"][0] == "gene0"
    whole = markers(as_rows(pd.DataFrame(VALUES[LABELS >= 0][:60], columns=GENES)), LABELS[LABELS >= 0][:60], 3)
    assert abs(found["scores"]["0"][0]) < 1.5 * abs(whole["scores"]["0"][0])
