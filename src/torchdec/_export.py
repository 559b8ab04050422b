"""A fitted DEC as an ONNX file, for engines that have neither Python nor torch."""

import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from torchdec._core.layers import Stack, linear_layers
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec.runs._publish import write_file

# Old enough for engines of some years ago; the oldest that torch exports an encoder of another class to.
OPSET = 18


@under_own_globals
def export_onnx(model: DEC, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write the model as an ONNX graph: rows in; code, probabilities and labels out.

    Parameters
    ----------
    model : DEC
        Fitted. A cluster of several centres is one in the graph too.
    path : path
        File to write, whole or not at all.
    force : bool, default=False
        Whether a file that is there may be replaced.

    Notes
    -----
    The input ``rows`` is (n, d), as given to `fit`: the scale is inside. It is float32 (``tensor(float)``), or
    float64 (``tensor(double)``) where `feature_means_` of the model is, as for unix seconds, which float32 would
    round. The outputs are ``code``, float32 (n, z), ``probabilities``, float32 (n, k), which is equation 1, and
    ``labels``, int64 (n,). n is free. The metadata ``cluster_names`` is a JSON list of the names. The graph knows
    no landmarks: it rejects no rows, and assigns those that belong nowhere too, which `DEC.predict` gives -1 where
    the model was fitted with `noise`.

    A row that holds nothing gets the label -1, probabilities of 0 and an embedding of NaN. A graph cannot
    refuse rows, so this holds for rows with some NaN, or infinite values, too.

    Raises
    ------
    ImportError
        Without onnx.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.
    RunError
        If `path` exists and `force` is not set, or cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn.datasets import load_digits
    >>> from torchdec import DEC, Autoencoder, export_onnx
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = DEC(10, representation=Autoencoder(max_epochs=2), tol=0.5, random_state=0).fit(X)
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "digits.onnx"
    >>> export_onnx(model, file)
    >>> file.stat().st_size > 1_000_000
    True
    """
    check_is_fitted(model)
    try:
        import onnx
    except ImportError:
        raise ImportError("An export needs onnx; try pip install 'torchdec[onnx]'.") from None
    if model.transformer_ is not None:
        raise ValueError(
            f"model has a {type(model.transformer_).__name__} of scikit-learn before its encoder, which an export "
            "leaves out; fit on rows that are transformed before, or export both with skl2onnx."
        )
    graph = _Graph()
    code = _code(graph, model)
    probabilities = _soft_assignment(graph, model, code)
    labels = graph.add("ArgMax", probabilities, axis=1, keepdims=1)
    nothing = _holds_nothing(graph, _row_dtype(model))
    graph.add("Where", nothing, graph.constant(np.nan), code, output="code")
    graph.add("Where", nothing, graph.constant(0.0), probabilities, output="probabilities")
    label = graph.add("Where", nothing, graph.constant(-1, np.int64), labels)
    graph.add("Squeeze", label, graph.constant([1], np.int64), output="labels")
    shape = model.n_features_in_, model.cluster_centers_.shape[1], len(model.cluster_names_)
    made = graph.model(_row_dtype(model), *shape)
    onnx.helper.set_model_props(made, {"cluster_names": json.dumps(model.cluster_names_)})
    onnx.checker.check_model(made, full_check=True)
    write_file(Path(path), lambda new: onnx.save(made, new), force=force)


def _row_dtype(model: DEC) -> "np.dtype[Any]":
    return np.dtype(np.float32) if model.feature_means_ is None else model.feature_means_.dtype


def _holds_nothing(graph: "_Graph", dtype: "np.dtype[Any]") -> str:
    """Tell for each row, as a column, whether it has NaN or infinite values: 0 times these is NaN.

    The layers after it do not tell, as an engine may make 0 of a NaN.
    """
    zeros = graph.add("Mul", "rows", graph.constant(0.0, dtype))
    return graph.add("IsNaN", graph.add("ReduceSum", zeros, graph.constant([1], np.int64), keepdims=1))


def _code(graph: "_Graph", model: DEC) -> str:
    from onnx import TensorProto

    value, dtype = "rows", _row_dtype(model)
    if model.feature_means_ is not None:
        centred = graph.add("Sub", value, graph.constant(model.feature_means_, dtype))
        value = graph.add("Div", centred, graph.constant(model.feature_deviations_, dtype))
    if dtype != np.float32:
        value = graph.add("Cast", value, to=TensorProto.FLOAT)
    value = graph.add("Mul", value, graph.constant(model.scale_))
    if not isinstance(model.encoder_, Stack):
        return graph.add_module(model.encoder_, value, model.n_features_in_)
    layers = linear_layers(model.encoder_)
    for number, layer in enumerate(layers):
        weight, bias = layer.weight.detach().cpu().numpy(), layer.bias.detach().cpu().numpy()
        value = graph.add("Gemm", value, graph.constant(weight), graph.constant(bias), transB=1)
        if number < len(layers) - 1:
            value = graph.add("Relu", value)
    return value


def _soft_assignment(graph: "_Graph", model: DEC, code: str) -> str:
    """Equation 1, from differences and in log space, as `_core.objective` has it."""
    rows = graph.add("Unsqueeze", code, graph.constant([1], np.int64))
    differences = graph.add("Sub", rows, graph.constant(model.cluster_centers_[None]))
    squares = graph.add("Mul", differences, differences)
    distances = graph.add("ReduceSum", squares, graph.constant([2], np.int64), keepdims=0)
    ratio = graph.add("Div", distances, graph.constant(model.alpha))
    logarithm = graph.add("Log", graph.add("Add", ratio, graph.constant(1.0)))
    kernel = graph.add("Mul", logarithm, graph.constant(-(model.alpha + 1) / 2))
    return graph.add("Softmax", _of_clusters(graph, model, kernel), axis=1)


def _of_clusters(graph: "_Graph", model: DEC, kernel: str) -> str:
    """Of the centres of each cluster the largest."""
    k = len(model.cluster_names_)
    if np.array_equal(model.center_clusters_, np.arange(k)):
        return kernel
    largest, first = [], graph.constant([1], np.int64)
    for cluster in range(k):
        own = graph.constant(np.flatnonzero(model.center_clusters_ == cluster), np.int64)
        largest.append(graph.add("ReduceMax", graph.add("Gather", kernel, own, axis=1), first, keepdims=1))
    return graph.add("Concat", *largest, axis=1)


def _exported(module: nn.Module, n_features: int) -> Any:
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ImportError(
            f"An export of a {type(module).__name__} needs onnxscript; try pip install 'torchdec[onnx]'."
        ) from None
    rows = torch.zeros(2, n_features, device=next(iter(module.state_dict().values())).device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecations within torch
        program = torch.onnx.export(
            module,
            (rows,),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("n")},),
            opset_version=OPSET,
            verbose=False,
        )
    return program.model_proto  # type: ignore[union-attr]


class _Graph:
    """Nodes and constants of a graph, each with a name of its own."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = output or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def add_module(self, module: nn.Module, rows: str, n_features: int) -> str:
        """Add what torch makes of a module; return the name of its output."""
        from onnx import compose

        program = _exported(module, n_features)
        part = compose.add_prefix(program, "encoder_").graph
        for node in part.node:
            names = [rows if name == part.input[0].name else name for name in node.input]
            del node.input[:]
            node.input.extend(names)
        self._nodes += part.node
        self._constants += part.initializer
        return str(part.output[0].name)

    def model(self, row_dtype: "np.dtype[Any]", n_features: int, embedding_dim: int, n_clusters: int) -> Any:
        from onnx import TensorProto, helper

        def value(name: str, kind: int, *shape: int) -> Any:
            return helper.make_tensor_value_info(name, kind, ["n", *shape])

        outputs = [
            value("code", TensorProto.FLOAT, embedding_dim),
            value("probabilities", TensorProto.FLOAT, n_clusters),
            value("labels", TensorProto.INT64),
        ]
        rows = value("rows", helper.np_dtype_to_tensor_dtype(row_dtype), n_features)
        graph = helper.make_graph(self._nodes, "torchdec", [rows], outputs, self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
