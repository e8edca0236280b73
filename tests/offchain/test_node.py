"""The development chain: without traces, and what a command makes of its end."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

import pytest

from offchain.node import NodeGone, stoppable, watched


def node(answers: bool) -> Any:
    return SimpleNamespace(web3=SimpleNamespace(is_connected=lambda: answers))


class Forgotten:
    """Ape's provider of a node that it has stopped."""

    @property
    def web3(self) -> Any:
        raise RuntimeError("not connected")


def test_anvil__started_by_ape__keeps_no_traces_of_steps(networks: Any) -> None:
    words = networks.provider.build_command()
    assert "--steps-tracing" not in words
    assert words[1:3] == ["--port", networks.provider.uri.rpartition(":")[2]]


@pytest.mark.parametrize("provider", [node(answers=False), Forgotten()])
def test_watched__node_does_not_answer__says_that_it_has_ended_and_what_to_do(provider: Any) -> None:
    with (
        pytest.raises(NodeGone, match=r"the development chain has ended.*ask for fewer trainers or rounds") as found,
        watched(provider),
    ):
        raise ConnectionResetError(104, "Connection reset by peer")
    assert isinstance(found.value.__cause__, ConnectionResetError)


def test_watched__node_answers__error_stays_what_it_was() -> None:
    with pytest.raises(ConnectionResetError, match="by peer"), watched(node(answers=True)):
        raise ConnectionResetError(104, "Connection reset by peer")


def test_watched__ctrl_c__is_no_end_of_the_node() -> None:
    with pytest.raises(KeyboardInterrupt), watched(node(answers=False)):
        raise KeyboardInterrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stoppable__signal__interrupts_and_later_handlers_are_as_before(number: int) -> None:
    seen: list[int] = []
    before = signal.signal(number, lambda number, _frame: seen.append(number))
    try:
        with pytest.raises(KeyboardInterrupt), stoppable():
            signal.raise_signal(number)
        assert not seen
        signal.raise_signal(number)
        assert seen == [number]
    finally:
        signal.signal(number, before)
