"""Write the counts of docs/trust.md from trust/results.

python trust/page.py
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "trust" / "results"
DOCS = ROOT / "docs" / "trust.md"
BEGIN, END = "<!-- {}: begin -->", "<!-- {}: end -->"


def main() -> None:
    DOCS.write_text(with_counts(DOCS.read_text()))


def with_counts(text: str) -> str:
    """Return the text with each table of counts made anew from its file."""
    sys.path.insert(0, str(ROOT / "experiments"))
    from pages import renewed

    for name, lines in {"suite": suite(), "fuzz": fuzz(), "soak": soak()}.items():
        text = renewed(text, BEGIN.format(name), END.format(name), "".join(f"{line}\n" for line in lines))
    return text


def suite() -> list[str]:
    found = json.loads((RESULTS / "suite.json").read_text())
    passed, counted = found["passed"], found["counted"]
    bad = passed["test_bad_arrays"] + passed["test_bad_files"]
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


if __name__ == "__main__":
    main()
