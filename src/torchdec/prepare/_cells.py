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
# No sequencer reads a gene so often in a cell. Counts of a gene vary, by the depth of the cells alone: a column
# that lies this many times as far from 0 as its values differ (years, seconds, an offset) is none of counts.
_MOST_COUNTED, _FAR = 10_000_000, 10


@dataclass(frozen=True)
class Seen:
    """What all cells show."""

    from_zero: bool  # whether no value is below 0
    total: float | None = None  # median of the cells' totals; None of values that are no counts
    # Of counts, each gene's mean and variance once the cells are scaled to that total.
    moments: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    odd: int | None = None  # of whole numbers from 0 that are no counts, a column that says so

    @classmethod
    def at(cls, source: Any) -> Self:
        """Read all cells of a source with slices; those that hold nothing count for nothing.

        Counts are whole numbers from 0 to 10 million, and no gene has them by less than a tenth of its lowest one
        apart.
        """
        n, n_genes = source.shape
        totals, sums, squares = [np.empty(0)], np.zeros(n_genes), np.zeros(n_genes)
        lowest, highest, are_whole = np.full(n_genes, np.inf), np.full(n_genes, -np.inf), True
        for start in range(0, n, block_size(n_genes)):
            block = _filled(source[slice(start, min(start + block_size(n_genes), n))])
            block = block[~_hollow(block)]
            if not block.shape[0]:
                continue
            lowest = np.fmin(lowest, _dense(block.min(axis=0)))
            highest = np.fmax(highest, _dense(block.max(axis=0)))
            if lowest.min() < 0:
                return cls(from_zero=False)
            are_whole = are_whole and _are_whole(block)
            if are_whole:
                totals.append(np.asarray(block.sum(axis=1), dtype=np.float64).ravel())
                shares = _shares(block)
                sums += shares.sum(axis=0)
                squares += shares.power(2).sum(axis=0)
        of_cells = np.concatenate(totals)
        if not are_whole or not len(of_cells):
            return cls(from_zero=True)
        is_far = (highest > lowest) & (lowest > _FAR * (highest - lowest))
        odd = np.flatnonzero(is_far | (highest >= _MOST_COUNTED))
        if len(odd):
            return cls(from_zero=True, odd=int(odd[0]))
        n = len(of_cells)
        total = float(max(np.median(of_cells), 1))
        mean = sums / n
        variance = (squares - n * mean**2) / max(n - 1, 1)
        return cls(True, total, (total * mean, total**2 * variance))


@dataclass(frozen=True)
class Cells:
    """The genes, and the total that each cell's counts are brought to before the logarithm.

    The total is None where values are taken as they stand. A cell whose values are all 0 holds nothing, where
    those of the fit go from 0.
    """

    kind: ClassVar = "cells"
    genes: tuple[str, ...]
    total: float | None
    from_zero: bool

    @classmethod
    def fit(cls, seen: Seen, genes: Sequence[str], marked: NDArray[np.bool_] | None) -> Self:
        """Find out how rows are to be made of the X of an AnnData.

        Counts are brought to the median of the cells' totals, and their logarithms taken; other values stay as
        they are. The genes are those `marked`, in the column ``highly_variable`` of `.var` as scanpy writes it;
        without marks, the 2,000 of the counts that vary most, or all.
        """
        if marked is not None and marked.any():
            chosen = np.flatnonzero(marked)
        elif seen.moments is None or len(genes) <= N_GENES:
            chosen = np.arange(len(genes))
        else:
            chosen = np.sort(np.argsort(-_dispersion(*seen.moments), kind="stable")[:N_GENES])
        return cls(tuple(genes[number] for number in chosen.tolist()), seen.total, seen.from_zero)

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
        """Return the genes in these columns, of counts as logarithms; of a cell that holds nothing, NaN.

        Raises
        ------
        ValueError
            If the values are no counts, but those of the fit were.
        """
        hollow = _hollow(block) if self.from_zero else np.zeros(block.shape[0], dtype=bool)
        if self.total is None:
            return _emptied(block[:, columns], hollow)
        if not _are_whole(_filled(block), _MOST_COUNTED):
            raise ValueError("holds values that aren't counts, but the model was fitted on counts")
        return _emptied((self.total * _shares(block)).log1p()[:, columns].astype(np.float32), hollow)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` makes the same of."""
        return {"genes": list(self.genes), "total": self.total, "from_zero": self.from_zero}

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
                from_zero = fields.get("from_zero", total is not None)  # which older files do not say
                known = all(isinstance(gene, str) for gene in genes) and isinstance(from_zero, bool)
                if known and (total is None or 1 <= total < math.inf):
                    return cls(tuple(genes), total, from_zero)
        raise ValueError("its genes or their total do not fit")


def block_size(n_genes: int) -> int:
    """Return how many cells to read at once."""
    return max(1, _BLOCK_VALUES // n_genes)


def are_counts(block: Any) -> bool:
    """Tell whether these cells hold whole numbers from 0 and not only yes and no."""
    return _are_whole(block, _MOST_COUNTED) and bool(block.max() > 1)


def _are_whole(block: Any, below: float = math.inf) -> bool:
    """Tell whether values are whole numbers from 0."""
    values = block.data if issparse(block) else block
    with np.errstate(invalid="ignore"):  # of infinite values
        return bool(((values >= 0) & (values < below)).all() and (values % 1 == 0).all())


def _hollow(block: Any) -> NDArray[np.bool_]:
    """Tell which cells have no value but 0."""
    if issparse(block):
        return np.asarray(np.asarray(abs(block).sum(axis=1)).ravel() == 0)
    return np.asarray(~(block != 0).any(axis=1))


def _emptied(values: Any, hollow: NDArray[np.bool_]) -> Any:
    """Make the rows of cells that hold nothing NaN."""
    if not hollow.any():
        return values
    if issparse(values):  # those rows have no entries yet
        rows = np.flatnonzero(hollow)
        shape = (len(rows), values.shape[1])
        nan = csr_array((np.full(len(rows), np.nan), (rows, np.arange(len(rows)))), shape=(len(hollow), len(rows)))
        return csr_array(csr_array(values) + nan @ csr_array(np.ones(shape)))
    values = values.astype(np.result_type(values.dtype, np.float32))
    values[hollow] = np.nan
    return values


def _filled(block: Any) -> Any:
    """Leave out the cells that hold nothing, which say nothing of whether the others are counts."""
    if issparse(block) or block.dtype.kind != "f":
        return block
    return block[~np.isnan(block).all(axis=1)]


def _shares(block: Any) -> csr_array:
    """Divide each cell's counts by their sum."""
    total = np.asarray(block.sum(axis=1), dtype=np.float64).ravel()
    return csr_array(diags_array(1 / np.maximum(total, 1)) @ csr_array(block))


def _dense(least: Any) -> NDArray[np.float64]:
    return np.asarray(least.toarray() if issparse(least) else least, dtype=np.float64).ravel()


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
