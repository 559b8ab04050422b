"""Change the code that decides most, one small change at a time (mutmut), and count the changes that tests notice.

    python bench/trust/mutants.py                          all modules; writes results/mutants.json
    python bench/trust/mutants.py src/torchdec/_model_file.py
                                                     this one; its results replace those of before
    python bench/trust/mutants.py --again                  the survivors of before only

A mutant is killed when one of the tests of its module fails, or when they take ten times as long as they should.
Each is tried in a fork of a process that has imported everything else, so that nobody waits for torch. The text of
error messages is left as it is: tests look for the words that matter in them, and capitals are not among these.
"""

import argparse
import difflib
import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).parent / "results" / "mutants.json"
# Each module and the tests that are to notice, fast ones first.
TESTS = {
    "src/torchdec/_core/objective.py": ["tests/core/test_objective.py"],
    "src/torchdec/_core/centroids.py": ["tests/core/test_centroids.py"],
    "src/torchdec/_core/kmeans.py": ["tests/core/test_kmeans.py", "tests/core/test_centroids.py"],
    "src/torchdec/_core/nearest.py": ["tests/core/test_neighbor_graph.py"],
    "src/torchdec/_core/free_embedding.py": ["tests/core/test_free_embedding.py"],
    "src/torchdec/_core/judge.py": ["tests/core/test_judge.py"],
    "src/torchdec/_core/partition.py": ["tests/core/test_partition.py"],
    "src/torchdec/_core/separation.py": ["tests/core/test_separation.py"],
    "src/torchdec/_core/place_centers.py": ["tests/core/test_several_centers.py"],
    "src/torchdec/metrics.py": ["tests/metrics/test_agreement.py", "tests/metrics/test_generalizability.py"],
    "src/torchdec/_model_file.py": ["tests/test_model_file.py"],
}
LONGEST = 10  # times what the tests take without a change
SECONDS = 3600  # for what waits and does not work


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("module", nargs="*", help=", ".join(TESTS))
    arguments.add_argument("--again", action="store_true")
    chosen = arguments.parse_args()
    before = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    results = {result["module"]: result for result in before}
    with tempfile.TemporaryDirectory() as folder:
        # No compiled file must be older than a mutant and look like its own.
        shutil.copytree(ROOT / "src", Path(folder) / "src", ignore=shutil.ignore_patterns("__pycache__"))
        prepare(Path(folder) / "src")
        for module in chosen.module or TESTS:
            again = {survivor["change"] for survivor in results[module]["survivors"]} if chosen.again else None
            results[module] = tried(module, Path(folder), again, results.get(module))
            ordered = [results[name] for name in TESTS if name in results]
            RESULTS.write_text(json.dumps({"results": ordered}, indent=1, ensure_ascii=False) + "\n")
    return 0


def prepare(source: Path) -> None:
    """Import what all forks need, and see to it that they import the package from the folder."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(source))
    os.chdir(ROOT)
    import beartype  # noqa: F401
    import faiss  # noqa: F401
    import hypothesis  # noqa: F401
    import jaxtyping  # noqa: F401
    import pandas as pd  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pytest  # noqa: F401
    import safetensors.torch  # noqa: F401
    import sklearn.cluster
    import sklearn.ensemble
    import sklearn.frozen
    import sklearn.manifold  # noqa: F401
    import sknetwork.clustering  # noqa: F401
    import torch
    import torch._dynamo  # the first optimiser does, which takes as long as most tests
    import zarr  # noqa: F401

    torch.set_num_threads(1)  # the threads of a parent are missing in its forks
    assert "torchdec" not in sys.modules
    gc.freeze()  # none of this is garbage, and each fork would look for some in all of it


def tried(module: str, folder: Path, again: set[str] | None, before: dict[str, Any] | None) -> dict[str, Any]:
    path, code = folder / module, (ROOT / module).read_text()
    began = perf_counter()
    failed, limit = tests_fail(TESTS[module], SECONDS)
    assert not failed, f"the tests of {module} fail without a change"
    mutants = list(changed(code))
    survivors = []
    try:
        for number, (place, change, mutant) in enumerate(mutants):
            if again is not None and change not in again:
                continue
            path.write_text(mutant)
            if not tests_fail(TESTS[module], LONGEST * limit + 10)[0]:
                survivors.append({"function": place, "change": change})
                print(change)
            print(f"{module} {number + 1}/{len(mutants)}, {len(survivors)} survived", flush=True)
    finally:
        path.write_text(code)
    seconds = round(perf_counter() - began) if again is None or before is None else before["seconds"]
    return {"module": module, "mutants": len(mutants), "seconds": seconds, "survivors": survivors}


def changed(code: str) -> Iterator[tuple[str, str, str]]:
    """Yield the function, the changed lines and the whole code of each mutant of a module."""
    import libcst as cst
    from mutmut.mutation.file_mutation import create_mutations

    module, mutations, _, _ = create_mutations("", code)
    messages = {id(text) for raised in nodes(module, cst.Raise) for text in nodes(raised, cst.SimpleString)}
    seen = {code}
    for mutation in mutations:
        if id(mutation.original_node) in messages:
            continue
        new = module.deep_replace(mutation.original_node, mutation.mutated_node).code
        if new not in seen:
            seen.add(new)
            function = mutation.contained_by_top_level_function
            yield function.name.value if function else "", difference(code, new), new


def nodes(tree: Any, kind: type) -> Iterator[Any]:
    if isinstance(tree, kind):
        yield tree
    for child in tree.children:
        yield from nodes(child, kind)


def difference(old: str, new: str) -> str:
    """Return the lines that differ, numbered as in the old code, so that a change has one name."""
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def tests_fail(tests: list[str], seconds: float) -> tuple[bool, float]:
    """Run tests in a fork; return whether one failed or the time was over, and the seconds of CPU that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    child = os.fork()
    if child == 0:
        import pytest

        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
        signal.alarm(SECONDS)
        code = 1
        try:
            code = pytest.main(["-x", "-q", "--assert=plain", *tests])
        finally:
            os._exit(code)
    failed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    return failed, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


if __name__ == "__main__":
    sys.exit(main())
