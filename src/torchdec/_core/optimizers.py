"""Adam and SGD of torch without the import of torch's compiler at their first use, seconds of each process.

torch wraps methods of its optimisers so that compiled code passes by them. Nothing is compiled here, so these are
the methods within; where torch doesn't wrap one, it is the method itself. Steps give the same bits.
"""

from inspect import unwrap
from typing import Any

import torch


def _plain(of: type[torch.optim.Optimizer]) -> dict[str, Any]:
    methods: dict[str, Any] = {
        name: unwrap(getattr(of, name)) for name in ("add_param_group", "zero_grad", "step")
    }
    return methods | {"step": torch.no_grad()(methods["step"])}


Adam: type[torch.optim.Adam] = type("Adam", (torch.optim.Adam,), _plain(torch.optim.Adam))
SGD: type[torch.optim.SGD] = type("SGD", (torch.optim.SGD,), _plain(torch.optim.SGD))
