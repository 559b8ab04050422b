"""The two recipes: what they reconstruct, where dropout is, how the learning rate moves."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from small import blobs
from torchdec._core import pretraining
from torchdec._core.compute import resolve
from torchdec._core.layers import linear_layers, stack
from torchdec._core.pretraining import caffe_schedule, end_to_end, layer_wise
from torchdec._core.randomness import generator
from torchdec._core.training import Source, one_cycle
from torchdec.rows import as_rows

CPU = resolve("cpu", "float32")


def source(n: int = 64) -> Source:
    return Source(as_rows(blobs(n, 6, 3)[0]), 1.0, 16, generator(0), CPU, 0.0)


def networks(init: Any = "glorot") -> tuple[nn.Sequential, nn.Sequential]:
    return stack((6, 12, 9, 3), generator(1), init), stack((3, 9, 12, 6), generator(2), init)


def test_end_to_end_training_reconstructs() -> None:
    encoder, decoder = networks()
    records = list(end_to_end(encoder, decoder, source(), n_steps=400, learning_rate=1e-2))
    assert [record.step for record in records] == list(range(50, 401, 50))
    assert records[-1].loss < 0.2 * records[0].loss


def test_layers_train_one_after_the_other_and_then_together() -> None:
    encoder, decoder = networks()
    records = list(
        layer_wise(encoder, decoder, source(), layer_steps=50, n_steps=50, learning_rate=0.1, dropout=0.2)
    )
    assert [record.stage for record in records] == [
        "layer 1 of 3",
        "layer 2 of 3",
        "layer 3 of 3",
        "fine-tuning",
    ]


def test_layer_wise_training_learns() -> None:
    encoder, decoder = stack((6, 12, 3), generator(1)), stack((3, 12, 6), generator(2))
    records = list(
        layer_wise(encoder, decoder, source(), layer_steps=2500, n_steps=2500, learning_rate=0.1, dropout=0.1)
    )
    tuning = [record.loss for record in records if record.stage == "fine-tuning"]
    assert tuning[-1] < 0.3 * source_energy() / 2


def source_energy() -> float:
    return float(np.square(blobs(64, 6, 3)[0]).mean())


def test_training_a_pair_leaves_the_other_layers_alone() -> None:
    encoder, decoder = networks()
    training = layer_wise(encoder, decoder, source(), layer_steps=50, n_steps=1, learning_rate=0.1, dropout=0.2)
    all_layers = [*linear_layers(encoder), *linear_layers(decoder)]
    for pair in ((0, 5), (1, 4), (2, 3)):
        before = [layer.weight.clone() for layer in all_layers]
        next(training)
        moved = [i for i, layer in enumerate(all_layers) if not torch.equal(layer.weight, before[i])]
        assert tuple(moved) == pair


@pytest.mark.parametrize(("level", "dropped_widths"), [(0, [12]), (1, [12, 9]), (2, [9])])
def test_dropout_is_where_the_code_of_the_paper_has_it(
    level: int, dropped_widths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """None on the rows themselves, none on the embedding, on all other inputs and hidden units."""
    encoder, decoder = networks()
    widths = []
    monkeypatch.setattr(Source, "dropped", lambda _, values, rate: widths.append(values.shape[1]) or values)
    encoders, decoders = linear_layers(encoder), linear_layers(decoder)[::-1]
    loss = pretraining._pair_loss(encoders[: level + 1], decoders[level], level == 2, source(), 0.2)
    loss(torch.arange(4))
    assert widths == dropped_widths


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_loss_of_a_pair_is_half_the_mean_error_on_the_clean_input(level: int) -> None:
    """Its decoder is linear where it makes rows, and ReLU where it makes hidden units."""
    encoder, decoder = networks()
    encoders, decoders = linear_layers(encoder), linear_layers(decoder)[::-1]
    data = source()
    loss = pretraining._pair_loss(encoders[: level + 1], decoders[level], level == 2, data, 0.0)
    index = torch.arange(8)
    x = torch.from_numpy(data.rows.take(index.numpy()))
    for layer in encoders[:level]:
        x = layer(x).relu()
    hidden = encoders[level](x) if level == 2 else encoders[level](x).relu()
    output = decoders[level](hidden) if level == 0 else decoders[level](hidden).relu()
    torch.testing.assert_close(loss(index), (x - output).square().mean() / 2)


def test_fine_tuning_has_no_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, decoder = networks()
    calls = []
    monkeypatch.setattr(Source, "dropped", lambda _, values, rate: calls.append(1) or values)
    training = layer_wise(encoder, decoder, source(), layer_steps=1, n_steps=3, learning_rate=0.1, dropout=0.2)
    stages = []
    for record in training:
        stages.append(record.stage)
        if record.stage == "layer 3 of 3":
            calls.clear()
    assert stages[-1] == "fine-tuning"
    assert not calls


def test_the_papers_schedule_burns_in_and_steps_down() -> None:
    layer = stack((2, 2), generator(0))[0]
    optimizer = pretraining._caffe_sgd([layer], 0.1)
    schedule = caffe_schedule(optimizer)
    weights, biases = optimizer.param_groups
    for step, rate, momentum in (
        (0, 0.1, 0.0),
        (500, 0.1, 0.45),
        (1000, 0.1, 0.9),
        (20_000, 0.01, 0.9),
        (40_000, 1e-3, 0.9),
    ):
        schedule(step)
        assert weights["lr"] == pytest.approx(rate)
        assert biases["lr"] == pytest.approx(2 * rate)
        assert weights["momentum"] == pytest.approx(momentum)


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing() -> None:
    optimizer = torch.optim.SGD(stack((2, 2), generator(0)).parameters(), lr=1.0)
    schedule = one_cycle(optimizer, 0.5, 100)
    rates = []
    for step in range(101):
        schedule(step)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates[0] == pytest.approx(0.02)
    assert rates[10] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0.0)
    assert max(rates) == rates[10]


def test_dropping_keeps_the_mean_and_takes_the_share() -> None:
    dropped = source().dropped(torch.ones(100, 100), 0.2)
    assert dropped.eq(0).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.02)


def test_a_diverging_loss_names_stage_step_and_learning_rate() -> None:
    encoder, decoder = networks()
    with pytest.raises(
        FloatingPointError, match=r"stage 'pretraining' is .* at step 50; try a learning_rate below"
    ):
        list(end_to_end(encoder, decoder, source(), n_steps=50, learning_rate=1e30))


@pytest.mark.parametrize(("epochs", "steps", "expected"), [(3, 1000, 12), (100, 7, 7), (None, 9, 9)])
def test_epochs_and_steps_both_bound_the_training(epochs: int | None, steps: int, expected: int) -> None:
    assert source().steps(epochs, steps) == expected


def test_the_target_of_a_pair_is_its_input_before_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everything dropped the output is zero, so the loss is half the mean square of the clean input."""
    encoder, decoder = networks()
    encoders, decoders = linear_layers(encoder), linear_layers(decoder)[::-1]
    monkeypatch.setattr(Source, "dropped", lambda _, values, rate: 0 * values)
    data = source()
    index = torch.arange(8)
    clean = encoders[0](torch.from_numpy(data.rows.take(index.numpy()))).relu()
    loss = pretraining._pair_loss(encoders[:2], decoders[1], False, data, 0.2)
    torch.testing.assert_close(loss(index), clean.square().mean() / 2)
