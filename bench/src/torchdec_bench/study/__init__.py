"""Experiments as plans: a TOML file says what to fit, and each fit leaves one line of results."""

from torchdec_bench.study._plan import Case, Plan, PlanError, read_plan
from torchdec_bench.study._run import Outcome, results, run

__all__ = ["Case", "Outcome", "Plan", "PlanError", "read_plan", "results", "run"]
