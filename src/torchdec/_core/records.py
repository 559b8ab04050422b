"""What the stages report while they work, and why they stop."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Search:
    """How far the search for neighbours is, before a `NeighborEncoder` is trained; no part of the history.

    Attributes
    ----------
    done, total : int
        Searches done and planned: one from the rows, and one from each changed copy of them.
    seconds : float
        Since the fit began.
    """

    done: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """A stretch of representation training (stage 1).

    Attributes
    ----------
    stage : str
        What is being trained, e.g. ``"layer 2 of 4"`` or ``"pretraining"``.
    step, n_steps : int
        Optimiser steps done and planned in this stage.
    loss : float
        Mean loss over the steps since the last record of the stage.
    learning_rate : float
        Of the last step.
    seconds : float
        Since the fit began.
    """

    stage: str
    step: int
    n_steps: int
    loss: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Centroids:
    """The first clusters in the code, and their centres (stage 2).

    Attributes
    ----------
    inertia : float
        Sum of the squared distances to the nearest centre, of the start that was kept.
    n_init : int
        How many starts were tried.
    sizes : tuple of int
        Rows of each cluster.
    seconds : float
        Since the fit began.
    found_by : str
        "k-means", or the candidate partition that the judge preferred.
    """

    inertia: float
    n_init: int
    sizes: tuple[int, ...]
    seconds: float
    found_by: str = "k-means"


@dataclass(frozen=True, slots=True)
class Update:
    """One update of the targets over all rows (stage 3).

    Attributes
    ----------
    number : int
        0 for the targets that the centres of stage 2 give.
    step : int
        Optimiser steps done before it.
    changed : float
        Share of the rows whose cluster changed since the last update (at 0: since stage 2).
    sizes : tuple of int
        Rows of each cluster, before any re-seeding.
    confidence : float
        Mean over all rows of max_j q_ij.
    kl : float
        KL(P || Q) over all rows with the new targets, per row, in nats.
    loss : float or None
        Mean training loss since the last update; None at number 0.
    reseeded : tuple of int
        Clusters that had lost all their rows and got a new centre.
    seconds : float
        Since the fit began.
    """

    number: int
    step: int
    changed: float
    sizes: tuple[int, ...]
    confidence: float
    kl: float
    loss: float | None
    reseeded: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of self-training between two updates that are thousands of steps apart.

    Attributes
    ----------
    update : int
        Number of the update before it.
    step, n_steps : int
        Optimiser steps since that update, and from it to the next.
    loss : float
        Mean training loss since that update.
    seconds : float
        Since the fit began.
    """

    update: int
    step: int
    n_steps: int
    loss: float
    seconds: float


Record = Search | Epoch | Centroids | Update | Stretch


class StopReason(Enum):
    """Why self-training ended; the value is the sentence that a user sees."""

    CONVERGED = "Converged: the fraction of rows that changed cluster fell below tol."
    MAX_ITER = "Stopped at max_iter updates, before the fraction of rows that changed cluster fell below tol."
    UNSETTLED = (
        "Stopped: the fraction of rows that changed cluster reached no new low; kept the best state so far."
    )
    INTERRUPTED = "Interrupted: the model is as it was at that moment."

    @classmethod
    def sentence(cls, name: str) -> str:
        """Return the sentence for a name that a file gave, or the name where this version does not know it."""
        return cls[name].value if name in cls.__members__ else name
