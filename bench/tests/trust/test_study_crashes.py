"""A study that is killed, or whose disk is full, keeps the results that it had."""

from pathlib import Path

import pytest
from faults import tried

pytestmark = pytest.mark.fault


def test_results_cut_short_are_the_old_or_the_new(tmp_path, record_property):
    script = Path(__file__).with_name("study_faults.py")
    record_property("faults", tried(script, "results of a study", tmp_path))
