"""Deep Embedded Clustering: clusters, an embedding and a model for new rows, from unlabelled rows."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from torchdec._version import __version__

if TYPE_CHECKING:
    from torchdec._autoencoder import Autoencoder
    from torchdec._checkpoint import Checkpoint
    from torchdec._core.records import Epoch
    from torchdec._dec import DEC
    from torchdec._export import export_onnx
    from torchdec._model_file import load, save
    from torchdec._neighbors import NeighborEncoder
    from torchdec._representation import Representation
    from torchdec.clusters._update import update

__all__ = [
    "DEC",
    "Autoencoder",
    "Checkpoint",
    "Epoch",
    "NeighborEncoder",
    "Representation",
    "__version__",
    "export_onnx",
    "load",
    "save",
    "update",
]

# Importing torch costs seconds, so a name is fetched from its module when it is first asked for.
_OWNERS = {
    "DEC": "torchdec._dec",
    "Autoencoder": "torchdec._autoencoder",
    "Checkpoint": "torchdec._checkpoint",
    "Epoch": "torchdec._core.records",
    "NeighborEncoder": "torchdec._neighbors",
    "Representation": "torchdec._representation",
    "export_onnx": "torchdec._export",
    "load": "torchdec._model_file",
    "save": "torchdec._model_file",
    "update": "torchdec.clusters._update",
}


def __getattr__(name: str) -> Any:
    if name in _OWNERS:
        return getattr(import_module(_OWNERS[name]), name)
    raise AttributeError(f"module 'torchdec' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
