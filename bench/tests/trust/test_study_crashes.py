"""A study that is killed, or whose disk is full, keeps the results that it had."""

from pathlib import Path

import pytest
from faults import checked, reports

pytestmark = pytest.mark.fault


def test_results_cut_short_are_the_old_or_the_new(tmp_path, record_property):
    told = reports(Path(__file__).with_name("study_faults.py"), tmp_path)
    record_property("faults", checked(told["results of a study"]))
