"""Cells as rows: counts made comparable from cell to cell, of the genes that tell cells apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, issparse

# Genes that are kept of counts, as many as scanpy's and Seurat's users take.
N_GENES = 2000
# Groups of genes of like means, within which Seurat compares how much they vary.
_N_BINS = 20
# Values to read at once: 32 MB where they are dense float32.
_BLOCK_VALUES = 1 << 23


@dataclass(frozen=True)
class Cells:
    """The genes, and the total that each cell's counts are brought to before the logarithm.

    The total is None where values are taken as they stand.
    """

    kind: ClassVar = "cells"
    genes: tuple[str, ...]
    total: float | None

    @classmethod
    def fit(cls, source: Any, genes: Sequence[str], marked: NDArray[np.bool_] | None) -> Self:
        """Find out how rows are to be made of the X of an AnnData.

        Counts, which are whole numbers from 0, are brought to the median of the cells' totals, and their
        logarithms taken; other values stay as they are. The genes are those `marked`; without marks, the 2,000 of
        the counts that vary most, or all.

        Parameters
        ----------
        source : object
            With ``shape`` (n, genes) and slices that are arrays or CSR matrices.
        genes : sequence of str
            Their names.
        marked : ndarray of bool or None
            The column ``highly_variable`` of `.var`, which scanpy writes.
        """
        moments = _moments(source)
        if marked is not None and marked.any():
            chosen = np.flatnonzero(marked)
        elif moments is None or len(genes) <= N_GENES:
            chosen = np.arange(len(genes))
        else:
            chosen = np.sort(np.argsort(-_dispersion(*moments[1:]), kind="stable")[:N_GENES])
        return cls(tuple(genes[number] for number in chosen.tolist()), None if moments is None else moments[0])

    @property
    def width(self) -> int:
        """Number of genes that are kept."""
        return len(self.genes)

    def columns(self, genes: Sequence[str]) -> NDArray[np.int64]:
        """Return where the genes of the fit are among others.

        Raises
        ------
        ValueError
            If some are missing.
        """
        place = {gene: number for number, gene in enumerate(genes)}
        missing = [gene for gene in self.genes if gene not in place]
        if missing:
            raise ValueError(
                f"lacks {len(missing):,} of the {len(self.genes):,} genes of the fit, such as "
                f"{', '.join(map(repr, missing[:3]))}; give cells of the same genes"
            )
        return np.array([place[gene] for gene in self.genes])

    def transform(self, block: Any, columns: NDArray[np.int64]) -> Any:
        """Return the genes in these columns, of counts as logarithms.

        Raises
        ------
        ValueError
            If the values are no counts, but those of the fit were.
        """
        if self.total is None:
            return block[:, columns]
        if not _are_counts(_filled(block)):
            raise ValueError("holds values that are no counts, but the model was fitted on counts")
        return (self.total * _shares(block)).log1p()[:, columns].astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        return {"genes": list(self.genes), "total": self.total}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make it of what `to_json` returned.

        Raises
        ------
        ValueError
            If the fields are others.
        """
        match fields:
            case {"genes": list(genes), "total": None | float() as total} if len(set(genes)) == len(genes):
                if all(isinstance(gene, str) for gene in genes) and (total is None or 1 <= total < math.inf):
                    return cls(tuple(genes), total)
        raise ValueError("its genes or their total do not fit")


def block_size(n_genes: int) -> int:
    """Return how many cells to read at once."""
    return max(1, _BLOCK_VALUES // n_genes)


def _are_counts(block: Any) -> bool:
    values = block.data if issparse(block) else block
    with np.errstate(invalid="ignore"):  # of infinite values, which are no counts
        return bool((values >= 0).all() and (values % 1 == 0).all())


def _filled(block: Any) -> Any:
    """Leave out the cells that hold nothing, which say nothing of whether the others are counts."""
    if issparse(block) or block.dtype.kind != "f":
        return block
    return block[~np.isnan(block).all(axis=1)]


def _shares(block: Any) -> csr_array:
    """Divide each cell's counts by their sum; a cell without counts stays as it is."""
    total = np.asarray(block.sum(axis=1), dtype=np.float64).ravel()
    return csr_array(diags_array(1 / np.maximum(total, 1)) @ csr_array(block))


def _moments(source: Any) -> tuple[float, NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the median total of the cells, and each gene's mean and variance scaled to it; None if no counts."""
    n, n_genes = source.shape
    totals, sums, squares = [np.empty(0)], np.zeros(n_genes), np.zeros(n_genes)
    for start in range(0, n, block_size(n_genes)):
        block = _filled(source[slice(start, min(start + block_size(n_genes), n))])
        if not _are_counts(block):
            return None
        totals.append(np.asarray(block.sum(axis=1)).ravel())
        shares = _shares(block)
        sums += shares.sum(axis=0)
        squares += shares.power(2).sum(axis=0)
    of_cells = np.concatenate(totals)
    if not len(of_cells):
        return None
    n = len(of_cells)
    total = float(max(np.median(of_cells), 1))
    mean = sums / n
    variance = (squares - n * mean**2) / max(n - 1, 1)
    return total, total * mean, total**2 * variance


def _dispersion(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score how much each gene varies beside genes of like means (Satija et al., Nature Biotechnology 33, 2015).

    The logarithm of variance over mean is standardised within 20 bins of log(1 + mean), as Seurat and scanpy do; a
    gene alone in its bin gets 1. Genes that no cell has come last.
    """
    seen = (mean > 0) & (variance > 0)
    ratio = np.log(variance[seen] / mean[seen])
    level = np.log1p(mean[seen])
    edges = np.linspace(level.min(initial=0.0), level.max(initial=0.0), _N_BINS + 1)
    # Bins are open at the left and closed at the right, and the first one is closed at both ends.
    bin_of = np.clip(np.searchsorted(edges, level, side="left") - 1, 0, _N_BINS - 1)
    score = np.full(len(mean), -np.inf)
    standard = np.ones(len(ratio))
    for number in np.unique(bin_of):
        here = bin_of == number
        if here.sum() > 1:
            standard[here] = (ratio[here] - ratio[here].mean()) / max(float(ratio[here].std(ddof=1)), 1e-12)
    score[seen] = standard
    return score
