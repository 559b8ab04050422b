"""Nothing outside the arguments decides a result."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from small import blobs, small_dec

TESTS = Path(__file__).parents[1]
SCRIPT = """
import hashlib
from small import blobs, small_dec
for representation in ("autoencoder", "neighbors"):
    model = small_dec(3, representation, tol=0.2).fit(blobs(90, 6, 3)[0])
    print(hashlib.sha256(model.predict_proba(blobs(90, 6, 3)[0]).tobytes()).hexdigest())
"""


def test_two_processes_give_the_same_bits() -> None:
    """Whatever threads they have by default, whose order is their own."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    first, second = (
        subprocess.run(command, capture_output=True, check=True, cwd=TESTS, env=environment, text=True).stdout
        for _ in range(2)
    )
    assert first == second
    assert len(first.split()) == 2


def test_an_earlier_fit_does_not_change_a_later_one() -> None:
    X, _ = blobs(90, 6, 3)
    fresh = small_dec(3, tol=0.2).fit(X).predict_proba(X)
    model = small_dec(3, tol=0.2)
    model.fit(blobs(50, 4, 3, seed=1)[0])
    np.testing.assert_array_equal(model.fit(X).predict_proba(X), fresh)
