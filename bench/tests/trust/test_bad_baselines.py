"""Rows and parameters that are wrong, at the doors of the baselines: those of the package's own test."""

import pytest
from test_bad_arrays import BAD, CSR_FAULTS, VALUES_OF_NO_USE, K, N, X, _csr

from torchdec_bench.baselines import LDMGI, SEC

pytestmark = [
    pytest.mark.bad_input,
    # What scikit-learn says of a frame where the fit had none.
    pytest.mark.filterwarnings("ignore:X has feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore:The graph of near rows falls into:UserWarning"),
]
BASELINES = pytest.mark.parametrize("baseline", [LDMGI, SEC], ids=lambda baseline: baseline.__name__)


@BASELINES
@pytest.mark.parametrize("name", BAD)
def test_bad_rows_are_refused_in_a_sentence(name, baseline):
    with pytest.raises((ValueError, TypeError)) as caught:
        baseline(K, random_state=0).fit(BAD[name])
    message = str(caught.value)
    assert 10 < len(message.splitlines()[0]) < 400, message
    assert "object has no attribute" not in message


@pytest.mark.parametrize("fault", CSR_FAULTS)
def test_a_sparse_matrix_whose_parts_do_not_fit_is_refused(fault):
    with pytest.raises(ValueError, match=r"(?i)sparse|CSR|ind|row|size"):
        LDMGI(K, random_state=0).fit(_csr(**CSR_FAULTS[fault]))


@BASELINES
def test_more_clusters_than_rows_are_refused_with_both_numbers(baseline):
    with pytest.raises(ValueError, match=rf"(?s){N + 1}.*{N}|{N}.*{N + 1}"):
        baseline(N + 1).fit(X)


@pytest.mark.parametrize("value", VALUES_OF_NO_USE)
@pytest.mark.parametrize(
    ("baseline", "parameter"),
    [
        (kind, parameter)
        for kind in (LDMGI, SEC)
        for parameter in kind()._parameter_constraints
        if parameter != "random_state"
    ],
)
def test_a_parameter_of_no_use_is_named_with_its_value(baseline, parameter, value):
    model = baseline().set_params(**{parameter: VALUES_OF_NO_USE[value]})
    with pytest.raises((ValueError, TypeError), match=parameter):
        model.fit(X)
