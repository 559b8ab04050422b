"""The optimisers step as torch's do, and import no compiler."""

import subprocess
import sys

import pytest
import torch

from torchdec._core import training


@pytest.mark.parametrize(("name", "settings"), [("Adam", {}), ("SGD", {"momentum": 0.9})])
def test_steps_are_those_of_torch_to_the_bit(name, settings):
    weights = []
    for module in (training, torch.optim):
        weight = torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(3, 4))
        optimizer = getattr(module, name)([weight], lr=0.1, fused=True, **settings)
        for _ in range(5):
            optimizer.zero_grad()
            (weight @ weight.T).square().sum().backward()
            optimizer.step()
        weights.append((weight.detach(), optimizer.state_dict()))
    (own, own_state), (theirs, state) = weights
    assert torch.equal(own, theirs)
    assert own_state["param_groups"] == state["param_groups"]
    for key, value in state["state"][0].items():
        assert torch.equal(own_state["state"][0][key], value)


def test_a_fit_imports_no_compiler():
    code = (
        "import sys, numpy as np; from torchdec import DEC, NeighborEncoder\n"
        "X = np.repeat(np.eye(3), 30, axis=0) + np.random.default_rng(0).normal(0, 0.1, (90, 3))\n"
        "DEC(3, representation=NeighborEncoder((8,), max_epochs=2), tol=0.5, random_state=0).fit(X).predict(X)\n"
        "sys.exit(any(name in sys.modules for name in ('torch._dynamo', 'sympy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
