"""Save and load a fitted DEC: one safetensors file with a JSON header. Loading runs no code of the file."""

import json
import math
import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import validate_parameter_constraints
from sklearn.utils.validation import check_is_fitted
from torch import nn

from torchdec._autoencoder import Autoencoder
from torchdec._core.landmarks import SHARES, Landmarks
from torchdec._core.layers import embedding_dim
from torchdec._core.records import StopReason
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec._encoder_file import EncoderError, Modules, rebuilt, structure_of, tensors_of
from torchdec._neighbors import NeighborEncoder
from torchdec._starts import PRESETS
from torchdec._transformed import from_parts, to_parts, transformer_class
from torchdec._version import __version__
from torchdec.augment import ShiftRotate
from torchdec.rows._reading import Preparation
from torchdec.rows._shown import shown
from torchdec.runs._publish import write_file
from torchdec.runs._record import MODEL, read_run

FORMAT_VERSION = 7
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
    "noise_level": (float, int, NoneType),
    "preparation": (dict,),
    "encoder": (dict,),
    "transformer": (dict, NoneType),
}
_PARAMETER_CLASSES: dict[str, type[BaseEstimator]] = {
    "Autoencoder": Autoencoder,
    "NeighborEncoder": NeighborEncoder,
    "ShiftRotate": ShiftRotate,
}
# Before the names of the encoder's tensors, and of the transformer's.
_ENCODER, _TRANSFORMER = "encoder.", "transformer."
# Before the names of scikit-learn's classes.
_SKLEARN = "sklearn."
# Before the names of the tensors that are the landmarks.
_LANDMARKS = "landmarks."
_AXES = _LANDMARKS + "axes"
# Tensors of every model, and those where columns are standardised, or lie far from 0, with the attributes that
# they are; of float64, the latter leave before the cast.
_ARRAYS = {
    "centers": "cluster_centers_",
    "radii": "center_radii_",
    "confidences": "confidence_quantiles_",
    "middles": "cluster_middles_",
    "doubts": "cluster_doubts_",
    "profile": "column_profile_",
}
_COLUMNS = {"means": "feature_means_", "deviations": "feature_deviations_"}


class ModelFileError(ValueError):
    """A file that is no torchdec model, or not one that this version can read."""


@under_own_globals
def save(model: DEC, path: str | os.PathLike[str]) -> None:
    """Write a fitted model, whole or not at all: a temporary file beside `path`, then a rename.

    Parameters
    ----------
    model : DEC
        Fitted. Its weights, centres, landmarks, scale, feature names and parameters are kept; `labels_`,
        `history_`, `choice_` and the decoder are not. Landmarks are some 4,000 rows of the fit by 64 numbers each,
        from which an approximate picture of these rows can be made: keep the file as you would keep a sample.
    path : path
        An existing file is replaced; missing folders above it are made.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    ValueError
        If `path` is a directory, or lies in a folder that cannot be written, or the encoder is of a
        class of yours that cannot be made again (see `torchdec.Representation`).
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
    n_inputs, (transformer, arrays) = model.n_features_in_, to_parts(model.transformer_)
    if transformer is not None:
        n_inputs = model.cluster_centers_.shape[1]
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
        "noise_level": None if model.noise_level_ == math.inf else model.noise_level_,
        "preparation": model.preparation_.to_json(),
        "encoder": structure_of(model.encoder_, n_inputs),
        "transformer": transformer,
        "clusters": {
            "of_center": model.center_clusters_.tolist(),
            "names": model.cluster_names_,
            "sizes": model.cluster_sizes_.tolist(),
            "edits": model.edits_,
        },
    }
    own = _ARRAYS if model.feature_means_ is None else _ARRAYS | _COLUMNS
    tensors = {name: torch.from_numpy(getattr(model, attribute)) for name, attribute in own.items()}
    tensors |= {_LANDMARKS + name: value.contiguous() for name, value in vars(model.landmarks_).items()}
    tensors |= {_TRANSFORMER + name: value for name, value in arrays.items()}
    tensors |= {_ENCODER + name: value for name, value in tensors_of(model.encoder_).items()}
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
def load(path: str | os.PathLike[str], *, device: str = "auto", modules: Modules | None = None) -> DEC:
    """Read a model that predicts bit for bit as the saved one did.

    Parameters
    ----------
    path : path
        A model file that `save` wrote, or the run directory of ``torchdec fit``.
    device : str, default="auto"
        Where it is to compute; see `DEC`.
    modules : mapping of str to class, optional
        Classes of your own that the model needs, by name: that of its encoder, as ``{"CNN": CNN}``, and, to fit it
        again with the same settings, that of its representation. A file holds weights and settings, and no code.

    Returns
    -------
    DEC
        Fitted, without `labels_`, `history_` and `choice_`.

    Raises
    ------
    ModelFileError
        If the file is of another kind or version, truncated or damaged, or needs a class that `modules` lacks.
    RunError
        If `path` is a directory that holds no run.
    FileNotFoundError
        If there is no such file.
    """
    if modules is not None and not isinstance(modules, Mapping):
        raise TypeError(f"modules is {shown(modules)}; give classes by their names, as {{'CNN': CNN}}.")
    path, given = model_path(path), dict(modules or {})
    with _opened(path) as file:
        header = _header(file, path)
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        _check_shapes(shapes, header, path)
        own = [name for name in shapes if not name.startswith(_TRANSFORMER)]
        known = _dtypes_known({name: file.get_slice(name).get_dtype() for name in own})
        tensors = {name: torch.from_numpy(file.get_tensor(name)) for name in shapes} if known else {}
    # A centre without rows has no radius.
    finite = {**tensors, "radii": tensors["radii"].nan_to_num(0)} if known else {}
    if not finite or not all(finite[name].isfinite().all() for name in own):
        raise ModelFileError(f"{path} is damaged: its tensors are not finite float32 numbers.")
    for name in ("deviations", _LANDMARKS + "spacings"):
        if name in tensors and not (tensors[name] > 0).all():
            raise ModelFileError(f"{path} is damaged: its {name} are not all above 0.")
    try:
        model = DEC(**{**_parameters_from_json(header["parameters"], given), "device": device})
        _validate(model)
        model.stop_reason_ = StopReason[header["stop_reason"]]
        preparation = Preparation.from_json(header["preparation"], header["n_features_in"])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ModelFileError(f"{path} has a header that is not understood: {error}") from None
    model.transformer_ = _transformer(header, tensors, path)
    model.encoder_ = _encoder(header, tensors, given, path)
    for name, attribute in (_ARRAYS | _COLUMNS).items():
        setattr(model, attribute, tensors[name].numpy() if name in tensors else None)
    model.landmarks_ = Landmarks(**_under(_LANDMARKS, tensors))
    model.cluster_sizes_ = np.array(header["clusters"]["sizes"], dtype=np.int64)
    model.noise_level_ = header["noise_level"]
    model.center_clusters_ = np.array(header["clusters"]["of_center"], dtype=np.int32)
    model.cluster_names_ = list(header["clusters"]["names"])
    model.edits_ = list(header["clusters"]["edits"])
    model.scale_ = float(header["scale"])
    model.preparation_ = preparation
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
            f"{path} isn't a torchdec model file, or is truncated ({error}); "
            "try the model.safetensors of a run directory."
        ) from None


def _header(file: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    text = (file.metadata() or {}).get("torchdec")
    if text is None:
        raise ModelFileError(f"{path} is a safetensors file, but not a torchdec model.")
    try:
        header: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} has a damaged header: {error}.") from None
    if not isinstance(header, dict):
        raise ModelFileError(f"{path} has a damaged header.")
    if header.get("version") != FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has model format version {header.get('version')!r}; this is torchdec {__version__}, which "
            f"reads version {FORMAT_VERSION}. Fit again, or use the torchdec that wrote it "
            f"({header.get('torchdec')!r})."
        )
    wrong = [key for key, types in _HEADER.items() if type(header.get(key, ...)) not in types]
    level = 0.0 if wrong or header["noise_level"] is None else header["noise_level"]
    if wrong or header["class"] != "DEC" or not 0 < header["scale"] < math.inf or not 0 <= level < math.inf:
        raise ModelFileError(
            f"{path} has a header that is not understood: {', '.join(wrong or ['class', 'scale', 'noise_level'])}."
        )
    return header


def _check_shapes(shapes: dict[str, tuple[int, ...]], header: dict[str, Any], path: Any) -> None:
    """Check that the parts fit into each other, before any tensor is allocated."""
    if not _fit_together(shapes, header):
        raise ModelFileError(f"{path} is damaged: its tensors do not fit together: {shapes}.")


def _fit_together(shapes: dict[str, tuple[int, ...]], header: dict[str, Any]) -> bool:
    width, names = header["n_features_in"], header["feature_names_in"]
    if names is not None and not (len(names) == width and all(isinstance(name, str) for name in names)):
        return False
    others = (_ENCODER, _TRANSFORMER, _LANDMARKS)
    own = {name: shape for name, shape in shapes.items() if not name.startswith(others)}
    if len(own.get("centers", ())) != 2:
        return False
    n_centers, embedding_dim = own["centers"]
    n_inputs = _n_inputs(header, embedding_dim)
    if not (
        _clusters_fit(header, n_centers)
        and _stack_fits(header, shapes, embedding_dim)
        and _landmarks_fit(shapes, n_inputs)
    ):
        return False
    k = len(header["clusters"]["names"])
    expected: dict[str, tuple[int, ...]] = {
        "centers": (n_centers, embedding_dim),
        "radii": (n_centers,),
        "confidences": (101,),
        "middles": (k, shapes[_AXES][1]),
        "doubts": (2, k),
        "profile": (2, n_inputs),
    }
    return own in (expected, expected | dict.fromkeys(_COLUMNS, (n_inputs,)))


def _n_inputs(header: dict[str, Any], embedding_dim: int) -> int:
    """Return what the encoder takes: a row, or what a transformer makes of it, of which it is a linear map."""
    return int(header["n_features_in"]) if header["transformer"] is None else embedding_dim


def _stack_fits(header: dict[str, Any], shapes: dict[str, tuple[int, ...]], embedding_dim: int) -> bool:
    """Check the layers of a stack; whether those of another encoder fit, only its class knows."""
    match header["encoder"]:
        case {"class": "Stack", "config": {"widths": [_, _, *_] as widths}}:
            pass
        case {"class": str(), "config": dict()}:
            return bool(header["encoder"]["class"] != "Stack")
        case _:
            return False
    if not all(type(width) is int and width > 0 for width in widths):
        return False
    expected: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        expected |= {f"{_ENCODER}{2 * i}.weight": (n_out, n_in), f"{_ENCODER}{2 * i}.bias": (n_out,)}
    own = {name: shape for name, shape in shapes.items() if name.startswith(_ENCODER)}
    return bool(own == expected and (widths[0], widths[-1]) == (_n_inputs(header, embedding_dim), embedding_dim))


def _landmarks_fit(shapes: dict[str, tuple[int, ...]], width: int) -> bool:
    """Check the landmarks against each other, and against the rows that the encoder takes."""
    own = {name.removeprefix(_LANDMARKS): shape for name, shape in shapes.items() if name.startswith(_LANDMARKS)}
    if own.keys() != set(Landmarks.__dataclass_fields__) or len(own["places"]) != 2:
        return False
    n, n_axes = own["places"]
    return n > 0 and own == {
        "means": (width,),
        "axes": (width, n_axes),
        "places": (n, n_axes),
        "rests": (n,),
        "spacings": (n,),
        "scores": (len(SHARES),),
    }


def _under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _transformer(header: dict[str, Any], tensors: dict[str, torch.Tensor], path: Any) -> Any:
    if header["transformer"] is None:
        return None
    try:
        transformer = from_parts(header["transformer"], _under(_TRANSFORMER, tensors))
        transformer.transform(np.zeros((1, header["n_features_in"]), dtype=np.float32))
    except Exception as error:  # its attributes may be anything
        raise ModelFileError(f"{path}: its transformer cannot be made: {' '.join(str(error).split())}") from error
    return transformer


def _encoder(header: dict[str, Any], tensors: dict[str, torch.Tensor], modules: Modules, path: Any) -> nn.Module:
    """Make the encoder again, and see that it takes the rows and gives the embedding of the centres."""
    try:
        encoder = rebuilt(header["encoder"], _under(_ENCODER, tensors), modules)
        n_out = embedding_dim(encoder, _n_inputs(header, tensors["centers"].shape[1]))
    except EncoderError as error:
        raise ModelFileError(f"{path}: {error}.") from None
    except Exception as error:  # of the user's class, of any kind
        raise ModelFileError(f"{path}: its encoder cannot be made: {' '.join(str(error).split())}") from error
    if n_out != tensors["centers"].shape[1]:
        raise ModelFileError(
            f"{path}: its encoder makes {n_out} numbers per row, but its centres have another width."
        )
    return encoder


def _dtypes_known(dtypes: dict[str, str]) -> bool:
    """Check that all tensors are float32, but for the columns' means and deviations, which may both be float64."""
    columns = {dtypes[name] for name in _COLUMNS if name in dtypes}
    others = {dtype for name, dtype in dtypes.items() if name not in _COLUMNS}
    return others == {"F32"} and columns in (set(), {"F32"}, {"F64"})


def _clusters_fit(header: dict[str, Any], n_centers: int) -> bool:
    """Check that each centre has a cluster, and each cluster a centre and a name."""
    match header["clusters"]:
        case {"of_center": list(owners), "names": list(names), "sizes": list(sizes), "edits": list(edits)}:
            pass
        case _:
            return False
    k = len(names)
    return (
        len(owners) == n_centers
        and all(isinstance(owner, int) for owner in owners)
        and set(owners) == set(range(k))
        and all(isinstance(name, str) for name in names)
        and len(sizes) == k
        and all(isinstance(size, int) and size >= 0 for size in sizes)
        and all(isinstance(edit, dict) for edit in edits)
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
            own = json.loads(json.dumps(parameters_to_json(value), default=lambda _: None))
            package = _SKLEARN if type(value).__module__.startswith(_SKLEARN) else ""
            parameters[name] = {"class": package + type(value).__name__, "parameters": own}
        elif isinstance(value, np.ndarray | np.generic):
            parameters[name] = value.tolist()
        elif isinstance(value, list | tuple | range):
            parameters[name] = [each.item() if isinstance(each, np.generic) else each for each in value]
    return parameters


def _validate(model: DEC) -> None:
    """Check the parameters; a representation whose class is not at hand stays a name that no fit takes."""
    names = model.get_params(deep=False).keys() - {"representation"}
    known = isinstance(model.representation, str) and model.representation not in PRESETS
    checked = {name: getattr(model, name) for name in (names if known else {*names, "representation"})}
    validate_parameter_constraints(model._parameter_constraints, checked, "DEC")


def _parameters_from_json(parameters: dict[str, Any], classes: dict[str, Any]) -> dict[str, Any]:
    # JSON has no tuples, and a tuple is what the parameters that hold several numbers are by default.
    parameters = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    for name, value in parameters.items():
        match value:
            case {"class": str(kind), "parameters": dict(own)}:
                made = {**classes, **_PARAMETER_CLASSES}.get(kind)
                if kind.startswith(_SKLEARN):
                    made = transformer_class(kind.removeprefix(_SKLEARN))
                parameters[name] = kind if made is None else made(**_parameters_from_json(own, classes))
    return parameters
