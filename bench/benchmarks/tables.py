"""Seconds, peak memory and accuracy of the command line on files of customers, of five known segments.

    python bench/benchmarks/tables.py             five files of 3,000 rows, and one of a million: 10 to 20 minutes
    python bench/benchmarks/tables.py 3000        one size; results/tables.json keeps the other
    python bench/benchmarks/tables.py --table     the lines of docs/tables.md alone, from the file

Files hold ids, dates, amounts, kinds, yes/no and gaps, as people have them; that of a million rows has eight more
columns, of which one tells something. Nothing is prepared by hand. Seconds are of the whole command, with imports
and the page; `cpu_s` those of the processor. `peak_mb` is the largest resident memory of the command.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score
from timing import RESULTS, write

from torchdec_bench.pages import renewed

DOCS = Path(__file__).parents[2] / "docs" / "tables.md"
BEGIN, END = "<!-- customers: begin -->", "<!-- customers: end -->"
SMALL, LARGE = 3000, 1_000_000
SEEDS = range(1, 6)
SIZES = (0.34, 0.26, 0.18, 0.14, 0.08)
# Of each segment, the shares of the levels of a kind.
KINDS = {
    "region": (
        "North South East West",
        (".4 .2 .2 .2", ".2 .4 .2 .2", ".25 .25 .25 .25", ".1 .1 .4 .4", "1 1 1 1"),
    ),
    "plan": ("Free Basic Pro Enterprise", (".8 .2 0 0", ".1 .7 .2 0", "0 .2 .7 .1", ".05 .6 .35 0", "0 0 .1 .9")),
    "channel": (
        "Organic Search Referral Partner Social",
        (".3 .1 .1 0 .5", ".3 .4 .1 .1 .1", ".4 .2 .3 .1 0", ".1 .2 .5 .1 .1", ".1 0 .1 .8 0"),
    ),
}


def main(arguments: list[str]) -> None:
    for n in () if arguments == ["--table"] else [int(size) for size in arguments] or (SMALL, LARGE):
        for seed in SEEDS if n <= SMALL else SEEDS[:1]:
            with tempfile.TemporaryDirectory() as folder:
                keep({"n": n, "seed": seed, **measured(Path(folder), n, seed)})
    DOCS.write_text(renewed(DOCS.read_text(), BEGIN, END, in_words()))


def measured(folder: Path, n: int, seed: int) -> dict[str, Any]:
    """Fit a file, and find the segments of the customers of a month later."""
    table, segments = customers(n, seed, "2026-10-31", wide=n > SMALL)
    table.to_csv(folder / "customers.csv", index=False)
    later, later_segments = customers(800, seed + 100, "2026-11-30", wide=n > SMALL)
    later.to_csv(folder / "november.csv", index=False)
    result = {"columns": table.shape[1], "mb": round((folder / "customers.csv").stat().st_size / 2**20, 1)}
    result |= of_command(folder, "fit", "customers.csv", "-k", "5", "-o", "run")
    of_command(folder, "predict", "run", "customers.csv", "-o", "labelled.csv")
    of_command(folder, "predict", "run", "november.csv", "-o", "november_labelled.csv")
    result["ari"] = ari(folder / "labelled.csv", segments)
    result["later_ari"] = ari(folder / "november_labelled.csv", later_segments)
    if n <= SMALL:
        of_command(folder, "fit", "customers.csv", "-k", "auto", "-o", "auto")
        of_command(folder, "predict", "auto", "customers.csv", "-o", "auto.csv")
        result["k"] = int(pd.read_csv(folder / "auto.csv")["cluster"].nunique())
    return result


def of_command(folder: Path, *arguments: str) -> dict[str, float]:
    """Run torchdec, and return its seconds and its peak memory."""
    began = perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "torchdec", *arguments], cwd=folder)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"torchdec {' '.join(arguments)} failed")
    seconds, cpu = perf_counter() - began, used.ru_utime + used.ru_stime
    return {"fit_s": round(seconds, 1), "cpu_s": round(cpu, 1), "peak_mb": round(used.ru_maxrss / 1024)}


def ari(path: Path, segments: NDArray[np.int64]) -> float:
    return round(float(adjusted_rand_score(segments, pd.read_csv(path)["cluster"])), 4)


def customers(n: int, seed: int, today: str, *, wide: bool) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """Draw customers and the segment of each."""
    random = np.random.default_rng(seed)
    segment = random.choice(len(SIZES), size=n, p=SIZES)
    of_day = pd.Timestamp(today)

    def days_ago(days: NDArray[np.float64]) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(of_day - pd.to_timedelta(days.round(), unit="D"))

    def of(*values: float) -> NDArray[np.float64]:
        return np.array(values)[segment]

    spend = np.exp(random.normal(of(2.5, 4.2, 5.5, 4.6, 8.5), 0.6))
    columns: dict[str, Any] = {
        "customer_id": [f"C{seed:03d}{row:07d}" for row in range(n)],
        "signup_date": days_ago(30 * random.gamma(of(1.5, 3, 6, 8, 5), 6)).strftime("%Y-%m-%d"),
        "last_purchase": days_ago(random.exponential(of(40, 20, 7, 30, 3))).strftime("%d/%m/%Y"),
        "age": np.clip(random.normal(of(24, 38, 44, 61, 48), 6), 18, 90).round(),
        "annual_spend": np.array([f"${amount:,.2f}" for amount in spend], dtype=object),
        "orders_12m": random.poisson(of(1, 4, 12, 6, 30)),
        "support_tickets": random.poisson(of(0.3, 1, 0.5, 4, 2)),
        "newsletter": np.where(random.random(n) < of(0.2, 0.5, 0.6, 0.9, 0.4), "yes", "no"),
        "has_app": random.random(n) < of(0.9, 0.6, 0.7, 0.1, 0.5),
    }
    for name, (levels, shares) in KINDS.items():
        weights = np.array([[float(share) for share in row.split()] for row in shares])
        upper = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)[segment, :-1]
        drawn = (random.random(n)[:, None] > upper).sum(axis=1)
        columns[name] = np.array(levels.split(), dtype=object)[drawn]
    if wide:
        columns |= {
            "sessions": random.poisson(of(8, 10, 20, 4, 40)),
            "discount": np.array([f"{share:.1%}" for share in random.beta(2, 8, n)], dtype=object),
            "weight": random.normal(70, 12, n).round(1),
            "distance": random.exponential(12.0, n).round(1),
            "language": random.choice(["en", "de", "fr", "es"], n),
            "device": random.choice(["phone", "tablet", "laptop"], n),
            "city": random.choice([f"City {number}" for number in range(30)], n),
            "gift_card": random.choice(["yes", "no"], n),
        }
    frame = pd.DataFrame(columns)
    for name, share in (("age", 0.07), ("channel", 0.03), ("annual_spend", 0.02)):
        frame.loc[random.random(n) < share, name] = None
    return frame, segment


def keep(result: dict[str, Any]) -> None:
    """Put a result into the file in place of an older one of the same case."""
    print(result, flush=True)
    path = RESULTS / "tables.json"
    old = json.loads(path.read_text())["results"] if path.exists() else []
    others = [each for each in old if (each["n"], each["seed"]) != (result["n"], result["seed"])]
    write("tables", sorted([*others, result], key=lambda each: (each["n"], each["seed"])))


def in_words() -> str:
    """Return what docs/tables.md says of the files, a line for each size."""
    results, lines = json.loads((RESULTS / "tables.json").read_text())["results"], []
    for n in sorted({each["n"] for each in results}):
        some = [each for each in results if each["n"] == n]
        auto = f"; `-k auto`: {span(some, 'k', 'd')} clusters" if "k" in some[0] else ""
        lines.append(
            f"- {n:,} rows of {some[0]['columns']} columns: {span(some, 'fit_s', '.0f')} s, "
            f"{span(some, 'peak_mb', ',d')} MB, ARI {span(some, 'ari', '.2f')}, of new customers "
            f"{span(some, 'later_ari', '.2f')}{auto}\n"
        )
    return "".join(lines)


def span(some: list[dict[str, Any]], what: str, form: str) -> str:
    values = [each[what] for each in some]
    return " to ".join(dict.fromkeys((f"{min(values):{form}}", f"{max(values):{form}}")))


if __name__ == "__main__":
    main(sys.argv[1:])
