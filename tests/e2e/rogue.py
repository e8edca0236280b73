"""A trainer's program that doesn't keep to the rules, as a process of its own: `garbage` publishes bytes that nobody
can open, `copier` another's sealed payload byte for byte.

python -m tests.e2e.rogue KIND CONFIG ACCOUNT
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path
from typing import Any

from ape import accounts, networks
from ape import project as contracts

from offchain.market.programs.setup import find_project, surroundings
from offchain.market.programs.steps import Step
from offchain.market.programs.trainer import TrainerProgram
from offchain.market.project import Look
from offchain.market.settings import TrainerSettings, load


class Garbage(TrainerProgram):
    """Its payload is noise, of whose CID it says that it is the update's."""

    def prepare(self, look: Look) -> None:
        super().prepare(look)
        self.journal.write(f"sealed-{look.status.round}", b"nobody can open this" * 50)


class Copier(TrainerProgram):
    """Delivers the CID that somebody else has delivered: it waits for one, and then has the same bytes."""

    def deliver(self, look: Look) -> None:
        round_ = look.status.round
        others = [d for d in self.project.deliveries(round_) if d.trainer != self.address]
        if not others:
            time.sleep(0.2)
            return
        kept = self._kept(round_)
        self.around.sender.transact(self.project.escrow.deliver, kept.commitment, others[0].cid)

    def next_step(self, look: Look) -> Step:
        step = super().next_step(look)
        return Step.WAIT if step == Step.PUBLISH else step  # its victim publishes for it


def main(kind: str, config: str, number: str) -> None:
    logging.basicConfig(level=logging.INFO)
    with networks.ethereum.local.use_provider("foundry") as provider:
        account: Any = accounts.test_accounts[int(number)]
        settings = load(TrainerSettings, Path(config), {})
        around = surroundings(settings, "trainer", account, contracts, provider)
        program = {"garbage": Garbage, "copier": Copier}[kind](settings, find_project(settings, around), around)
        program.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
