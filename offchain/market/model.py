"""The trained model as a member takes it away: a file that torch reads, how good it is, and what it says of rows.

    model.safetensors    the module's state_dict; metadata as in `Model.about`, and the task's description
    model.schema.json    of a table, how its columns become inputs and its classes outputs

    module.load_state_dict(safetensors.torch.load_file("model.safetensors"))

The copy that it is made of was followed from the initial model through every settled round, each aggregate checked
against the commitment that the contract formed (`member.py`).
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file, save
from torch import Tensor, nn

from offchain.market.errors import SettingsError
from offchain.storage.files import written_whole
from offchain.storage.payload import model_to_bytes, task_from_bytes, task_to_bytes
from offchain.training.errors import TaskError
from offchain.training.local import ready
from offchain.training.registry import task_from_description
from offchain.training.tabular import Tabular
from offchain.training.task import Samples, Task
from offchain.training.vector import to_vector

__all__ = ["Model", "model_hash", "predict", "samples_from_bytes", "samples_to_bytes", "task_of"]


UNREAD = "data.csv"  # of a table that isn't loaded


def model_hash(vector: npt.NDArray[np.float64]) -> str:
    """SHA-256 of a model, float64[d], as it is stored: the same for all members after the same round."""
    return hashlib.sha256(model_to_bytes(vector)).hexdigest()


def task_of(description: dict[str, Any], path: str = "") -> Task:
    """The task of a published description. path: of a table, if it is to be loaded. Raises TaskError."""
    described = description.get("task")
    is_table = isinstance(described, dict) and described.get("task") == Tabular.name
    if not isinstance(described, dict) or (path and not is_table):
        raise TaskError("the description has no task" if not path else f"the task reads no file such as {path}")
    return task_from_description(described, **({"path": path or UNREAD} if is_table else {}))


@dataclass(frozen=True)
class Model:
    """A trained module, what it is (chain_id, project, rounds, hash), and the description of its task."""

    module: nn.Module
    about: dict[str, str]
    description: dict[str, Any]

    @classmethod
    def of_vector(cls, description: dict[str, Any], vector: npt.NDArray[np.float64], about: dict[str, str]) -> Model:
        """vector: float64[d]. Raises TaskError, VectorError."""
        return cls(ready(task_of(description), vector), about | {"hash": model_hash(vector)}, description)

    def save(self, file: Path) -> list[Path]:
        """Writes the file, and a schema next to it if there is one. Returns what was written. Raises SettingsError."""
        state = {name: t for name, t in self.module.state_dict().items() if isinstance(t, Tensor)}
        tensors = {name: t.detach().clone().contiguous() for name, t in state.items()}  # a shared one by each name
        metadata = self.about | {"task": task_to_bytes(self.description).decode(), "format": "pt"}
        contents = {file: save(tensors, metadata)}
        if (schema := self.description["task"].get("schema")) is not None:
            contents[file.with_suffix(".schema.json")] = (json.dumps(schema, indent=1) + "\n").encode()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            for path, content in contents.items():
                with written_whole(path) as target:
                    target.write(content)
        except OSError as error:
            raise SettingsError(f"can't write {file}: {error.strerror or error}") from None
        return list(contents)

    @classmethod
    def load(cls, file: Path) -> Model:
        """Raises SettingsError if it is no such file, TaskError if its task isn't known here."""
        try:
            with safe_open(file, "pt") as opened:
                metadata = dict(opened.metadata() or {})
            tensors = load_file(file)
            description = task_from_bytes(metadata.pop("task").encode())
        except (OSError, SafetensorError, KeyError) as error:
            raise SettingsError(f"{file} is no model that `ape run model` has written: {error}") from None
        module = task_of(description).skeleton()
        own = {name for name, t in module.state_dict().items() if isinstance(t, Tensor)}
        try:
            missing, unexpected = module.load_state_dict(tensors, strict=False)
        except RuntimeError as error:  # another shape
            raise SettingsError(f"{file} isn't of the task's module: {error}") from None
        if stray := sorted({*unexpected, *(own & set(missing))}):
            raise SettingsError(f"{file} isn't of the task's module: {', '.join(stray)}")
        return cls(module.eval(), metadata, description)

    @property
    def task(self) -> Task:
        return task_of(self.description)

    @property
    def vector(self) -> npt.NDArray[np.float64]:
        """float64[d], rounded to the module's types."""
        return to_vector(self.module, self.task.layout)


def predict(model: Model, task: Tabular, samples: Samples, file: Path) -> None:
    """Writes a line for each row: its number from 1, its label, the class that the model finds, and how sure it is."""
    with torch.no_grad():
        sure, found = model.module(samples.features).softmax(dim=1).max(dim=1)
    classes = task.schema.classes
    try:
        with file.open("w", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(["row", task.schema.label, "prediction", "probability"])
            rows = zip(samples.labels.tolist(), found.tolist(), sure.tolist(), strict=True)
            for number, (label, prediction, probability) in enumerate(rows, 1):
                writer.writerow([number, classes[label], classes[prediction], f"{probability:.4f}"])
    except OSError as error:
        raise SettingsError(f"can't write {file}: {error.strerror or error}") from None


def samples_to_bytes(samples: Samples) -> bytes:
    """Rows as a state folder keeps them."""
    return save({"features": samples.features.contiguous(), "labels": samples.labels.contiguous()})


def samples_from_bytes(content: bytes) -> Samples:
    tensors = load(content)
    return Samples(tensors["features"], tensors["labels"])
