"""Fuzz every parser, guided by coverage (atheris, libFuzzer).

    python bench/trust/fuzz.py                     each parser for 60 seconds; writes results/fuzz.json
    python bench/trust/fuzz.py --seconds 300 csv   these parsers for so long

An input that makes a parser raise what its docstring does not name, take more than 10 seconds, or allocate more
than 512 MB at once is a finding: it stays in findings/, to be mended and then moved to corpus/, which the
tests replay.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
RESULTS, FINDINGS = HERE / "results" / "fuzz.json", HERE / "findings"


def main() -> int:
    from parsers import CORPUS, PARSERS

    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("parser", nargs="*", help=", ".join(PARSERS))
    arguments.add_argument("--seconds", type=int, default=60)
    chosen = arguments.parse_args()
    FINDINGS.mkdir(exist_ok=True)
    results = []
    for name in chosen.parser or PARSERS:
        with tempfile.TemporaryDirectory() as grown:
            command = [sys.executable, __file__, "--one", name, grown, CORPUS / name, "-print_final_stats=1"]
            limits = [
                "-rss_limit_mb=4096",
                "-malloc_limit_mb=512",
                "-timeout=10",
                f"-artifact_prefix={FINDINGS}/{name}-",
            ]
            done = subprocess.run(
                [*map(str, command), *limits, f"-max_total_time={chosen.seconds}"], capture_output=True, text=True
            )
        count = re.search(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
        result = {"parser": name, "executions": int(count[1]) if count else 0, "seconds": chosen.seconds}
        results.append({**result, "findings": len(list(FINDINGS.glob(f"{name}-*")))})
        print(results[-1], flush=True)
        if done.returncode:
            print(done.stderr[-1500:])
    if not chosen.parser:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"results": results}, indent=1) + "\n")
    return any(result["findings"] or not result["executions"] for result in results)


def fuzz(name: str, arguments: list[str]) -> None:
    import atheris
    import torch  # before the instrumentation, which is for our own code alone

    torch.set_num_threads(1)
    with atheris.instrument_imports(include=["torchdec"]):
        import parsers
    parser = parsers.PARSERS[name]

    def mutate(content: bytes, max_size: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if parser.header and draw.random() < 0.7:
            return parsers.mutated(parser, content, draw)[:max_size]
        mutated: bytes = atheris.Mutate(content, max_size)
        return mutated

    atheris.Setup(
        [sys.argv[0], *arguments, "-max_len=65536"],
        lambda content: parser(content) and None,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        fuzz(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
