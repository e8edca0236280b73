"""ezkl: neural networks as halo2 circuits with KZG commitments.

The network here is X -> X X^T for a private X of int16 entries, and its output is public. Run arguments are ezkl's own
(Freivalds' check of the product, two columns), with scale 0 so that integers stay what they are, the fewest rows that
fit, and no range checks. The SRS is made locally. Unlike Meed's statement this binds X to no commitments.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from offchain.bench.case import Case, random_updates
from offchain.bench.child import call, say, serve, threads_of_libraries
from offchain.bench.errors import BenchError
from offchain.bench.meter import figure, peak_mb, timed
from offchain.bench.peers.base import Peer

__all__ = ["Ezkl"]

_BLINDING_ROWS = 6
_STATEMENT = "X X^T = G over the field, X private, G public; unlike Meed's it binds X to no commitments"


class Ezkl(Peer):
    """The proof of a Gram matrix; keys are made anew at each call."""

    name = "ezkl"
    stages = ("prove",)

    def missing(self) -> str | None:
        if find_spec("ezkl") and find_spec("onnx"):
            return None
        return "ezkl and onnx are not installed: `make peers` does it, or pip install ezkl onnx"

    def measure(self, case: Case, folder: Path, answer: Any, threads: int | None) -> dict[str, Any]:
        job = {"case": asdict(case), "folder": str(folder)}
        say("ezkl makes keys and witness")
        prepared = call(__name__, job | {"step": "prepare"}, threads)
        say(f"ezkl proves; keys and witness took {prepared['setup_s']} s")
        return {**call(__name__, job | {"step": "prove"}, threads), **prepared}


def _serve(job: dict[str, Any]) -> dict[str, Any]:
    case = Case(**job["case"])
    os.chdir(job["folder"])
    return _prepare(case) if job["step"] == "prepare" else _prove(case)


def _prepare(case: Case) -> dict[str, Any]:
    """Circuit, SRS, witness and keys, as files."""
    import ezkl

    updates = random_updates(case.rows, case.dimension)
    started = time.perf_counter()
    _write_model(case)
    _write_json("input.json", {"input_data": [updates.ravel().tolist()]})
    arguments = ezkl.PyRunArgs()
    arguments.input_visibility, arguments.output_visibility = "private", "public"
    arguments.input_scale = arguments.param_scale = 0
    arguments.ignore_range_check_inputs_outputs = True
    ezkl.gen_settings("gram.onnx", "settings.json", py_run_args=arguments)
    settings = _read_json("settings.json")
    logrows = (settings["num_rows"] + _BLINDING_ROWS - 1).bit_length()
    settings["run_args"]["logrows"] = logrows
    _write_json("settings.json", settings)
    ezkl.compile_circuit("gram.onnx", "gram.ezkl", "settings.json")
    ezkl.gen_srs("kzg.srs", logrows)
    witness = timed(lambda: ezkl.gen_witness("input.json", "gram.ezkl", "witness.json"))
    wide = updates.astype(np.int64)
    values = [ezkl.felt_to_int(value) for value in _read_json("witness.json")["outputs"][0]]
    if values != (wide @ wide.T).ravel().tolist():
        raise BenchError("ezkl's matrix is not the Gram matrix")
    ezkl.setup("gram.ezkl", "vk.key", "pk.key", "kzg.srs")
    setup_s = time.perf_counter() - started - witness["wall_s"]
    return {"setup_s": figure(setup_s), "setup_peak_mb": peak_mb(), "witness_s": witness["wall_s"]}


def _prove(case: Case) -> dict[str, Any]:
    import ezkl

    figures = timed(lambda: ezkl.prove("witness.json", "gram.ezkl", "pk.key", "proof.json", "kzg.srs"), case.repeat)
    peak = peak_mb()
    if not ezkl.verify("proof.json", "settings.json", "vk.key", "kzg.srs", False):
        raise BenchError("ezkl's proof doesn't verify")
    return {
        "stage": case.stage,
        "peer": "ezkl",
        "version": metadata.version("ezkl"),
        "rows": case.rows,
        "dimension": case.dimension,
        "threads": threads_of_libraries(),
        **figures,
        "peak_mb": peak,
        "statement": _STATEMENT,
        "includes": "reading the keys",
        "excludes": "keys and SRS (setup_s), witness (witness_s)",
    }


def _write_model(case: Case) -> None:
    import onnx
    from onnx import TensorProto, helper

    shape = [case.rows, case.dimension]
    graph = helper.make_graph(
        [helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0]), helper.make_node("MatMul", ["x", "y"], ["g"])],
        "gram",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("g", TensorProto.FLOAT, [case.rows, case.rows])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), "gram.onnx")


def _read_json(name: str) -> Any:
    return json.loads(Path(name).read_text())


def _write_json(name: str, value: Any) -> None:
    Path(name).write_text(json.dumps(value))


if __name__ == "__main__":
    serve(_serve)
