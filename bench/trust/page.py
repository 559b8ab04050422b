"""Write the counts of docs/trust.md from bench/trust/results.

python bench/trust/page.py
"""

import json
from pathlib import Path
from typing import Any

from mutants import TESTS

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parents[1] / "docs" / "trust.md"
BEGIN, END = "<!-- {}: begin -->", "<!-- {}: end -->"


def main() -> None:
    DOCS.write_text(with_counts(DOCS.read_text()))


def with_counts(text: str) -> str:
    """Return the text with each table of counts made anew from its file."""
    for name, lines in {"suite": suite(), "fuzz": fuzz(), "soak": soak(), "mutants": mutants()}.items():
        text = renewed(text, BEGIN.format(name), END.format(name), "".join(f"{line}\n" for line in lines))
    return text


def suite() -> list[str]:
    found = json.loads((RESULTS / "suite.json").read_text())
    passed, counted = found["passed"], found["counted"]
    bad = sum(count for name, count in passed.items() if name.startswith("test_bad_"))
    return [
        "| what | how often |",
        "|---|---|",
        f"| bad and odd inputs | {bad:,} |",
        f"| writes cut short | {counted['faults']:,} |",
        f"| mutated files | {counted['mutations']:,} |",
        f"| tests of numbers | {passed['test_numbers']:,} |",
    ]


def fuzz() -> list[str]:
    results = json.loads((RESULTS / "fuzz.json").read_text())["results"]
    rows = [f"| {r['parser']} | {r['executions']:,} | {r['seconds']} | {r['findings']} |" for r in results]
    total = f"| all | {sum(r['executions'] for r in results):,} | {sum(r['seconds'] for r in results)} | "
    return [
        "| parser | executions | seconds | findings |",
        "|---|---|---|---|",
        *rows,
        f"{total}{sum(r['findings'] for r in results)} |",
    ]


def soak() -> list[str]:
    results = json.loads((RESULTS / "soak.json").read_text())["results"]
    return [
        "| what | calls | seconds | MB at the end | MB grown | files grown | threads grown |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {r['what']} | {r['calls']:,} | {r['seconds']} | {r['at_end_mb']} | {r['grown_mb']} | "
            f"{r['grown_files']} | {r['grown_threads']} |"
            for r in results
        ),
    ]


def mutants() -> list[str]:
    results = json.loads((RESULTS / "mutants.json").read_text())["results"]
    return [
        "| module | its tests | changes | noticed | share |",
        "|---|---|---|---|---|",
        *(_mutants(r["module"].removeprefix("src/torchdec/"), TESTS[r["module"]], [r]) for r in results),
        _mutants("all", [], results),
    ]


def _mutants(name: str, tests: list[str], results: list[dict[str, Any]]) -> str:
    tried = sum(r["mutants"] for r in results)
    killed = tried - sum(len(r["survivors"]) for r in results)
    files = ", ".join(f"`{test}`" for test in tests)
    return f"| {name} | {files} | {tried:,} | {killed:,} | {100 * killed / tried:.1f} % |"


if __name__ == "__main__":
    main()
