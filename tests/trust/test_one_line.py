"""What is refused is told on one line, which never holds all the values that were given."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, NeighborEncoder
from torchdec.clusters import choose_k, describe, exemplars, merge, rename, split
from torchdec.metrics import clustering_accuracy, generalizability
from torchdec.rows import RowsWarning, as_rows

pytestmark = pytest.mark.bad_input

X, Y = blobs(60, 6, 2)
LONG = 300


def _objects(value: Any) -> Any:
    array = np.full((60, 6), 1.5, dtype=object)
    array[3, 2] = value
    return array


BAD = {
    "a vector": np.linspace(0, 1, 2000),
    "a list of numbers": np.linspace(0, 1, 2000).tolist(),
    "a series": pd.Series(np.linspace(0, 1, 2000)),
    "a number": np.float64(3),
    "five dimensions": np.ones((60, 2, 3, 1, 1)),
    "lists of unequal length": [[1, 2], [3]] * 500,
    "lists within lists": [[[[[1.0] * 8]]] * 50] * 60,
    "arrays within an array": np.array([np.ones(3), np.ones(4)] * 30, dtype=object),
    "an object": _objects({"a": list(range(500))}),
    "a date among objects": _objects(pd.Timestamp("2020-01-01")),
    "a number without end": _objects(10**400),
    "long texts": np.full((60, 6), "x" * 5000),
    "long texts as objects": _objects("x" * 5000),
    "dates": np.full((60, 6), np.datetime64("2020-01-01")),
    "complex numbers": X * 1j,
    "records": np.zeros(60, dtype=[("a", "f4"), ("b", "f4")]),
    "nothing": None,
    "a path": "rows.csv",
    "a dictionary": {"a": list(range(500))},
    "a generator": (x for x in X),
    "a frame with long bytes": pd.DataFrame({0: [b"x" * 3000] * 60, 1: 1}),
}


@pytest.fixture(scope="module")
def fitted() -> tuple[DEC, Any]:
    encoder = NeighborEncoder((8,), 2, max_epochs=2, reconstruction_weight=1.0, random_state=0).fit(X)
    return small_dec(2).fit(X), encoder


DOORS: dict[str, Callable[[Any, DEC, Any], Any]] = {
    "as_rows": lambda x, model, encoder: as_rows(x),
    "DEC.fit": lambda x, model, encoder: small_dec(2).fit(x),
    "DEC.predict": lambda x, model, encoder: model.predict(x),
    "DEC.transform": lambda x, model, encoder: model.transform(x),
    "DEC.assign": lambda x, model, encoder: model.assign(x),
    "DEC.nearest_centers": lambda x, model, encoder: model.nearest_centers(x),
    "NeighborEncoder.fit": lambda x, model, encoder: REPRESENTATIONS["neighbors"].fit(x),
    "NeighborEncoder.transform": lambda x, model, encoder: encoder.transform(x),
    "inverse_transform": lambda x, model, encoder: encoder.inverse_transform(x),
    "choose_k": lambda x, model, encoder: choose_k(x, [2, 3]),
    "describe": lambda x, model, encoder: describe(model, x),
    "exemplars": lambda x, model, encoder: exemplars(model, x),
    "outlier_scores": lambda x, model, encoder: model.outlier_scores(x),
    "split": lambda x, model, encoder: split(model, 0, x),
    "generalizability": lambda x, model, encoder: generalizability(x, x),
}
PARAMETERS: dict[str, Callable[[Any, DEC], Any]] = {
    "n_clusters": lambda value, model: DEC(value).fit(X),
    "representation": lambda value, model: DEC(2, representation=value).fit(X),
    "tol": lambda value, model: DEC(2, tol=value).fit(X),
    "hidden": lambda value, model: NeighborEncoder(value).fit(X),
    "device": lambda value, model: DEC(2, device=value).fit(X),
    "reject": lambda value, model: model.predict(X, reject=value),
    "a": lambda value, model: merge(model, value, 1),
    "into": lambda value, model: split(model, 0, X, value),
    "cluster": lambda value, model: rename(model, value, "name"),
    "n": lambda value, model: exemplars(model, X, value),
    "ks": lambda value, model: choose_k(X, value),
    "hold_out": lambda value, model: choose_k(X, [2], hold_out=value),
}


def told(call: Callable[[], Any]) -> str:
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    message = str(caught.value)
    assert len(message.splitlines()) == 1, message[:1000]
    assert len(message) < LONG + 100, message[:1000]
    return message


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", BAD)
def test_rows_that_are_none_are_refused_on_a_line(name: str, door: str, fitted: tuple[DEC, Any]) -> None:
    message = told(lambda: DOORS[door](BAD[name], *fitted))
    tables = ("generalizability", "DEC.assign", "DEC.nearest_centers", "inverse_transform")  # of no columns
    if name == "a series" and door not in tables:
        assert "give a table, as X.to_frame() is" in message
    if name in ("a vector", "a list of numbers") and door != "generalizability":
        assert "has shape (2000,)" in message
        assert "Reshape your data" in message
    if name == "an object" and door != "generalizability":
        assert "{'a': [0, 1, 2, 3, 4, 5, ...]} in row 3, column 2" in message


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("name", BAD)
def test_a_parameter_that_is_none_is_refused_on_a_line_that_names_it(
    name: str, parameter: str, fitted: tuple[DEC, Any]
) -> None:
    if parameter in ("tol", "reject", "hold_out") and name == "a number":
        return
    if parameter in ("n_clusters", "ks") and name == "a number without end":
        return
    message = told(lambda: PARAMETERS[parameter](BAD[name], fitted[0]))
    assert parameter in message


@pytest.mark.parametrize("name", BAD)
def test_labels_that_are_none_are_refused_on_a_line(name: str) -> None:
    if name not in ("a vector", "a list of numbers", "a series", "records"):  # as many labels
        told(lambda: clustering_accuracy(BAD[name], Y))


def test_what_is_said_of_text_and_dates_is_what_helps() -> None:
    texts = pd.DataFrame({"a": ["red", "blue"] * 30, "b": range(60), "c": [1, 2, 3] * 20})
    columns = "give a data frame, pandas.DataFrame(X).convert_dtypes(), whose columns are read by what they hold"
    for x in (texts.to_numpy(), np.full((60, 2), "red")):
        assert columns in told(lambda x=x: small_dec(2).fit(x))
    frame = pd.DataFrame(texts.to_numpy(), columns=["a", "b", "c"]).convert_dtypes()
    with pytest.warns(RowsWarning, match="column 'b' counts the rows"):
        assert small_dec(2).fit(frame).preparation_.prepared.names == ["a=red", "a=blue", "c"]
    assert "give a data frame, pandas.DataFrame(X), whose dates become days" in told(
        lambda: small_dec(2).fit(BAD["dates"])
    )


def test_a_path_is_told_how_it_is_read() -> None:
    assert "torchdec.rows.read_rows(path) reads a file" in told(lambda: small_dec(2).fit("rows.csv"))
