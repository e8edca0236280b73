"""A Flower client as a task of a market. The client is what a user of Flower has already; Flower itself isn't needed.

ape run simulate --task docs/examples/flower.py:Tumours
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from offchain.training.clients import ClientTask
from offchain.training.task import Dataset


class FlowerClient:
    """A `flwr.client.NumPyClient`: logistic regression by hand."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def get_parameters(self, config):
        return [np.zeros(self.x.shape[1]), np.zeros(1)]

    def fit(self, parameters, config):
        weights, bias = parameters
        for _ in range(config["epochs"]):
            order = np.random.permutation(len(self.y))
            for rows in np.array_split(order, max(1, len(order) // config["batch_size"])):
                error = self._probability(weights, bias, rows) - self.y[rows]
                weights = weights - config["learning_rate"] * self.x[rows].T @ error / len(rows)
                bias = bias - config["learning_rate"] * error.mean()
        return [weights, bias], len(self.y), {}

    def evaluate(self, parameters, config):
        found = self._probability(*parameters, slice(None))
        loss = -np.log(np.where(self.y == 1, found, 1 - found) + 1e-12).mean()
        return float(loss), len(self.y), {"accuracy": float(((found > 0.5) == self.y).mean())}

    def _probability(self, weights, bias, rows):
        return 1 / (1 + np.exp(-(self.x[rows] @ weights + bias)))


class Tumours(ClientTask):
    name = "tumours"

    def load(self):
        x, y = load_breast_cancer(return_X_y=True)
        x = (x - x.mean(axis=0)) / x.std(axis=0)
        x, test_x, y, test_y = train_test_split(x, y, test_size=0.2, random_state=0)
        return Dataset.of(x, y, test_x, test_y)

    def client(self, features, labels):
        return FlowerClient(features, labels)
