"""Stage 1 from the neighbour graph: rows that are neighbours get codes that are near; a generator of `Epoch`."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from torchdec._core.neighbor_graph import edge_probabilities
from torchdec._core.objective import reconstruction_error
from torchdec._core.records import Epoch
from torchdec._core.training import Source, one_cycle, train


def neighbor_loss(anchors: Float[Tensor, "rows code"], neighbors: Float[Tensor, "rows code"]) -> Float[Tensor, ""]:
    """Cross-entropy of picking each anchor's neighbour among all other rows of the batch.

    The logit of a pair is -log(1 + ||z_i - z_m||^2), the kernel of equation 1 with one degree of freedom, so
    codes end where self-training expects them. This is InfoNCE with that kernel, as in t-SimCNE (Böhm,
    Berens, Kobak, ICLR 2023), with graph neighbours in place of augmented images.
    """
    n = len(anchors)
    others = torch.cat([anchors, neighbors])
    # Unlike in self-training the codes fill the space, so the fast expansion of the square is accurate.
    squared = (
        anchors.square().sum(dim=1, keepdim=True) + others.square().sum(dim=1) - 2 * anchors @ others.T
    ).clamp(min=0)
    own = torch.arange(n, device=anchors.device)
    logits = -squared.log1p()
    logits = logits.masked_fill(nn.functional.one_hot(own, 2 * n).bool(), -torch.inf)
    return nn.functional.cross_entropy(logits, own + n)


def embed_neighbors(
    encoder: nn.Module,
    decoder: nn.Module | None,
    graph: NDArray[np.int64],
    source: Source,
    *,
    reconstruction_weight: float,
    n_steps: int,
    learning_rate: float,
) -> Iterator[Epoch]:
    """Train the encoder: at each step a batch of rows, with one neighbour of each, drawn by its weight.

    Where there is a decoder it learns too, to reconstruct all of them from their codes.
    """
    neighbors = torch.from_numpy(graph)
    probabilities = torch.from_numpy(edge_probabilities(graph))
    generator = source.generator

    def loss(index: Tensor) -> Tensor:
        column = torch.multinomial(probabilities[index], 1, generator=generator)
        pairs = torch.cat([index, neighbors[index].gather(1, column).squeeze(1)])
        x = source.take(pairs)
        with source.compute.training():
            code = encoder(x).float()
            reconstructed = decoder(code).float() if decoder else None
        value = neighbor_loss(*code.tensor_split(2))
        if reconstructed is not None:
            value = value + reconstruction_weight * reconstruction_error(x, reconstructed)
        return value

    parameters = [*encoder.parameters(), *(decoder.parameters() if decoder else ())]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    yield from train("neighbors", source, loss, optimizer, one_cycle(optimizer, learning_rate, n_steps), n_steps)
