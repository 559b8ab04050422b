"""Data sets by name, from a folder or their official source. Importing this package does not import torch."""

from torchdec_bench.datasets._dataset import Dataset, DatasetError
from torchdec_bench.datasets._generated import reuters_like, reuters_like_chunks
from torchdec_bench.datasets._load import NAMES, cache_folder, load

__all__ = ["NAMES", "Dataset", "DatasetError", "cache_folder", "load", "reuters_like", "reuters_like_chunks"]
