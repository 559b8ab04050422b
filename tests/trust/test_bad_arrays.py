"""Rows that are wrong, and rows that only look so, at every door of the Python interface."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.exceptions import NotFittedError

from small import REPRESENTATIONS, blobs, small_dec
from torchdec import DEC, Autoencoder, NeighborEncoder
from torchdec.clusters import choose_k, describe, exemplars, merge, rename, split, summary
from torchdec.metrics import ari, clustering_accuracy, generalizability, nmi
from torchdec.rows import as_rows

pytestmark = [
    pytest.mark.bad_input,
    # What scikit-learn says of a frame where the fit had none.
    pytest.mark.filterwarnings("ignore:X has feature names:UserWarning"),
]

N, D, K = 64, 6, 3
X, Y = blobs(N, D, K)


def _with(value, dtype=np.float64):
    x = X.astype(dtype)
    x[4, 2] = value
    return x


def _csr(**parts):
    """Return a CSR matrix with these parts put in place unchecked."""
    matrix = sp.csr_matrix(X)
    for name, value in parts.items():
        setattr(matrix, name, value)
    return matrix


CSR = sp.csr_matrix(X)

BAD = {
    "None": None,
    "a number": 3.0,
    "a text": "rows.npy",
    "a dict": {"a": 1},
    "a set": {1.0, 2.0},
    "no rows": X[:0],
    "no columns": X[:, :0],
    "one dimension": X[0],
    "five dimensions": X[None, None, None],
    "ragged lists": [[1.0, 2.0], [3.0]],
    "NaN": _with(np.nan),
    "infinity": _with(np.inf),
    "minus infinity": _with(-np.inf),
    "beyond float32": _with(1e300),
    "beyond float16": np.where(np.arange(D) == 2, np.inf, X).astype(np.float16),
    "complex": X.astype(complex),
    "texts": np.full((N, D), "Ann"),
    "objects": np.array([[{} for _ in range(D)] for _ in range(N)], dtype=object),
    "objects that hold None": np.where(X > 1, None, X.astype(object)),
    "dates": X.astype("datetime64[s]"),
    "objects that are dates": np.array([[np.datetime64("2020-01-01"), 1.0]] * N, dtype=object),
    "a generator": (row for row in X),
    "a tensor without values": torch.empty(N, D, device="meta"),
    "records": np.zeros(N, dtype=[("a", "f4"), ("b", "f4")]),
    "bytes": np.full((N, D), b"x"),
    "a frame with bytes": pd.DataFrame(X, columns=list("abcdef")).assign(name=b"Ann"),
    "a frame with gaps": pd.DataFrame(_with(np.nan)),
    "a frame of dates": pd.DataFrame({"day": pd.to_datetime(["2020-01-01"] * N)}),
    "sparse NaN": sp.csr_matrix(_with(np.nan)),
    "sparse infinity": sp.csr_matrix(_with(np.inf)),
    "sparse complex": sp.csr_matrix(X.astype(complex)),
    "sparse without rows": CSR[:0],
}
# What as_rows cannot know without reading the values; it is told by whoever reads them.
VALUES = {
    "NaN",
    "beyond float32",
    "objects that hold None",
    "infinity",
    "minus infinity",
    "beyond float16",
    "a frame with gaps",
    "sparse NaN",
    "sparse infinity",
}


@pytest.fixture(scope="module")
def model():
    return small_dec(K).fit(X)


@pytest.fixture(scope="module")
def encoder():
    return REPRESENTATIONS["neighbors"].set_params(random_state=0).fit(X)


DOORS = {
    "as_rows": lambda x, model, encoder: as_rows(x),
    "DEC.fit": lambda x, model, encoder: small_dec(K).fit(x),
    "DEC.predict": lambda x, model, encoder: model.predict(x),
    "DEC.predict_proba": lambda x, model, encoder: model.predict_proba(x),
    "DEC.transform": lambda x, model, encoder: model.transform(x),
    "Autoencoder.fit": lambda x, model, encoder: Autoencoder((8,), 2, max_epochs=2, random_state=0).fit(x),
    "NeighborEncoder.fit": lambda x, model, encoder: NeighborEncoder((8,), 2, max_epochs=2, random_state=0).fit(x),
    "NeighborEncoder.transform": lambda x, model, encoder: encoder.transform(x),
    "describe": lambda x, model, encoder: describe(model, x),
    "summary": lambda x, model, encoder: summary(model, x),
    "exemplars": lambda x, model, encoder: exemplars(model, x),
    "outlier_scores": lambda x, model, encoder: model.outlier_scores(x),
    "split": lambda x, model, encoder: split(model, 0, x, random_state=0),
    "choose_k": lambda x, model, encoder: choose_k(x, range(2, 4), random_state=0),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_refused_in_a_sentence(name, door, model, encoder):
    if door == "as_rows" and name in VALUES:
        as_rows(BAD[name])
        return
    with pytest.raises((ValueError, TypeError)) as caught:
        DOORS[door](BAD[name], model, encoder)
    message = str(caught.value)
    assert 10 < len(message.splitlines()[0]) < 400, message
    assert "object has no attribute" not in message
    assert not isinstance(caught.value, NotFittedError)


@pytest.mark.parametrize(
    "door", ["DEC.predict", "DEC.predict_proba", "DEC.transform", "NeighborEncoder.transform"]
)
@pytest.mark.parametrize("name", ["one column fewer", "one column more", "the columns of another frame", "CSR"])
def test_rows_of_another_width_are_refused_with_both_widths(name, door, model, encoder):
    wrong = {
        "one column fewer": X[:, :-1],
        "one column more": np.hstack([X, X[:, :1]]),
        "the columns of another frame": pd.DataFrame(X[:, :4]),
        "CSR": CSR[:, :3],
    }[name]
    with pytest.raises(ValueError, match=rf"{wrong.shape[1]} features.* {D} features"):
        DOORS[door](wrong, model, encoder)


# The same values in another dress.
SAME = {
    "float64": X.astype(np.float64),
    "Fortran order": np.asfortranarray(X),
    "negative strides": X[::-1, ::-1].copy()[::-1, ::-1],
    "every second of wider rows": np.repeat(X, 2, axis=1)[:, ::2],
    "big-endian": X.astype(">f4"),
    "read-only": np.frombuffer(X.tobytes(), np.float32).reshape(N, D),
    "lists": X.tolist(),
    "tuples": tuple(map(tuple, X.tolist())),
    "numbers as objects": X.astype(object),
    "a masked array without a mask": np.ma.masked_array(X),
    "a frame": pd.DataFrame(X),
    "CSR": CSR,
    "CSC": sp.csc_matrix(X),
    "COO": sp.coo_matrix(X),
    "a sparse array": sp.csr_array(X),
    "CSR of unsorted columns": _csr(
        indices=CSR.indices.reshape(N, D)[:, ::-1].ravel().copy(), data=X[:, ::-1].ravel()
    ),
    "CSR of halves that add up": sp.csr_matrix(
        (np.repeat(X.ravel() / 2, 2), np.repeat(CSR.indices, 2), CSR.indptr * 2), shape=X.shape
    ),
    "CSR of 64-bit indices": _csr(indices=CSR.indices.astype(np.int64), indptr=CSR.indptr.astype(np.int64)),
}


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("door", ["DEC.fit", "DEC.predict", "DEC.transform", "NeighborEncoder.transform"])
def test_the_same_values_give_the_same_result(name, door, model, encoder):
    found = DOORS[door](SAME[name], model, encoder)
    if door == "DEC.fit":
        assert np.array_equal(found.labels_, model.labels_)
    else:
        np.testing.assert_allclose(found, DOORS[door](X, model, encoder), rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def labels_of_zeros_and_ones():
    return small_dec(2).fit_predict((X > 0).astype(np.float32))


@pytest.mark.parametrize("dtype", ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", ">i4", ">f8"])
def test_numbers_of_any_type_are_their_values(dtype, labels_of_zeros_and_ones):
    assert np.array_equal(small_dec(2).fit_predict((X > 0).astype(dtype)), labels_of_zeros_and_ones)


CSR_FAULTS = {
    "a column beyond the last": {"indices": np.where(CSR.indices == 2, D, CSR.indices)},
    "a negative column": {"indices": np.where(CSR.indices == 2, -1, CSR.indices)},
    "rows that end before they begin": {"indptr": np.r_[0, CSR.indptr[:0:-1]].astype(np.int32)},
    "rows beyond the values": {"indptr": CSR.indptr * 2},
    "too few rows": {"indptr": CSR.indptr[:-3]},
    "fewer values than columns": {"data": CSR.data[:-5]},
}


@pytest.mark.parametrize("door", ["as_rows", "DEC.fit", "DEC.predict"])
@pytest.mark.parametrize("fault", CSR_FAULTS)
def test_a_sparse_matrix_whose_parts_do_not_fit_is_refused(fault, door, model, encoder):
    with pytest.raises(ValueError, match=r"(?i)sparse|CSR|ind|row|size"):
        DOORS[door](_csr(**CSR_FAULTS[fault]), model, encoder)


# Odd rows that have a right answer; the model may warn of what it found.
ODD = {
    "two different rows only": np.tile(X[:2], (N // 2, 1)),
    "small": X * np.float32(1e-14),
    "large": X * np.float32(1e14),
    "a constant column": np.hstack([X, np.full((N, 1), 7, np.float32)]),
    "one column": X[:, :1],
    "one large column": np.hstack([X, 1e6 * X[:, :1]]),
    "zero rows among others": np.vstack([X, np.zeros((5, D), np.float32)]),
    "one sparse value": sp.csr_matrix((np.ones(1, np.float32), ([3], [2])), shape=(N, D)),
}


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
@pytest.mark.parametrize("name", ODD)
def test_odd_rows_get_finite_clusters(name, representation):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = small_dec(2, representation).fit(ODD[name])
    q = model.predict_proba(ODD[name])
    assert np.isfinite(q).all()
    np.testing.assert_allclose(q.sum(axis=1), 1, rtol=1e-5)
    assert set(model.labels_) <= {0, 1}
    assert np.array_equal(model.predict(ODD[name]), model.labels_)


HOPELESS = {
    "all the same": (np.ones((N, D), np.float32), "64 rows that are all equal"),
    "all zero": (np.zeros((N, D), np.float32), "64 rows that are all equal"),
    "sparse zeros": (sp.csr_matrix((N, D), dtype=np.float32), "64 rows that are all equal"),
    "denormal": (X * np.float32(1e-40), "about [0-9]e-4"),
    "huge": (X / np.abs(X).max() * np.float32(1e38), "about [0-9]e.37"),
    "one huge column": (np.hstack([X, 1e30 * X[:, :1]]), "about [0-9]e.(29|30)"),
}


@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
@pytest.mark.parametrize("name", HOPELESS)
def test_rows_without_clusters_are_refused_with_the_reason(name, representation):
    rows, words = HOPELESS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(ValueError, match=words):
            small_dec(2, representation).fit(rows)


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 63, 64, 65])
@pytest.mark.parametrize("representation", ["autoencoder", "neighbors"])
def test_any_number_of_rows_beside_a_batch_of_32(n, representation):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = (
            small_dec(1, representation).fit(np.vstack([X, X])[:n])
            if n > 1 or representation != "neighbors"
            else None
        )
    if model is None:
        with pytest.raises(ValueError, match="n_samples=1 "):
            small_dec(1, representation).fit(X[:1])
        return
    assert model.labels_.tolist() == [0] * n


@pytest.mark.parametrize("k", [N, N - 1, 1])
def test_extreme_numbers_of_clusters(k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = small_dec(k).fit(X)
    assert model.cluster_centers_.shape[0] == k
    assert np.isfinite(model.predict_proba(X)).all()


def test_more_clusters_than_rows_are_refused_with_both_numbers():
    with pytest.raises(ValueError, match=rf"(?s){N + 1}.*{N}|{N}.*{N + 1}"):
        small_dec(N + 1).fit(X)


ESTIMATORS = {"DEC": DEC, "Autoencoder": Autoencoder, "NeighborEncoder": NeighborEncoder}
PARAMETERS = [
    (name, parameter)
    for name, kind in ESTIMATORS.items()
    for parameter in kind()._parameter_constraints
    if parameter not in ("device", "augment", "random_state", "representation")
]
VALUES_OF_NO_USE = {
    "NaN": float("nan"),
    "minus one": -1,
    "a word": "many",
    "a list": ["x", {}],
    "an object": object(),
}


@pytest.mark.parametrize("value", VALUES_OF_NO_USE)
@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_a_parameter_of_no_use_is_named_with_its_value(name, parameter, value):
    model = ESTIMATORS[name]().set_params(**{parameter: VALUES_OF_NO_USE[value]})
    with pytest.raises((ValueError, TypeError), match=parameter):
        model.fit(X)


@pytest.mark.parametrize("name", ["DEC", "Autoencoder", "NeighborEncoder"])
@pytest.mark.parametrize("parameter", ["device", "augment", "random_state"])
def test_other_parameters_of_no_use_are_named(name, parameter):
    model = ESTIMATORS[name]().set_params(
        **{parameter: {"device": "gpu9", "augment": 3, "random_state": "x"}[parameter]}
    )
    with pytest.raises((ValueError, TypeError), match=f"{parameter}|seed"):
        model.fit(X)


BAD_LABELS = {
    "None": None,
    "of another length": Y[:-1],
    "two dimensions": np.c_[Y, Y],
    "empty": Y[:0],
    "NaN": np.where(Y == 1, np.nan, Y),
}


@pytest.mark.parametrize("score", [clustering_accuracy, nmi, ari], ids=lambda score: score.__name__)
@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_are_refused(name, score):
    with pytest.raises((ValueError, TypeError)):
        score(BAD_LABELS[name], Y)
    with pytest.raises((ValueError, TypeError)):
        score(Y, BAD_LABELS[name])


EDITS = {
    "merge with itself": (lambda m: merge(m, 1, 1), "1"),
    "merge with one that is not there": (lambda m: merge(m, 0, K), str(K)),
    "merge a negative one": (lambda m: merge(m, -1, 0), "-1"),
    "merge by name": (lambda m: merge(m, "a", 0), "a"),
    "split one that is not there": (lambda m: split(m, K, X), str(K)),
    "split into one": (lambda m: split(m, 0, X, 1), "into"),
    "split into more than its rows": (lambda m: split(m, 0, X, N), "into|rows"),
    "split by rows of another width": (lambda m: split(m, 0, X[:, :3]), "3 features"),
    "split with fewer than no updates": (lambda m: split(m, 0, X, updates=-1), "updates"),
    "rename one that is not there": (lambda m: rename(m, K, "x"), str(K)),
    "rename to a number": (lambda m: rename(m, 0, 3), "name"),
    "no exemplars": (lambda m: exemplars(m, X, -1), "n"),
    "a share that is none": (lambda m: m.predict(X, reject=1.5), "1.5"),
    "no numbers to choose from": (lambda m: choose_k(X, []), "k"),
    "numbers beyond the rows": (lambda m: choose_k(X, [2, N + 1]), str(N + 1)),
    **{
        f"holding out {share!r}": (lambda m, share=share: choose_k(X, [2, 3], hold_out=share), "hold_out=")
        for share in (-0.1, 1, 1.5, np.nan, np.inf, None, "a fifth", [0.2], 1j, 0.001, 0.999)
    },
    "the loss of no rows": (lambda m: generalizability(1.0, 0.0), "q_train"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_that_makes_no_sense_is_refused_and_the_model_stays(name, model):
    call, words = EDITS[name]
    before = model.predict_proba(X)
    with pytest.raises((ValueError, TypeError), match=words):
        call(model)
    assert np.array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "outlier_scores"])
def test_a_model_that_is_not_fitted_says_so(method):
    with pytest.raises((NotFittedError, AttributeError), match="fit"):
        getattr(DEC(2), method)(X)


@pytest.mark.parametrize("size", [1e10, 1e20])
def test_rows_far_from_all_centres_belong_to_each_alike(size, model):
    q = model.predict_proba(X * np.float32(size))
    np.testing.assert_allclose(q, 1 / K, atol=1e-3)


def test_rows_too_large_for_the_model_are_named(model):
    x = X.copy()
    x[7] = np.finfo(np.float32).max
    with pytest.raises(ValueError, match=r"row 7 .*too large"):
        model.predict(np.vstack([x, x]))
