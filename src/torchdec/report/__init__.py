"""A run or a model as one self-contained page, and as plots: what the clusters are, for a person to look at."""

from torchdec.report._of_drift import of_drift
from torchdec.report._of_model import as_html, of_model
from torchdec.report._page import ReportError, render

__all__ = ["ReportError", "as_html", "of_drift", "of_model", "render"]
