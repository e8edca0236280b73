"""The auditor on a small market of synthetic trainers: what passes, and each thing that must not."""

from __future__ import annotations

from typing import Any

from offchain.market.audit.finding import Finding
from offchain.market.auditor import Auditor
from tests.offchain.market.play import Play


def audit(play: Play, **changes: Any) -> list[Finding]:
    stage = play.stage
    arguments = {"store": stage.store, "srs": stage.srs} | changes
    return list(Auditor(play.project, stage.contracts, **arguments).run())


def settle_round(play: Play) -> None:
    play.to_settling()
    play.aggregator.settle()


def test_audit__running_project__passes(play: Play) -> None:
    settle_round(play)
    findings = audit(play)
    for f in findings:
        print(f)
    assert all(finding.checked for finding in findings)
