"""The same fits on the processor and on a CUDA device, float32 and bfloat16, MNIST-sized rows with known clusters.

    python bench/benchmarks/gpu.py     prints a table and writes results/gpu.json; needs a CUDA device

Steps beside the bare products on such a device: `python bench/benchmarks/steps.py --gpu`.
"""

import sys
from typing import Any

import numpy as np
from timing import seconds_of, write

N_ROWS, WIDTH, K = 70_000, 784, 10
WAYS = (("cpu", "auto"), ("cuda", "float32"), ("cuda", "bfloat16"))


def main() -> None:
    import torch

    if not torch.cuda.is_available():
        sys.exit("There is no CUDA device here, so nothing was measured.")
    rows, truth = blobs()
    measured = [
        result
        for representation in ("autoencoder", "neighbors")
        for result in (fitted(rows, truth, representation, *way) for way in WAYS)
    ]
    write("gpu", measured, "cuda")
    print(
        f"{'representation':<16}{'device':<8}{'precision':<11}{'fit, s':>8}{'predict, s':>12}{'MB':>7}{'ACC':>7}"
    )
    for r in measured:
        print(
            f"{r['representation']:<16}{r['device']:<8}{r['precision']:<11}{r['fit_s']:>8.1f}{r['predict_s']:>12.2f}"
            f"{r['peak_mb']:>7}{r['acc']:>7.3f}"
        )


def blobs() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, K, N_ROWS)
    centers = generator.normal(size=(K, WIDTH)).astype(np.float32)
    return centers[truth] + 3 * generator.normal(size=(N_ROWS, WIDTH)).astype(np.float32), truth


def fitted(
    rows: np.ndarray, truth: np.ndarray, representation: str, device: str, precision: str
) -> dict[str, Any]:
    import torch

    from torchdec import DEC
    from torchdec.metrics import clustering_accuracy

    model = DEC(K, representation=representation, device=device, precision=precision, random_state=0)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        DEC(K, representation=representation, device=device, max_iter=1).fit(rows[:2000])  # kernels are loaded
    fit = seconds_of(lambda: model.fit(rows))
    return {
        "representation": representation,
        "device": device,
        "precision": precision,
        "fit_s": round(fit, 2),
        "predict_s": round(seconds_of(lambda: model.predict(rows)), 3),
        "peak_mb": torch.cuda.max_memory_allocated() // 2**20 if device == "cuda" else 0,
        "acc": round(clustering_accuracy(truth, model.labels_), 4),
    }


if __name__ == "__main__":
    main()
