"""Bytes that nobody meant: the corpus of the fuzzer, and headers with one value changed, in every parser."""

import random
import sys
from pathlib import Path

import pytest

TRUST = Path(__file__).parents[2] / "trust"
sys.path.insert(0, str(TRUST))
from parsers import CORPUS, PARSERS, mutated  # noqa: E402

# What is told of a file is no error.
pytestmark = [pytest.mark.fuzz, pytest.mark.filterwarnings("ignore::torchdec.rows.RowsWarning")]

MUTATIONS = 300


@pytest.mark.parametrize("name", PARSERS)
def test_the_seeds_are_good_and_the_corpus_raises_what_is_documented(name):
    taken = {path.name: PARSERS[name](path.read_bytes()) for path in sorted((CORPUS / name).iterdir())}
    assert taken["seed-0"] or name in ("stl10", "assignments", "embedding"), "stl10's seed has too few images"


@pytest.mark.parametrize("name", PARSERS)
def test_a_mutated_file_raises_what_is_documented(name, record_property):
    draw = random.Random(0)
    seeds = [path.read_bytes() for path in sorted((CORPUS / name).glob("seed-*"))]
    for number in range(MUTATIONS):
        changed = mutated(PARSERS[name], seeds[number % len(seeds)], draw)
        try:
            PARSERS[name](changed)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} from these bytes: {changed!r}") from error
    record_property("mutations", MUTATIONS)
