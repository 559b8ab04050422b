"""Save and load a fitted DEC: one safetensors file with a JSON header. Loading runs no code of the file."""

import json
import math
import os
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from torchdec._autoencoder import Autoencoder
from torchdec._core.networks import linear_layers
from torchdec._core.records import StopReason
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec._neighbors import NeighborEncoder
from torchdec._representation import freeze
from torchdec._version import __version__
from torchdec.augment import ShiftRotate
from torchdec.runs._publish import write_file
from torchdec.runs._record import MODEL, read_run

FORMAT_VERSION = 2
_HEADER: dict[str, tuple[type, ...]] = {
    "version": (int,),
    "class": (str,),
    "torchdec": (str,),
    "parameters": (dict,),
    "scale": (float, int),
    "n_features_in": (int,),
    "feature_names_in": (list, NoneType),
    "n_iter": (int,),
    "stop_reason": (str,),
    "clusters": (dict,),
    "recipe": (dict, NoneType),
}
_PARAMETER_CLASSES: dict[str, type[BaseEstimator]] = {
    "Autoencoder": Autoencoder,
    "NeighborEncoder": NeighborEncoder,
    "ShiftRotate": ShiftRotate,
}
# Tensors of models whose columns are standardised.
_COLUMNS = ("means", "deviations")


class ModelFileError(ValueError):
    """A file that is no torchdec model, or not one that this version can read."""


@under_own_globals
def save(model: DEC, path: str | os.PathLike[str]) -> None:
    """Write a fitted model, whole or not at all: a temporary file beside `path`, then a rename.

    Parameters
    ----------
    model : DEC
        Fitted. Its weights, centres, scale, feature names and parameters are kept; `labels_`, `history_`,
        `choice_`, `agreement_` and the decoder are not.
    path : path
        An existing file is replaced; missing folders above it are made.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ValueError
        If `path` is a directory, or lies in a folder that cannot be written, or the model has a representation of
        a class that is not torchdec's.
    OSError
        If writing fails on the way, as on a full disk; an older file is then as it was.

    Examples
    --------
    >>> import tempfile, pathlib, torchdec
    >>> from sklearn.datasets import load_digits
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = torchdec.DEC(10, representation=torchdec.Autoencoder(max_epochs=2), tol=0.5, random_state=0)
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "digits.safetensors"
    >>> torchdec.save(model.fit(X), file)
    >>> bool((torchdec.load(file).predict(X) == model.labels_).all())
    True
    """
    check_is_fitted(model)
    _refuse_unknown(model.representation)
    header = {
        "version": FORMAT_VERSION,
        "class": "DEC",
        "torchdec": __version__,
        "parameters": parameters_to_json(model),
        "scale": model.scale_,
        "n_features_in": model.n_features_in_,
        "feature_names_in": list(model.feature_names_in_) if hasattr(model, "feature_names_in_") else None,
        "n_iter": model.n_iter_,
        "stop_reason": model.stop_reason_.name,
        "recipe": model.recipe_,
        "clusters": {
            "of_center": model.center_clusters_.tolist(),
            "names": model.cluster_names_,
            "edits": model.edits_,
        },
    }
    tensors = {
        "centers": torch.from_numpy(model.cluster_centers_),
        "radii": torch.from_numpy(model.center_radii_),
        "confidences": torch.from_numpy(model.confidence_quantiles_),
    }
    if model.feature_means_ is not None:
        tensors["means"] = torch.from_numpy(model.feature_means_)
        tensors["deviations"] = torch.from_numpy(model.feature_deviations_)
    for i, layer in enumerate(linear_layers(model.encoder_)):
        tensors[f"encoder.{i}.weight"] = layer.weight.detach().cpu().contiguous()
        tensors[f"encoder.{i}.bias"] = layer.bias.detach().cpu().contiguous()
    metadata = {"torchdec": json.dumps(header)}
    write_tensors(Path(path), tensors, metadata)


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file, whole or not at all, over what is there.

    Raises
    ------
    ValueError, OSError
        As `save`.
    """

    def write(new: Path) -> None:
        try:
            save_file(tensors, new, metadata=metadata)
        except SafetensorError as error:
            raise OSError(f"{path} cannot be written: {error}") from None

    write_file(path, write, force=True)


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a model file says of itself, without its tensors.

    Returns
    -------
    dict
        version, class, torchdec, parameters, scale, n_features_in, feature_names_in, n_iter, stop_reason,
        clusters (of each centre, names, edits), recipe.

    Raises
    ------
    ModelFileError
        If the file is of another kind or version, truncated or damaged.
    FileNotFoundError
        If there is no such file.
    """
    with _opened(path) as file:
        return _header(file, path)


@under_own_globals
def load(path: str | os.PathLike[str], *, device: str = "auto") -> DEC:
    """Read a model that predicts bit for bit as the saved one did.

    Parameters
    ----------
    path : path
        Written by `save` or by ``torchdec fit``.
    device : str, default="auto"
        Where it is to compute; see `DEC`.

    Returns
    -------
    DEC
        Fitted, without `labels_`, `history_`, `choice_` and `agreement_`.

    Raises
    ------
    ModelFileError
        If the file is of another kind or version, truncated or damaged.
    FileNotFoundError
        If there is no such file.
    """
    with _opened(path) as file:
        header = _header(file, path)
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        n_layers = _check_shapes(shapes, header, path)
        float32 = all(file.get_slice(name).get_dtype() == "F32" for name in shapes)
        tensors = {name: torch.from_numpy(file.get_tensor(name)) for name in shapes} if float32 else {}
    # A centre without rows has no radius.
    finite = {**tensors, "radii": tensors["radii"].nan_to_num(0)} if float32 else {}
    if not finite or not all(tensor.isfinite().all() for tensor in finite.values()):
        raise ModelFileError(f"{path} is damaged: its tensors are not finite float32 numbers.")
    if "deviations" in tensors and not (tensors["deviations"] > 0).all():
        raise ModelFileError(f"{path} is damaged: its deviations are not all above 0.")
    try:
        model = DEC(**{**_parameters_from_json(header["parameters"]), "device": device})
        model._validate_params()
        model.stop_reason_ = StopReason[header["stop_reason"]]
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ModelFileError(f"{path} has a header that is not understood: {error}") from None
    modules: list[nn.Module] = []
    for i in range(n_layers):
        n_out, n_in = shapes[f"encoder.{i}.weight"]
        layer = nn.utils.skip_init(nn.Linear, n_in, n_out)  # type: ignore[no-untyped-call]
        layer.load_state_dict({"weight": tensors[f"encoder.{i}.weight"], "bias": tensors[f"encoder.{i}.bias"]})
        modules += [layer] if i == n_layers - 1 else [layer, nn.ReLU(inplace=True)]
    model.encoder_ = freeze(nn.Sequential(*modules))
    model.cluster_centers_ = tensors["centers"].numpy()
    model.center_radii_ = tensors["radii"].numpy()
    model.confidence_quantiles_ = tensors["confidences"].numpy()
    model.feature_means_, model.feature_deviations_ = (
        tensors[name].numpy() if name in tensors else None for name in _COLUMNS
    )
    model.center_clusters_ = np.array(header["clusters"]["of_center"], dtype=np.int32)
    model.cluster_names_ = list(header["clusters"]["names"])
    model.edits_ = list(header["clusters"]["edits"])
    model.scale_ = float(header["scale"])
    model.recipe_ = header["recipe"]
    model.n_iter_ = int(header["n_iter"])
    model.n_features_in_ = int(header["n_features_in"])
    if header["feature_names_in"] is not None:
        model.feature_names_in_ = np.array(header["feature_names_in"], dtype=object)
    return model


def model_path(path: str | os.PathLike[str]) -> Path:
    """Return the model file that a path means: itself, or that of a run directory.

    Raises
    ------
    RunError
        If it is a directory that holds no run.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    read_run(path)
    return path / MODEL


def _opened(path: str | os.PathLike[str]) -> Any:
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        # Asked for tensors of torch, safetensors 0.8 loses some hundred bytes at each loading.
        return safe_open(path, framework="np")
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"{path} is no torchdec model file, or is truncated ({error}); "
            "try the model.safetensors of a run directory."
        ) from None


def _header(file: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    text = (file.metadata() or {}).get("torchdec")
    if text is None:
        raise ModelFileError(f"{path} is a safetensors file, but no torchdec model.")
    try:
        header: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} has a damaged header: {error}.") from None
    if not isinstance(header, dict):
        raise ModelFileError(f"{path} has a damaged header.")
    if header.get("version") != FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has model format version {header.get('version')!r}; this is torchdec {__version__}, which "
            f"reads version {FORMAT_VERSION}. Try the torchdec that wrote it ({header.get('torchdec')!r})."
        )
    wrong = [key for key, types in _HEADER.items() if type(header.get(key, ...)) not in types]
    if wrong or header["class"] != "DEC" or not 0 < header["scale"] < math.inf:
        raise ModelFileError(
            f"{path} has a header that is not understood: {', '.join(wrong or ['class', 'scale'])}."
        )
    return header


def _check_shapes(shapes: dict[str, tuple[int, ...]], header: dict[str, Any], path: Any) -> int:
    """Check that the layers fit into each other, before any tensor is allocated; return how many there are."""
    n_layers = sum(name.endswith(".weight") for name in shapes)
    expected = {
        "centers",
        "radii",
        "confidences",
        *(f"encoder.{i}.{part}" for i in range(n_layers) for part in ("weight", "bias")),
    }
    if shapes.keys() & set(_COLUMNS):
        expected |= set(_COLUMNS)
    width = header["n_features_in"]
    names = header["feature_names_in"]
    consistent = names is None or (len(names) == width and all(isinstance(name, str) for name in names))
    consistent = consistent and n_layers > 0 and set(shapes) == expected and len(shapes["centers"]) == 2
    for i in range(n_layers if consistent else 0):
        weight, bias = shapes[f"encoder.{i}.weight"], shapes[f"encoder.{i}.bias"]
        consistent = consistent and len(weight) == 2 and weight[1] == width and bias == weight[:1]
        width = weight[0]
    columns = (header["n_features_in"],)
    consistent = consistent and all(shapes.get(name, columns) == columns for name in _COLUMNS)
    consistent = consistent and _is_recipe(header["recipe"], header["n_features_in"])
    if consistent:
        n_centers, code_size = shapes["centers"]
        consistent = code_size == width and _clusters_fit(header, n_centers)
        consistent = consistent and shapes["radii"] == (n_centers,) and shapes["confidences"] == (101,)
    if not consistent:
        raise ModelFileError(f"{path} is damaged: its tensors do not fit together: {shapes}.")
    return n_layers


def _clusters_fit(header: dict[str, Any], n_centers: int) -> bool:
    """Check that each centre has a cluster, and each cluster a centre and a name."""
    match header["clusters"]:
        case {"of_center": list(owners), "names": list(names), "edits": list(edits)}:
            pass
        case _:
            return False
    k = len(names)
    return (
        len(owners) == n_centers
        and all(isinstance(owner, int) for owner in owners)
        and set(owners) == set(range(k))
        and all(isinstance(name, str) for name in names)
        and all(isinstance(edit, dict) for edit in edits)
    )


def _is_recipe(recipe: Any, width: int) -> bool:
    """Check how rows are to be made: of images of a shape, texts by words and their rarity, or cells by genes."""
    match recipe:
        case None:
            return True
        case {"kind": "images", "shape": [int(), int(), *_] as shape}:
            return all(isinstance(side, int) and side > 0 for side in shape) and math.prod(shape) == width
        case {"kind": "texts", "words": list(words), "rarity": list(rarity)}:
            known = all(isinstance(word, str) for word in words) and len(set(words)) == len(words)
            return known and all(isinstance(r, float) for r in rarity) and len(words) == len(rarity) == width
        case {"kind": "cells", "genes": list(genes), "total": None | float() as total}:
            known = all(isinstance(gene, str) for gene in genes) and len(set(genes)) == len(genes) == width
            return known and (total is None or 1 <= total < math.inf)
    return False


def _refuse_unknown(representation: Any) -> None:
    representation = getattr(representation, "estimator", representation)
    if not isinstance(representation, str) and type(representation) not in _PARAMETER_CLASSES.values():
        raise ValueError(
            f"representation={representation!r} is of a class that a model file cannot bring back. What the model "
            'learnt is in its encoder_: try model.set_params(representation="autoencoder") before.'
        )


def parameters_to_json(estimator: BaseEstimator) -> dict[str, Any]:
    """Turn parameters into what JSON can hold; None for a generator or a function."""
    parameters: dict[str, Any] = estimator.get_params(deep=False)
    for name, value in parameters.items():
        if isinstance(value, FrozenEstimator):
            value = value.estimator
        known = type(value) in _PARAMETER_CLASSES.values()
        if isinstance(value, np.random.RandomState) or (callable(value) and not known):
            parameters[name] = None  # a generator's state, or code: no setting that a file can bring back
        elif isinstance(value, BaseEstimator):
            parameters[name] = {"class": type(value).__name__, "parameters": parameters_to_json(value)}
        elif isinstance(value, np.ndarray | np.generic):
            parameters[name] = value.tolist()
        elif isinstance(value, list | tuple):
            parameters[name] = [each.item() if isinstance(each, np.generic) else each for each in value]
    return parameters


def _parameters_from_json(parameters: dict[str, Any]) -> dict[str, Any]:
    # JSON has no tuples, and a tuple is what the parameters that hold several numbers are by default.
    parameters = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    for name, value in parameters.items():
        if isinstance(value, dict):
            parameters[name] = _PARAMETER_CLASSES[value["class"]](**_parameters_from_json(value["parameters"]))
    return parameters
