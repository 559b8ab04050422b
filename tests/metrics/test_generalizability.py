import numpy as np
import pytest
import torch

from torchdec._core.objective import kl_divergence, log_cluster_frequency, log_target_distribution
from torchdec.metrics import generalizability


def assignments(n: int, sharpness: float, seed: int) -> np.ndarray:
    values = np.exp(sharpness * np.random.default_rng(seed).standard_normal((n, 4)))
    return values / values.sum(axis=1, keepdims=True)


def test_it_is_the_ratio_of_the_losses_of_the_objective() -> None:
    losses = []
    for q in (train := assignments(300, 2, 0), validation := assignments(200, 1, 1)):
        log_q = torch.from_numpy(np.log(q).astype(np.float32))
        log_p = log_target_distribution(log_q, log_cluster_frequency(log_q))
        losses.append(float(kl_divergence(log_p, log_q)))
    assert generalizability(train, validation) == pytest.approx(losses[0] / losses[1], rel=1e-4)


def test_it_does_not_depend_on_how_many_rows_are_held_out() -> None:
    train, validation = assignments(300, 2, 0), assignments(200, 1, 1)
    twice = np.concatenate([validation, validation])
    assert generalizability(train, twice) == pytest.approx(generalizability(train, validation))


def test_rows_that_fit_as_well_as_seen_ones_give_1() -> None:
    q = assignments(50, 1, 0)
    assert generalizability(q, q[::-1]) == pytest.approx(1)
    assert generalizability(np.eye(3), np.eye(3)) == 1
    assert generalizability([[1, 0], [0, 1]], [[1, 0], [0, 1]]) == 1
    assert generalizability(q, np.eye(4)) == float("inf")


def test_a_cluster_without_rows_changes_nothing() -> None:
    train, validation = assignments(300, 2, 0), assignments(200, 1, 1)
    wider = [np.pad(q, ((0, 0), (0, 1))) for q in (train, validation)]
    assert generalizability(*wider) == pytest.approx(generalizability(train, validation))


def test_probabilities_may_be_rounded() -> None:
    train, validation = assignments(300, 2, 0), assignments(200, 1, 1)
    rounded = generalizability(train.round(4), validation.astype(np.float16))
    assert rounded == pytest.approx(generalizability(train, validation), rel=1e-2)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([0.5, 0.5], r"q_train has shape \(2,\)"),
        (np.empty((0, 2)), r"q_train has shape \(0, 2\)"),
        ([[0.5, 0.6]], "q_train holds rows that aren't probabilities"),
        ([[np.nan, 0.5]], "q_train holds rows that aren't probabilities"),
        ([[0.5, 0.25, 0.25]], "q_train has 3 clusters and q_validation has 2"),
    ],
)
def test_other_arrays_are_refused(train: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generalizability(train, [[0.5, 0.5]])


def test_the_argument_that_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"^q_validation holds rows that aren't probabilities"):
        generalizability([[0.5, 0.5]], [[0.5, 0.6]])
