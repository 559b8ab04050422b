"""Shifts and rotations of images against what they are by hand."""

import math

import numpy as np
import pytest
import torch

from torchdec import DEC, Autoencoder, NeighborEncoder
from torchdec._core.neighbor_graph import COPIES
from torchdec._core.randomness import generator
from torchdec.augment import Augment, ShiftRotate

N_SEEDS = 40


def image(height: int, width: int, channels: int = 1) -> torch.Tensor:
    """One bright square off the middle, as a row."""
    picture = torch.zeros(height, width, channels)
    picture[height // 4 : height // 2, width // 4 : width // 2] = 1
    return picture.reshape(1, -1)


def centroid(row: torch.Tensor, height: int, width: int) -> torch.Tensor:
    weight = row.reshape(height, width)
    down, right = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([(weight * down).sum(), (weight * right).sum()]) / weight.sum()


def test_no_shift_and_no_rotation_change_nothing() -> None:
    row = torch.rand(5, 12 * 9 * 3, generator=generator(0))
    same = ShiftRotate((12, 9, 3), shift=0, degrees=0)(row, generator(1))
    torch.testing.assert_close(same, row, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(20, 20), (20, 40)])
def test_shifts_are_at_most_the_share_of_each_side(shape: tuple[int, int]) -> None:
    before = image(*shape)
    shift = ShiftRotate(shape, shift=0.1, degrees=0)
    moves = torch.stack(
        [centroid(shift(before, generator(s))[0], *shape) - centroid(before[0], *shape) for s in range(N_SEEDS)]
    )
    most = 0.1 * torch.tensor(shape)
    assert (moves.abs() <= most + 1e-3).all()
    assert (moves.abs().amax(dim=0) > 0.8 * most).all()


@pytest.mark.parametrize("shape", [(30, 30), (30, 60)])
def test_rotations_keep_distances_in_pixels_and_turn_by_at_most_the_degrees(shape: tuple[int, int]) -> None:
    before = image(*shape)
    middle = (torch.tensor(shape) - 1) / 2
    arm = centroid(before[0], *shape) - middle
    turns = []
    for seed in range(N_SEEDS):
        turned = centroid(ShiftRotate(shape, shift=0, degrees=20)(before, generator(seed))[0], *shape) - middle
        assert abs(turned.norm() - arm.norm()) < 0.3
        cosine = (turned @ arm / turned.norm() / arm.norm()).clamp(max=1)
        turns.append(math.degrees(math.acos(float(cosine))))
    assert 14 < max(turns) < 20.5


def test_rows_change_each_in_its_own_way_and_are_left_alone() -> None:
    rows = image(16, 16).repeat(6, 1)
    kept = rows.clone()
    changed = ShiftRotate((16, 16))(rows, generator(0))
    assert torch.equal(rows, kept)
    assert len(torch.unique(changed, dim=0)) == 6
    assert torch.equal(changed, ShiftRotate((16, 16))(rows, generator(0)))


def test_channels_move_together() -> None:
    changed = ShiftRotate((16, 16, 3))(image(16, 16, 3), generator(0)).reshape(16, 16, 3)
    torch.testing.assert_close(changed[..., 0], changed[..., 2])


@pytest.mark.parametrize("shape", [(8, 9), (64,), (2, 2, 4, 4)])
def test_a_shape_that_does_not_fit_is_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"image_shape=.* does not fit rows of 64 values"):
        ShiftRotate(shape)(torch.zeros(2, 64), generator(0))


class Seen:
    """Counts what it changed and leaves it as it was."""

    def __init__(self) -> None:
        self.rows = 0

    def __call__(self, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        self.rows += len(rows)
        return rows

    def __deepcopy__(self, memo: object) -> "Seen":
        return self  # sklearn.base.clone copies parameters that are no estimators


def test_any_callable_of_the_form_will_do() -> None:
    assert isinstance(Seen(), Augment)
    assert isinstance(ShiftRotate((8, 8)), Augment)


def test_an_autoencoder_trains_on_changed_rows_and_a_neighbor_encoder_looks_for_their_neighbours() -> None:
    X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    # An encoder that learns where rows lie learns it from half of them changed, in its one pass too.
    for representation, in_stage_1 in ((Autoencoder, 64), (NeighborEncoder, COPIES * 64 + 64 // 2)):
        seen = Seen()
        stage_1 = representation((8,), 2, max_epochs=1, batch_size=16)
        DEC(2, representation=stage_1, augment=seen, max_iter=0, random_state=0).fit(X)
        assert seen.rows == in_stage_1
        DEC(2, representation=stage_1, augment=seen, tol=1.0, batch_size=16, random_state=0).fit(X)
        assert seen.rows == 2 * in_stage_1 + 10 * 64 // 2


def test_a_representation_keeps_its_own_augmentation() -> None:
    X = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)
    own, other = Seen(), Seen()
    stage_1 = Autoencoder((8,), 2, max_epochs=1, augment=own)
    DEC(2, representation=stage_1, augment=other, max_iter=0, random_state=0).fit(X)
    assert own.rows == 32
    assert other.rows == 0


@pytest.mark.parametrize("representation", [Autoencoder, NeighborEncoder])
def test_an_augmentation_that_changes_the_shape_is_named(representation: type) -> None:
    X = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)
    with pytest.raises(ValueError, match=r"augment=.* made \(32, 3\) of rows of shape \(32, 6\)"):
        representation((8,), 2, augment=lambda rows, generator: rows[:, :3]).fit(X)
