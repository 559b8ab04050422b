"""How the space of the neighbour graph is chosen, on the data sets of TORCHDEC_DATA, and whether labels agree.

    python bench/experiments/graph_space.py     graph_space.json beside it

Labels serve to tell how many edges of each graph join rows of one class; the choice does not see them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import ORDER

MOST_ROWS = 20_000
N_SPLITS, N_SEEDS = 12, 5
# The digits have too few features for a choice.
SETS = [name for name, n_rows in ORDER if n_rows is None and name != "digits"]
RESULTS = Path(__file__).with_suffix(".json")


def main() -> None:
    RESULTS.write_text(json.dumps(list(results()), indent=1) + "\n")


def results() -> Iterator[dict[str, Any]]:
    """Measure the graphs of up to 20,000 rows, single splits of their features, and the choice with some seeds."""
    import torch

    from torchdec._core.compute import resolve
    from torchdec._core.graph_space import agreements, components_agree, sample
    from torchdec._core.nearest import nearest
    from torchdec._core.neighbor_graph import principal_components
    from torchdec._core.randomness import generator
    from torchdec.rows import as_rows
    from torchdec_bench.datasets import load

    compute = resolve()
    for name in SETS:
        dataset = load(name)
        x, y = dataset.x, dataset.y
        picked = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
        rows, y = as_rows(x[picked]), y[picked]
        points = (
            principal_components(rows, 50, generator(0), compute)[0],
            torch.from_numpy(rows.take(np.arange(len(y)))),
        )
        graphs = [nearest(each, 15, cosine=True) for each in points]
        scores = [
            agreements(sample(rows, generator(seed)), 50, 15, generator(seed), compute, cosine=True)
            for seed in range(N_SPLITS)
        ]
        chosen = [
            "components" if components_agree(rows, 50, 15, generator(seed), compute, cosine=True) else "rows"
            for seed in range(N_SEEDS)
        ]
        result = {
            "dataset": dataset.title,
            "same_class": [float((y[graph] == y[:, None]).mean()) for graph in graphs],
            "agreement": scores,
            "chosen": chosen,
        }
        print(result, flush=True)
        yield result


if __name__ == "__main__":
    main()
