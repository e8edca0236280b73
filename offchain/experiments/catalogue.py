"""All experiments, by name."""

from __future__ import annotations

from offchain.experiments.ablation import ABLATION
from offchain.experiments.buffers import BUFFERS
from offchain.experiments.cost import COST
from offchain.experiments.experiment import Experiment
from offchain.experiments.fairness import FAIRNESS
from offchain.experiments.manipulation import MANIPULATION
from offchain.experiments.quantisation import QUANTISATION
from offchain.experiments.rate import RATE
from offchain.experiments.reference import REFERENCE
from offchain.experiments.robustness import ROBUSTNESS
from offchain.experiments.shown import SHOWN_EXPERIMENT
from offchain.experiments.stability import STABILITY

__all__ = ["EXPERIMENTS"]

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        FAIRNESS,
        ROBUSTNESS,
        MANIPULATION,
        SHOWN_EXPERIMENT,
        ABLATION,
        STABILITY,
        QUANTISATION,
        BUFFERS,
        RATE,
        REFERENCE,
        COST,
    )
}
