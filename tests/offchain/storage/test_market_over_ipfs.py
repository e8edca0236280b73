"""The demo's market on a Kubo node: what its parties put, its peers can get."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offchain.simulation.market import Market
from offchain.simulation.options import MarketOptions
from offchain.storage.ipfs import IpfsStore
from offchain.storage.payload import aggregate_from_bytes, aggregate_size, model_from_bytes, model_size


@pytest.mark.slow
def test_market__over_a_kubo_node__pays_and_its_contents_are_to_be_had_at_another(
    project: Any, accounts: Any, kubo_stores: list[IpfsStore], tmp_path: Path
) -> None:
    here, there = kubo_stores
    market = Market(MarketOptions(rounds=1), project, accounts, tmp_path, store=here)
    market.open()
    market.play_round()
    result = market.close()
    assert result["copies_agree"]
    assert result["left_in_escrow"] == "0"
    assert not list(tmp_path.iterdir())
    terms = market.project.terms
    (settlement,) = market.project.settlements()
    model_from_bytes(there.get(terms.model, model_size(terms.dimension)), terms.dimension)
    aggregate_from_bytes(there.get(settlement.cid, aggregate_size(terms.dimension)), terms.dimension)
