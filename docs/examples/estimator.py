"""A linear classifier of scikit-learn as a task of a market.

ape run simulate --task docs/examples/estimator.py:Digits
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from offchain.training.clients import EstimatorTask
from offchain.training.task import Dataset


class Digits(EstimatorTask):
    name = "digits-linear"
    classes = range(10)

    def load(self) -> Dataset:
        x, y = load_digits(return_X_y=True)
        x, test_x, y, test_y = train_test_split(x / 16, y, test_size=0.2, random_state=0)
        return Dataset.of(x, y, test_x, test_y)

    def estimator(self) -> SGDClassifier:
        return SGDClassifier(loss="log_loss", alpha=1e-4)
