"""From the parameter `representation` of a DEC to an estimator, and from that to networks of its own."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from torchdec._autoencoder import Autoencoder
from torchdec._core.compute import Compute
from torchdec._neighbors import NeighborEncoder
from torchdec._representation import Representation, refuse_other_names
from torchdec._transformed import Transformed, of_estimator

PRESETS: dict[str, Callable[[], Representation]] = {
    "neighbors": NeighborEncoder,
    "autoencoder": Autoencoder,
    "sdae": Autoencoder.paper,
}


def new_representation(dec: Any, seed: int) -> Representation:
    """Make the estimator that a DEC asks for, or take out the fitted one that it holds frozen.

    A new one gets the seed, and augmentation, device and precision of the DEC, where it has none of its own.
    """
    wanted = dec.representation
    if isinstance(wanted, FrozenEstimator):
        representation = _checked_frozen(wanted.estimator, dec)
        if isinstance(representation, Transformed):
            _set_where_open(representation, device=dec.device)
    else:
        representation = PRESETS[wanted]() if isinstance(wanted, str) else of_estimator(clone(wanted))
        _set_where_open(
            representation, random_state=seed, augment=dec.augment, device=dec.device, precision=dec.precision
        )
        representation._validate_params()
    decoder = getattr(representation, "decoder_", representation.has_decoder)
    if dec.reconstruction_weight > 0 and decoder in (None, False):
        raise _no_decoder(representation, dec.reconstruction_weight)
    return representation


def _no_decoder(representation: Representation, reconstruction_weight: float) -> ValueError:
    return ValueError(
        f"reconstruction_weight={reconstruction_weight} needs a decoder, which "
        f'{type(representation).__name__} has not; try representation="autoencoder", a NeighborEncoder with a '
        "reconstruction_weight of its own, or a weight of 0."
    )


def set_parameter(representation: Representation, name: str, value: Any) -> None:
    """Set a parameter of a representation, also one that its class only has as an attribute."""
    if name in representation.get_params(deep=False):
        representation.set_params(**{name: value})
    else:
        setattr(representation, name, value)


def _set_where_open(representation: Representation, **parameters: Any) -> None:
    for name, value in parameters.items():
        if getattr(representation, name, ...) in (None, "auto"):
            set_parameter(representation, name, value)


def own_networks(
    representation: Representation, reconstruction_weight: float, compute: Compute
) -> tuple[nn.Module, nn.Module | None]:
    """Copy encoder and, where it has a weight, decoder, so that training leaves the representation as it is."""
    encoder = deepcopy(representation.encoder_).to(compute.device).requires_grad_()
    if reconstruction_weight == 0:
        return encoder, None
    if representation.decoder_ is None:  # known only now that its own class made the networks
        raise _no_decoder(representation, reconstruction_weight)
    return encoder, deepcopy(representation.decoder_).to(compute.device).requires_grad_()


def _checked_frozen(representation: Any, dec: Any) -> Representation:
    check_is_fitted(representation)
    refuse_other_names(*(getattr(each, "feature_names_in_", None) for each in (dec, representation)))
    if getattr(representation, "n_features_in_", dec.n_features_in_) != dec.n_features_in_:
        raise ValueError(
            f"X has {dec.n_features_in_} features, but the frozen representation was fitted on "
            f"{representation.n_features_in_}."
        )
    return of_estimator(representation, frozen=True)
