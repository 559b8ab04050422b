"""Training steps and passes over all rows, as shares of the rate of the bare matrix products of the same shapes.

    python bench/benchmarks/steps.py             prints and writes results/steps.json
    python bench/benchmarks/steps.py --quick     prints fewer, measured less often
    python bench/benchmarks/steps.py --gpu       the same on a CUDA device; results/steps-gpu.json

Products and steps are timed in turn in one run. A step is everything that training does: rows gathered, forward,
loss, backward, optimiser. The net is 784-500-500-2000-10 of the paper.
"""

import sys
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
from timing import AUTOENCODER, NET, in_turn, products, seconds_of, write

BATCHES, QUICK_BATCHES = (256, 1024, 2048, 4096), (1024, 4096)
N_ROWS = 20_000
DEVICE = "cuda" if "--gpu" in sys.argv[1:] else "cpu"


def main(quick: bool) -> None:
    from torchdec._core.compute import resolve

    fast = resolve(DEVICE).precision
    repeats = 5 if quick else 15
    results = []
    for batch_size in QUICK_BATCHES if quick else BATCHES:
        for name, widths, step in (
            ("autoencoder", AUTOENCODER, autoencoder(batch_size)),
            ("neighbors", NET, neighbors(batch_size)),
            ("self-training", NET, self_training(batch_size)),
        ):
            bare = products(widths, batch_size, fast, DEVICE, backward=True)
            results.append(share(f"{name} step", batch_size, fast, in_turn({"bare": bare, "ours": step}, repeats)))
    for name, precision in (("pass while fitting", fast), ("predict", "float32")):
        bare_chunk = products(NET, 1024, precision, DEVICE, backward=False)
        seconds = in_turn({"bare": bare_chunk, "ours": whole_pass(name, precision)}, repeats)
        results.append(share(name, 1024, precision, seconds))
    if not quick:
        write("steps" if DEVICE == "cpu" else "steps-gpu", results, DEVICE)


def share(name: str, batch_size: int, precision: str, seconds: dict[str, float]) -> dict[str, Any]:
    result = {
        "what": name,
        "batch": batch_size,
        "precision": precision,
        "milliseconds": round(1000 * seconds["ours"], 2),
        "products_milliseconds": round(1000 * seconds["bare"], 2),
        "share": round(seconds["bare"] / seconds["ours"], 3),
    }
    print(result, flush=True)
    return result


def source(batch_size: int) -> Any:
    from torchdec._core.compute import resolve
    from torchdec._core.randomness import generator
    from torchdec._core.training import Source
    from torchdec.rows import as_rows

    rows = np.random.default_rng(0).normal(size=(N_ROWS, NET[0])).astype(np.float32)
    return Source(as_rows(rows), 1.0, batch_size, generator(0), resolve(DEVICE), 0.0)


def between(records: Any, steps: int) -> Callable[[], float]:
    """Time `steps` steps, from one record of a training that goes on for ever to the next."""
    next(records)
    return lambda: seconds_of(lambda: next(records)) / steps


def autoencoder(batch_size: int) -> Callable[[], float]:
    from torchdec._core import training
    from torchdec._core.layers import stack
    from torchdec._core.pretraining import end_to_end
    from torchdec._core.randomness import generator

    training.RECORD_EVERY = 5
    encoder, decoder = stack(NET, generator(0)).to(DEVICE), stack(NET[::-1], generator(1)).to(DEVICE)
    return between(end_to_end(encoder, decoder, source(batch_size), n_steps=10**6, learning_rate=1e-3), 5)


def neighbors(batch_size: int) -> Callable[[], float]:
    import torch

    from torchdec._core import training
    from torchdec._core.layers import stack
    from torchdec._core.neighbor_encoder import learn_embedding
    from torchdec._core.randomness import generator

    training.RECORD_EVERY = 5
    places = torch.randn(N_ROWS, NET[-1], generator=generator(0))
    encoder = stack(NET, generator(0), batch_norm=True).to(DEVICE)
    records = learn_embedding(
        encoder,
        None,
        places,
        source(batch_size),
        reconstruction_weight=0.0,
        dropout=0.0,
        n_steps=10**6,
        learning_rate=1e-3,
    )
    return between(records, 5)


def self_training(batch_size: int) -> Callable[[], float]:
    """Time steps by the difference of a long and a short interval, which leaves the update of the targets out."""
    import torch

    from torchdec._core.layers import stack
    from torchdec._core.randomness import generator
    from torchdec._core.self_training import SelfTraining, Settings

    def interval(steps: int) -> Callable[[], float]:
        updates = SelfTraining(
            stack(NET, generator(0)).to(DEVICE),
            None,
            torch.randn(10, 10, generator=generator(1)).to(DEVICE),
            torch.zeros(N_ROWS, dtype=torch.long, device=DEVICE),
            source(batch_size),
            Settings(1.0, 0.0, steps, 0.01, 0.9),
        ).updates()
        next(islice(updates, 1, None))
        return lambda: seconds_of(lambda: next(updates))

    short, long = interval(5), interval(15)
    return lambda: (long() - short()) / 10


def whole_pass(name: str, precision: str) -> Callable[[], float]:
    """Time a pass over all rows, divided by its chunks."""
    from torchdec import DEC
    from torchdec._core.batches import CHUNK, embed
    from torchdec._core.compute import resolve
    from torchdec._core.layers import stack
    from torchdec._core.randomness import generator
    from torchdec.rows import as_rows

    rows = np.random.default_rng(0).normal(size=(20 * CHUNK, NET[0])).astype(np.float32)
    if name == "predict":
        model = DEC(10, device=DEVICE)
        model.encoder_, model.scale_, model.cluster_names_ = stack(NET, generator(0)), 1.0, [""] * 10
        model.cluster_centers_ = np.random.default_rng(1).normal(size=(10, NET[-1])).astype(np.float32)
        model.center_clusters_ = np.arange(10, dtype=np.int32)
        model.n_features_in_, model.transformer_ = NET[0], None
        model.feature_means_, model.feature_deviations_ = None, None
        return lambda: seconds_of(lambda: model.predict(rows)) / 20
    encoder, compute = stack(NET, generator(0)).to(DEVICE), resolve(DEVICE, precision)  # type: ignore[arg-type]
    return lambda: seconds_of(lambda: embed(encoder, as_rows(rows), 1.0, compute)) / 20


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
