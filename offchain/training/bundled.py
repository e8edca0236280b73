"""Tasks on data that come with scikit-learn: nothing to download, the same on every machine.

| name | rows | inputs | classes | module | parameters d |
|---|---|---|---|---|---|
| digits | 1,797 | 64 pixels, 0 to 1 | 10 | one hidden layer of 32 | 2,410 |
| breast-cancer | 569 | 30, standardised | 2 | one hidden layer of 16 | 530 |
| wine | 178 | 13, standardised | 3 | one hidden layer of 16 | 275 |

A fifth of the rows, drawn once with the classes in proportion, is kept back as the test set. Everyone who loads such
a task has all of it: it stands in for private data in demos and tests, after `partition.py` has dealt it out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split
from torch import nn

from offchain.training.task import Dataset, Samples, Task, mlp

__all__ = ["BreastCancer", "BundledTask", "Digits", "Wine"]

_TEST_SHARE = 0.2
_SPLIT_SEED = 0  # part of the task: everyone keeps the same rows back


class BundledTask(Task):
    """A classifier on one of scikit-learn's bundled tables."""

    source: ClassVar[Callable[..., Any]]
    inputs: ClassVar[int]
    hidden: ClassVar[int]
    classes: ClassVar[int]

    def module(self) -> nn.Module:
        return mlp(self.inputs, self.hidden, self.classes)

    def load(self) -> Dataset:
        features, labels = type(self).source(return_X_y=True)
        parts = train_test_split(features, labels, test_size=_TEST_SHARE, stratify=labels, random_state=_SPLIT_SEED)
        train, test = self.scale(parts[0], parts[1])
        return Dataset(_samples(train, parts[2]), _samples(test, parts[3]))

    def scale(self, train: npt.NDArray[Any], test: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Standardises both parts with the training part's mean and deviation:

        the test set must not leak into training.
        """
        mean, deviation = train.mean(axis=0), train.std(axis=0)
        return (train - mean) / deviation, (test - mean) / deviation


class Digits(BundledTask):
    """Handwritten digits of 8 x 8 pixels."""

    name = "digits"
    source, inputs, hidden, classes = load_digits, 64, 32, 10

    def scale(self, train: npt.NDArray[Any], test: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return train / 16, test / 16


class BreastCancer(BundledTask):
    """Benign or malignant, from 30 measures of cell nuclei."""

    name = "breast-cancer"
    source, inputs, hidden, classes = load_breast_cancer, 30, 16, 2


class Wine(BundledTask):
    """Which of three growers, from 13 chemical measures."""

    name = "wine"
    source, inputs, hidden, classes = load_wine, 13, 16, 3


def _samples(features: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Samples:
    return Samples(torch.from_numpy(features.astype(np.float32)), torch.from_numpy(labels.astype(np.int64)))
