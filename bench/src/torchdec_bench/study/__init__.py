"""Experiments as plans: a TOML file says what to fit, and each fit leaves one JSON file."""

from torchdec.study._plan import Case, Plan, PlanError, read_plan
from torchdec.study._run import Outcome, results, run

__all__ = ["Case", "Outcome", "Plan", "PlanError", "read_plan", "results", "run"]
