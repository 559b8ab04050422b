"""Write the counts of docs/trust.md from bench/trust/results.

python bench/trust/page.py
"""

import json
from pathlib import Path

from torchdec_bench.pages import renewed

HERE = Path(__file__).parent
RESULTS = HERE / "results"
DOCS = HERE.parents[1] / "docs" / "trust.md"
BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"


def main() -> None:
    DOCS.write_text(with_counts(DOCS.read_text()))


def with_counts(text: str) -> str:
    """Return the text with the table of counts made anew from the files of results."""
    lines = ["| what | how often | found |", "|---|---|---|", *suite(), *fuzz(), *soak(), *mutants()]
    return renewed(text, BEGIN, END, "".join(f"{line}\n" for line in lines))


def suite() -> list[str]:
    found = json.loads((RESULTS / "suite.json").read_text())
    passed, counted = found["passed"], found["counted"]
    bad = sum(count for name, count in passed.items() if name.startswith("test_bad_"))
    return [
        f"| bad and odd inputs | {bad:,} | |",
        f"| writes cut short | {counted['faults']:,} | |",
        f"| mutated files | {counted['mutations']:,} | |",
        f"| tests of numbers | {passed['test_numbers']:,} | |",
    ]


def fuzz() -> list[str]:
    results = json.loads((RESULTS / "fuzz.json").read_text())["results"]
    executions, findings = (sum(result[key] for result in results) for key in ("executions", "findings"))
    return [f"| inputs of a fuzzer to {len(results)} parsers | {executions:,} | {findings} findings |"]


def soak() -> list[str]:
    results = json.loads((RESULTS / "soak.json").read_text())["results"]
    return [
        f"| {result['what']}, in one process | {result['calls']:,} | {result['grown_mb']} MB, "
        f"{result['grown_files']} open files, {result['grown_threads']} threads more |"
        for result in results
    ]


def mutants() -> list[str]:
    results = json.loads((RESULTS / "mutants.json").read_text())["results"]
    tried = sum(result["mutants"] for result in results)
    killed = tried - sum(len(result["survivors"]) for result in results)
    return [f"| changes of the code that decides most | {tried:,} | {100 * killed / tried:.1f} % noticed |"]


if __name__ == "__main__":
    main()
