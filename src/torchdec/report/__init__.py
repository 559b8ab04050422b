"""A run as one self-contained page: what the clusters are, for a person to look at."""

from torchdec.report._page import ReportError, render

__all__ = ["ReportError", "render"]
