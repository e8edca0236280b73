"""Training that isn't torch's: a task whose model is a list of arrays, trained by a client of the user's.

    class Rings(ClientTask):
        name = "rings"

        def load(self) -> Dataset:
            return Dataset.of(x, y, test_x, test_y)              # NumPy arrays

        def client(self, features, labels):                      # NumPy arrays: rows of what `load` gave
            return FlowerClient(Net(), features, labels)         # any Flower NumPyClient

A client has Flower's `NumPyClient` methods, and need not import Flower:

    get_parameters(config) -> arrays                             # a new client's are the model to start from
    fit(arrays, config) -> (arrays, rows used, metrics)
    evaluate(arrays, config) -> (loss, rows used, metrics)       # metrics["accuracy"], or another `metric_name`

`config` has `learning_rate`, `epochs`, `batch_size`, `momentum` and `seed` of the round as the project's terms have
them; `get_parameters` gets the `seed` alone. Torch's and NumPy's generators are seeded with it too.

Arrays of floating-point numbers are learned; all others stay as they are at the start, from seed 0. Everybody's must
have the same order, shapes and types, as everybody runs the same code: the owner publishes them, and what differs is
named before anything is staked. `EstimatorTask` is such a task for scikit-learn's linear models.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from offchain.training.descent import Steps
from offchain.training.errors import TaskError, TrainingError, failing
from offchain.training.task import MAX_PARAMETERS, Samples, Task

__all__ = ["Client", "ClientTask", "EstimatorTask"]

Arrays = Sequence[npt.NDArray[Any]]


class Client(Protocol):
    """What trains: a Flower NumPyClient, or anything with these methods."""

    def get_parameters(self, config: dict[str, Any]) -> Arrays: ...

    def fit(self, parameters: list[Any], config: dict[str, Any]) -> tuple[Arrays, int, Mapping[str, Any]]: ...

    def evaluate(self, parameters: list[Any], config: dict[str, Any]) -> tuple[float, int, Mapping[str, Any]]: ...


class _Arrays(nn.Module):
    """A list of arrays as a module: what is learned as parameters, the rest as buffers."""

    def __init__(self, arrays: Arrays) -> None:
        super().__init__()
        if sum(array.size for array in arrays) > MAX_PARAMETERS:
            raise TaskError(f"the arrays have more than {MAX_PARAMETERS:,} numbers")
        self.names = [f"array{i}" for i in range(len(arrays))]
        for name, array in zip(self.names, arrays, strict=True):
            tensor = torch.from_numpy(np.array(array))
            if tensor.is_floating_point():
                self.register_parameter(name, nn.Parameter(tensor))
            else:
                self.register_buffer(name, tensor)

    def arrays(self) -> list[npt.NDArray[Any]]:
        """Copies, that a client may do with what it likes."""
        return [getattr(self, name).detach().numpy().copy() for name in self.names]

    def put(self, arrays: Arrays) -> None:
        """What a client has learned. Raises TrainingError that names the first array that isn't as it was."""
        if len(arrays) != len(self.names):
            raise TrainingError(f"fit gave {len(arrays)} arrays, of {len(self.names)}")
        for name, array in zip(self.names, arrays, strict=True):
            tensor, found = getattr(self, name), np.asarray(array)
            if found.shape != tuple(tensor.shape) or (found.dtype.kind != "f") == tensor.is_floating_point():
                raise TrainingError(
                    f"fit gave {found.dtype}{list(found.shape)} as {name}, which is "
                    f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
                )
            if tensor.is_floating_point():
                if not np.isfinite(found).all():
                    raise TrainingError(f"{name} isn't finite after fit: take a smaller learning rate")
                tensor.data.copy_(torch.from_numpy(np.array(found)))


class ClientTask(Task):
    """A task that a client trains. `metric_name`: of what `evaluate` says, the number that is better when larger."""

    metric_name: ClassVar[str] = "accuracy"

    @abstractmethod
    def client(self, features: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Client:
        """A client with these rows of data as its own."""

    def module(self) -> nn.Module:
        seed = torch.initial_seed()
        made: dict[int, Arrays] = self.__dict__.setdefault("_made", {})  # what a client starts from needs the data
        if seed not in made:
            with failing(f"the data of {self.name!r} can't be loaded"):
                data = self.load().train
            with failing(f"get_parameters of {self.name!r} fails"), _seeded(seed):
                arrays = [np.asarray(array) for array in self._client(data).get_parameters({"seed": seed})]
            made[seed] = arrays
        return _Arrays(made[seed])

    def fit(self, module: nn.Module, data: Samples, steps: Steps) -> None:
        arrays = _of(module)
        with failing(f"fit of {self.name!r} fails"), _seeded(steps.seed):
            answer = self._client(data).fit(arrays.arrays(), asdict(steps))
        if not isinstance(answer, tuple) or len(answer) != 3:
            raise TrainingError(f"fit of {self.name!r} gives arrays, how many rows it used, and metrics")
        arrays.put(answer[0])

    def measure(self, model: nn.Module, data: Samples) -> tuple[float, float]:
        """As the client evaluates it, once."""
        with failing(f"evaluate of {self.name!r} fails"), _seeded(0):
            loss, _, metrics = self._client(data).evaluate(_of(model).arrays(), {})
            if self.metric_name not in metrics:
                raise TaskError(
                    f"evaluate of {self.name!r} says {', '.join(map(str, metrics)) or 'no metrics'}; "
                    f"metric_name is {self.metric_name!r}"
                )
            return float(loss), float(metrics[self.metric_name])

    def _client(self, data: Samples) -> Client:
        return self.client(data.features.numpy(), data.labels.numpy())


class EstimatorTask(ClientTask):
    """A task for a linear model of scikit-learn with `coef_` and `intercept_`, from zeros: SGDClassifier, SGDRegressor,
    LogisticRegression and the like. `classes`: all that there are, which a trainer's own rows may lack; of a regression
    none. An estimator with `partial_fit` gets one call an epoch and, where it has it, `eta0` as the learning rate.
    """

    classes: ClassVar[Sequence[int]] = ()

    @abstractmethod
    def estimator(self) -> Any:
        """A new one."""

    def client(self, features: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Client:
        return _EstimatorClient(self.estimator(), np.asarray(self.classes), features, labels)

    @property
    def metric_name(self) -> str:  # type: ignore[override]
        return "accuracy" if len(self.classes) else "r2"


class _EstimatorClient:
    def __init__(self, estimator: Any, classes: npt.NDArray[Any], features: Any, labels: Any) -> None:
        self.estimator, self.classes, self.features, self.labels = estimator, classes, features, labels

    def get_parameters(self, config: dict[str, Any]) -> Arrays:
        columns, classes = self.features.shape[1], len(self.classes)
        if not classes:
            return [np.zeros(columns), np.zeros(1)]
        rows = 1 if classes == 2 else classes
        return [np.zeros((rows, columns)), np.zeros(rows)]

    def fit(self, parameters: list[Any], config: dict[str, Any]) -> tuple[Arrays, int, dict[str, Any]]:
        model = self._with(parameters)
        known = model.get_params()
        if "random_state" in known:
            model.set_params(random_state=config["seed"] % 2**32)
        if "eta0" in known:
            model.set_params(eta0=config["learning_rate"], learning_rate="constant")
        if hasattr(model, "partial_fit"):
            told = {"classes": self.classes} if len(self.classes) else {}
            for _ in range(config["epochs"]):
                model.partial_fit(self.features, self.labels, **told)
        else:
            if missing := set(self.classes.tolist()) - set(np.unique(self.labels).tolist()):
                raise TaskError(f"no row of class {min(missing)}: an estimator without partial_fit needs all of them")
            model.set_params(warm_start=True, max_iter=config["epochs"])
            model.fit(self.features, self.labels)
        return [model.coef_, model.intercept_], len(self.labels), {}

    def evaluate(self, parameters: list[Any], config: dict[str, Any]) -> tuple[float, int, dict[str, Any]]:
        scores = self.features @ np.atleast_2d(parameters[0]).T + parameters[1]
        if not len(self.classes):
            errors = scores[:, 0] - self.labels
            spread = ((self.labels - self.labels.mean()) ** 2).mean()
            loss = float((errors**2).mean())
            return loss, len(self.labels), {"r2": 1 - loss / spread if spread else 0.0}
        if scores.shape[1] == 1:
            scores = np.hstack([np.zeros_like(scores), scores])
        own = np.searchsorted(self.classes, self.labels)
        scores = scores - scores.max(axis=1, keepdims=True)
        loss = float((np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(own)), own]).mean())
        return loss, len(own), {"accuracy": float((scores.argmax(axis=1) == own).mean())}

    def _with(self, parameters: list[Any]) -> Any:
        model = self.estimator
        model.coef_, model.intercept_ = parameters
        if len(self.classes):
            model.classes_ = self.classes
        return model


def _of(module: nn.Module) -> _Arrays:
    if not isinstance(module, _Arrays):
        raise TaskError("the module isn't a client's arrays: leave `module` to ClientTask")
    return module


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """NumPy's global generator seeded inside and left as it was, as `deterministic` does with torch's."""
    state = np.random.get_state()
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        np.random.set_state(state)
