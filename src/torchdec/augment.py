"""Random changes of rows that leave their cluster as it is; for images, small shifts and rotations."""

import math
from typing import Protocol, runtime_checkable

import torch
from sklearn.base import BaseEstimator
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

__all__ = ["Augment", "ShiftRotate"]


@runtime_checkable
class Augment(Protocol):
    """What the parameter `augment` takes: any callable of this form, such as `ShiftRotate`."""

    def __call__(self, rows: Tensor, generator: Generator) -> Tensor:
        """Return changed rows.

        Parameters
        ----------
        rows : Tensor of shape (m, d), float32
            A batch, scaled as the network gets it, on the network's device. Must be left as it is.
        generator : torch.Generator
            On the CPU. Draw from it alone, so that a seed gives the same bits.

        Returns
        -------
        Tensor of shape (m, d), float32
        """
        ...


def apply(augment: Augment, rows: Tensor, generator: Generator) -> Tensor:
    """Return the changed rows of an augmentation, which have the shape of the rows.

    Raises
    ------
    ValueError
        If they have another.
    """
    changed = augment(rows, generator)
    if changed.shape != rows.shape:
        raise ValueError(
            f"augment={augment!r} made {tuple(changed.shape)} of rows of shape {tuple(rows.shape)}; "
            "it has to return as many rows and values as it gets."
        )
    return changed


class ShiftRotate(BaseEstimator):  # type: ignore[misc]
    """Shift and rotate each image by an amount of its own, with zeros around it.

    Parameters
    ----------
    image_shape : tuple of int
        (height, width) or (height, width, channels) of the image that a row of height * width * channels
        values holds, channels last.
    shift : float, default=0.1
        Most of a shift, as a share of the height and of the width.
    degrees : float, default=10.0
        Most of a rotation, in either direction.

    References
    ----------
    Guo, Zhu, Liu, Yin, "Deep Embedded Clustering with Data Augmentation", ACML 2018, whose amounts these are.

    Examples
    --------
    >>> import torch
    >>> from torchdec.augment import ShiftRotate
    >>> ShiftRotate((8, 8))(torch.ones(3, 64), torch.Generator().manual_seed(0)).shape
    torch.Size([3, 64])
    """

    def __init__(self, image_shape: tuple[int, ...], shift: float = 0.1, degrees: float = 10.0) -> None:
        self.image_shape = image_shape
        self.shift = shift
        self.degrees = degrees

    def __call__(self, rows: Tensor, generator: Generator) -> Tensor:
        """Change each row; see `Augment`.

        Raises
        ------
        ValueError
            If the rows have another number of values than an image.
        """
        if len(self.image_shape) not in (2, 3) or math.prod(self.image_shape) != rows.shape[1]:
            raise ValueError(
                f"image_shape={self.image_shape} does not fit rows of {rows.shape[1]} values; "
                "try the (height, width) or (height, width, channels) of the images in X."
            )
        degrees, right, down = 2 * torch.rand(3, len(rows), generator=generator).to(rows.device) - 1
        return moved(rows, self.image_shape, self.degrees * degrees, self.shift * right, self.shift * down)


def moved(rows: Tensor, image_shape: tuple[int, ...], degrees: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Rotate and shift the image in each row by its own degrees and shares of the sides, with zeros around it."""
    height, width, channels = (*image_shape, 1)[:3]
    images = rows.view(-1, height, width, channels).permute(0, 3, 1, 2)
    angle = degrees.deg2rad()
    # The grid runs from -1 to 1 on each side, so a share of the side is twice that on the grid; a rotation keeps
    # its angle on images that are not square when it is undone in pixels.
    rows_of_matrix = (
        torch.stack([angle.cos(), -angle.sin() * height / width, 2 * right], dim=1),
        torch.stack([angle.sin() * width / height, angle.cos(), 2 * down], dim=1),
    )
    grid = affine_grid(torch.stack(rows_of_matrix, dim=1), list(images.shape), align_corners=False)
    return grid_sample(images, grid, align_corners=False).permute(0, 2, 3, 1).reshape(rows.shape)
