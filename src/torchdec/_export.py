"""A fitted DEC as an ONNX file, for engines that have neither Python nor torch."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from torchdec._core.networks import linear_layers
from torchdec._core.torch_globals import under_own_globals
from torchdec._dec import DEC
from torchdec.runs._publish import write_file

# Old enough for engines of some years ago; nothing newer is needed.
OPSET = 17


@under_own_globals
def export_onnx(model: DEC, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write the model as an ONNX graph: rows in; code, probabilities and labels out.

    Parameters
    ----------
    model : DEC
        Fitted. Merged clusters are one in the graph too.
    path : path
        File to write, whole or not at all.
    force : bool, default=False
        Whether a file that is there may be replaced.

    Notes
    -----
    The input ``rows`` is float32 (n, d), as given to `fit`: the scale is inside. The outputs are ``code``, float32
    (n, z), ``probabilities``, float32 (n, k), which is equation 1, and ``labels``, int64 (n,). n is free.

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
    graph = _Graph()
    code = _code(graph, model)
    probabilities = _merged(graph, model, _soft_assignment(graph, model, code))
    graph.add("ArgMax", probabilities, to="labels", axis=1, keepdims=0)
    graph.add("Identity", code, to="code")
    graph.add("Identity", probabilities, to="probabilities")
    made = graph.model(model.n_features_in_, model.cluster_centers_.shape[1], len(model.cluster_names_))
    onnx.checker.check_model(made, full_check=True)
    write_file(Path(path), lambda new: onnx.save(made, new), force=force)


def _code(graph: "_Graph", model: DEC) -> str:
    value = "rows"
    if model.feature_means_ is not None:
        centred = graph.add("Sub", value, graph.constant(model.feature_means_))
        value = graph.add("Div", centred, graph.constant(model.feature_deviations_))
    value = graph.add("Mul", value, graph.constant(model.scale_))
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
    return graph.add("Softmax", graph.add("Mul", logarithm, graph.constant(-(model.alpha + 1) / 2)), axis=1)


def _merged(graph: "_Graph", model: DEC, q: str) -> str:
    """Of the centres of a cluster the largest, normalised again, as `DEC.assign` has it."""
    k = len(model.cluster_names_)
    if np.array_equal(model.center_clusters_, np.arange(k)):
        return q
    largest = []
    for cluster in range(k):
        own = graph.constant(np.flatnonzero(model.center_clusters_ == cluster), np.int64)
        largest.append(graph.add("ReduceMax", graph.add("Gather", q, own, axis=1), axes=[1], keepdims=1))
    together = graph.add("Concat", *largest, axis=1)
    total = graph.add("ReduceSum", together, graph.constant([1], np.int64), keepdims=1)
    return graph.add("Div", together, total)


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

    def add(self, kind: str, *inputs: str, to: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = to or f"value_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def model(self, n_features: int, code_size: int, n_clusters: int) -> Any:
        from onnx import TensorProto, helper

        def value(name: str, kind: int, *shape: int) -> Any:
            return helper.make_tensor_value_info(name, kind, ["n", *shape])

        outputs = [
            value("code", TensorProto.FLOAT, code_size),
            value("probabilities", TensorProto.FLOAT, n_clusters),
            value("labels", TensorProto.INT64),
        ]
        graph = helper.make_graph(
            self._nodes, "torchdec", [value("rows", TensorProto.FLOAT, n_features)], outputs, self._constants
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
