"""The table of the policy's numbers is the contract's."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from offchain.scoring.constants import MEANINGS, NUMBERS, ONE

CONTRACT = (Path(__file__).parents[3] / "contracts" / "modules" / "consensus.vy").read_text()


def constant_of(name: str) -> int:
    found = re.search(rf"^{name}: constant\(u?int256\) = (.*?) *(#.*)?$", CONTRACT, re.MULTILINE)
    assert found is not None
    return int(eval(found[1], {"UNIT": ONE}))


def test_numbers__named_in_the_contract__are_its() -> None:
    named = {
        "loading_cap": "LOADING_CAP",
        "refinements": "REFINEMENTS",
        "chance": "CHANCE",
        "most_worth": "MOST_WORTH",
        "news_margin": "NEWS_MARGIN",
        "least_explained": "LEAST_EXPLAINED",
    }
    assert {name: constant_of(there) for name, there in named.items()} == {
        name: asdict(NUMBERS)[name] for name in named
    }


def test_meanings__each__says_what_without_it_is_another_policy() -> None:
    for name, one in MEANINGS.items():
        assert one.meaning
        assert one.answers
        assert one.without != asdict(NUMBERS)[name]
