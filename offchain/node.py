"""The development chain that Ape starts, on a diet.

ape-foundry starts Anvil with `--steps-tracing`: each step of each transaction is kept, 2 to 3 GB for a round of ten
trainers. Nothing here reads these traces: a revert's reason and `ape.reverts` need none.
"""

from __future__ import annotations

from ape_foundry.provider import FoundryProvider

__all__ = ["without_traces"]

_TRACING = "--steps-tracing"


def without_traces() -> None:
    """Has every Anvil that this process starts keep no traces. May be called again."""
    build = FoundryProvider.build_command
    if getattr(build, "is_without_traces", False):
        return

    def build_command(self: FoundryProvider) -> list[str]:
        return [word for word in build(self) if word != _TRACING]

    build_command.is_without_traces = True  # type: ignore[attr-defined]
    FoundryProvider.build_command = build_command
