"""Tasks whose model is a list of arrays, trained by a client of the user's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor

from offchain.training.clients import ClientTask, EstimatorTask
from offchain.training.errors import TaskError, TrainingError, VectorError
from offchain.training.local import evaluate, initial_model, train
from offchain.training.registry import describe
from offchain.training.task import Dataset

SCHEDULE = {"learning_rate": 0.1, "epochs": 2, "batch_size": 8, "seed": 3}
FEATURES = np.random.default_rng(1).normal(size=(40, 3))
LABELS = (FEATURES.sum(axis=1) > 0).astype(np.int64)


class Told:
    """A client that does as it is told, and keeps what it was asked."""

    def __init__(self, arrays: list[Any], fitted: Any, asked: list[Any]) -> None:
        self.arrays, self.fitted, self.asked = arrays, fitted, asked

    def get_parameters(self, config: dict[str, Any]) -> list[Any]:
        return self.arrays

    def fit(self, parameters: list[Any], config: dict[str, Any]) -> Any:
        self.asked.append((parameters, config))
        return self.fitted(parameters) if callable(self.fitted) else self.fitted

    def evaluate(self, parameters: list[Any], config: dict[str, Any]) -> Any:
        self.asked.append(parameters)
        return float(np.sum(parameters[0])), 7, {"accuracy": 0.25, "f1": 0.75}


class ToldTask(ClientTask):
    name = "told"

    def __init__(self, arrays: list[Any], fitted: Any = None) -> None:
        self.arrays, self.fitted, self.asked = arrays, fitted, []

    def load(self) -> Dataset:
        return Dataset.of(FEATURES, LABELS, FEATURES[:5], LABELS[:5])

    def client(self, features: Any, labels: Any) -> Told:
        assert type(features) is np.ndarray
        return Told(self.arrays, self.fitted, self.asked)


ARRAYS = [
    np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32),
    np.array(5),
    np.array(0.5),
    np.zeros((0, 3)),
    np.array([7.0], dtype=np.float16),
]


def test_train__client__update_is_what_fit_changed_and_integers_stay_out() -> None:
    task = ToldTask(ARRAYS, lambda given: ([given[0] + 1, given[1], given[2] - 0.25, given[3], given[4] * 2], 40, {}))
    model = initial_model(task, 0)
    assert model.tolist() == [1, 2, 3, 4, 0.5, 7]
    update = train(task, model * 3, task.load().train, **SCHEDULE)
    assert update.tolist() == [1, 1, 1, 1, -0.25, 21]
    (given, config), *_ = task.asked
    assert [(array.dtype, array.shape) for array in given] == [(array.dtype, array.shape) for array in ARRAYS]
    assert (given[0].tolist(), given[1], given[2]) == ([[3, 6], [9, 12]], 5, 1.5)
    assert config == SCHEDULE | {"momentum": 0.0}


def test_describe__client__says_order_types_and_shapes_and_the_digest_of_what_is_fixed() -> None:
    task = ToldTask(ARRAYS)
    initial_model(task, 0)
    tensors = describe(task)["tensors"]
    assert [(one["name"], one["kind"], one["dtype"], one["shape"]) for one in tensors] == [
        ("array0", "learned", "float32", [2, 2]),
        ("array2", "learned", "float64", []),
        ("array3", "learned", "float64", [0, 3]),
        ("array4", "learned", "float16", [1]),
        ("array1", "fixed", "int64", []),
    ]
    other = ToldTask([ARRAYS[0], np.array(6), *ARRAYS[2:]])
    with pytest.raises((TaskError, VectorError), match="array1"):
        other.laid_out().agreed(describe(task)["tensors"])


@pytest.mark.parametrize(
    ("fitted", "message"),
    [
        (None, "gives arrays, how many rows it used, and metrics"),
        (ARRAYS, "gives arrays, how many rows it used, and metrics"),
        ((ARRAYS[:4], 1, {}), "4 arrays, of 5"),
        (([ARRAYS[0].T[:1], *ARRAYS[1:]], 1, {}), r"float32\[1, 2\] as array0, which is float32\[2, 2\]"),
        (([ARRAYS[2], ARRAYS[1], ARRAYS[0], *ARRAYS[3:]], 1, {}), r"float64\[\] as array0"),
        (([ARRAYS[0].astype(int), *ARRAYS[1:]], 1, {}), r"int64\[2, 2\] as array0"),
        (([*ARRAYS[:4], np.array([np.nan])], 1, {}), "array4 isn't finite after fit"),
        (([*ARRAYS[:4], np.array([np.inf])], 1, {}), "array4 isn't finite after fit"),
    ],
    ids=str,
)
def test_train__what_fit_gives_is_no_model__named(fitted: Any, message: str) -> None:
    task = ToldTask(ARRAYS, fitted)
    model = initial_model(task, 0)
    with pytest.raises(TrainingError, match=message):
        train(task, model, task.load().train, **SCHEDULE)


def test_train__fit_raises__says_what() -> None:
    task = ToldTask(ARRAYS, lambda given: given[9])
    model = initial_model(task, 0)
    with pytest.raises(TaskError, match="fit of 'told' fails: IndexError"):
        train(task, model, task.load().train, **SCHEDULE)


def test_train__client_draws_from_numpy__same_update_again_and_the_generator_left_alone() -> None:
    task = ToldTask([np.zeros(4)], lambda given: ([np.random.normal(size=4)], 1, {}))
    model = initial_model(task, 0)
    np.random.seed(11)
    one, other = (train(task, model, task.load().train, **SCHEDULE) for _ in range(2))
    after = np.random.normal()
    np.random.seed(11)
    assert np.array_equal(one, other)
    assert after == np.random.normal()
    assert not np.array_equal(one, train(task, model, task.load().train, **SCHEDULE | {"seed": 4}))


def test_evaluate__client__its_loss_and_the_metric_that_the_task_names() -> None:
    task = ToldTask([np.array([1.0, 2.0])])
    model = initial_model(task, 0)
    assert evaluate(task, model, task.load().test) == (3, 0.25)
    assert len(task.asked) == 1
    task.metric_name = "f1"  # type: ignore[misc]
    assert evaluate(task, model, task.load().test) == (3, 0.75)
    task.metric_name = "auc"  # type: ignore[misc]
    with pytest.raises(TaskError, match="says accuracy, f1; metric_name is 'auc'"):
        evaluate(task, model, task.load().test)


# --- scikit-learn


class Linear(EstimatorTask):
    name = "linear"

    def __init__(self, make: Callable[[], Any], labels: Any, classes: Any = ()) -> None:
        self.make, self.labels = make, labels
        self.classes = classes  # type: ignore[misc]

    def load(self) -> Dataset:
        return Dataset.of(FEATURES[:30], self.labels[:30], FEATURES[30:], self.labels[30:])

    def estimator(self) -> Any:
        return self.make()


THREE = np.digitize(FEATURES[:, 0], [-0.5, 0.5])
NUMBERS = FEATURES @ np.array([1.0, -2.0, 0.5]) + 3


@pytest.mark.parametrize(
    ("task", "size", "least"),
    [
        (Linear(lambda: SGDClassifier(loss="log_loss"), LABELS, (0, 1)), 4, 0.9),
        (Linear(lambda: SGDClassifier(loss="log_loss"), THREE, (0, 1, 2)), 12, 0.7),
        (Linear(lambda: LogisticRegression(), LABELS, (0, 1)), 4, 0.9),
        (Linear(lambda: LogisticRegression(), THREE, (0, 1, 2)), 12, 0.8),
        (Linear(lambda: SGDRegressor(), NUMBERS), 4, 0.95),
    ],
    ids=["two classes", "three classes", "logistic", "logistic, three", "regression"],
)
def test_train__estimator__learns_from_where_it_was(task: Linear, size: int, least: float) -> None:
    data = task.load()
    model = initial_model(task, 0)
    assert model.tolist() == [0] * size
    schedule = SCHEDULE | {"learning_rate": 0.05, "epochs": 20}
    one = train(task, model, data.train, **schedule)
    assert evaluate(task, model + one, data.test)[1] >= least > evaluate(task, model, data.test)[1]
    # a step from the trained model is not the one from zeros
    assert np.abs(train(task, model + one, data.train, **schedule) - one).max() > 0.1


def test_evaluate__estimator__loss_is_scikit_learns() -> None:
    task = Linear(lambda: LogisticRegression(), THREE, (0, 1, 2))
    data, fitted = task.load(), LogisticRegression().fit(FEATURES[:30], THREE[:30])
    initial_model(task, 0)
    loss, accuracy = evaluate(task, np.concatenate([fitted.coef_.ravel(), fitted.intercept_]), data.test)
    chances = fitted.predict_proba(FEATURES[30:])
    assert loss == pytest.approx(-np.log(chances[np.arange(10), THREE[30:]]).mean())
    assert accuracy == fitted.score(FEATURES[30:], THREE[30:])


def test_train__trainer_lacks_a_class__partial_fit_knows_it_and_others_say_so() -> None:
    data = Dataset.of(FEATURES[:30], np.minimum(THREE[:30], 1), FEATURES[30:], THREE[30:])
    some = Linear(lambda: SGDClassifier(loss="log_loss"), THREE, (0, 1, 2))
    update = train(some, initial_model(some, 0), data.train, **SCHEDULE)
    assert update.shape == (12,)
    strict = Linear(lambda: LogisticRegression(), THREE, (0, 1, 2))
    model = initial_model(strict, 0)
    with pytest.raises(TaskError, match="no row of class 2"):
        train(strict, model, data.train, **SCHEDULE)
