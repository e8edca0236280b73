"""A hypothesis state machine over a bazaar: what happens next, and to whom, is drawn; the checks are the bazaar's.

Each rule draws one number and takes its choices from it, so that a long story needs few draws.
"""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.escrow_market import BURNING, REVERTING, Call
from tests.property.bazaar import Bazaar, CallBack, Stall
from tests.property.escrow_model import Refused
from tests.property.random_calls import allowed_call, any_call, never_allowed

SEEDS = st.integers(0, 2**32 - 1)
RARE = dict.fromkeys(("leave", "start", "reject", "republish", "void", "slash", "confirm", "fail"), 1)
CHORUS = ("accept", "enrol", "submit", "deliver")
FROM_WITHIN = ("start", "slash", "fail", "finish", "confirm", "withdraw", "leave", "take_turn", "reject")
MOVES_TOKENS = ("take_turn", "enrol", "withdraw")


def machine_of(bazaar: Bazaar, callback: Any) -> type[RuleBasedStateMachine]:
    """Stories of this bazaar, each from where it stands; `callback` is the token that one project pays with."""

    class EscrowMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.saved = bazaar.save()

        def teardown(self) -> None:
            """Whatever has happened, strangers and time end every project, and everyone has what is theirs."""
            try:
                for stall in bazaar.stalls:
                    stall.outsider_ends()
                    stall.everyone_withdraws()
            finally:
                bazaar.restore(self.saved)

        # --- as the rules allow

        @rule(seed=SEEDS)
        def some_calls(self, seed: int) -> None:
            rng = random.Random(seed)
            stall = rng.choice(bazaar.stalls)
            for _ in range(rng.randint(1, 6)):
                if call := allowed_call(rng, stall):
                    stall.play(call)

        @rule(seed=SEEDS)
        def all_in_turn(self, seed: int) -> None:
            """Everyone who may, or all but a few."""
            rng = random.Random(seed)
            stall, name = rng.choice(bazaar.stalls), rng.choice(CHORUS)
            lazy = rng.choice([0, 0, 0.2, 0.5])
            for who in rng.sample(stall.people, len(stall.people)):
                if stall.allows(call := Call(name, who)) and rng.random() >= lazy:
                    stall.play(call)

        @rule(seed=SEEDS)
        def something_rare(self, seed: int) -> None:
            rng = random.Random(seed)
            for stall in rng.sample(bazaar.stalls, len(bazaar.stalls)):
                if call := allowed_call(rng, stall, weights=RARE):
                    stall.play(call)
                    return

        @rule(seed=SEEDS)
        def everyone_does_its_part(self, seed: int) -> None:
            """Of one project, for a round or more; the aggregator may have reached its end by then, or not."""
            rng = random.Random(seed)
            stall, lazy = rng.choice(bazaar.stalls), rng.choice([0, 0, 0.1, 0.3])
            for _ in range(rng.choice([1, 1, 2, 3])):
                for name in ("accept", "take_turn", "enrol", "submit", "deliver"):
                    for who in rng.sample(stall.people, len(stall.people)):
                        if stall.allows(call := Call(name, who)) and rng.random() >= lazy:
                            stall.play(call)
                if rng.random() < 0.75 and (settlement := allowed_call(rng, stall, weights={"settle": 8, "void": 1})):
                    stall.play(settlement)

        # --- time

        @rule(seed=SEEDS)
        def time_passes(self, seed: int) -> None:
            """Mostly not beyond the deadlines, else no story goes far."""
            rng = random.Random(seed)
            stall = rng.choice(bazaar.stalls)
            left = max(stall.model.deadline - stall.clock, 0)
            short, awkward = [0, 1, rng.randrange(30)], [left - 1, left, left + 1, left + 1, rng.randrange(2_000)]
            stall.at(stall.clock + max(0, rng.choice(awkward if rng.random() < 0.3 else short)))

        # --- as they don't

        @rule(seed=SEEDS)
        def anything(self, seed: int) -> None:
            rng = random.Random(seed)
            for _ in range(4):
                stall = rng.choice(bazaar.stalls)
                call = any_call(rng, stall)
                if stall.allows(call):
                    stall.play(call)
                else:
                    with stall.refuses("escrow: " if stall.model.held else ""):  # the token says that there is none
                        stall.play(call)

        @rule(seed=SEEDS)
        def nonsense(self, seed: int) -> None:
            rng = random.Random(seed)
            for _ in range(4):
                stall = rng.choice(bazaar.stalls)
                who, data = never_allowed(rng, stall)
                reason = stall.simulate(who, stall.escrow, data)
                assert reason is not None, f"{who} may {data.hex()}"
                assert reason.startswith("escrow: "), reason
                bazaar.steps += 1

        # --- mocks that turn on the project

        @rule(seed=SEEDS)
        def policy_turns_bad(self, seed: int) -> None:
            rng = random.Random(seed)
            stall = rng.choice(bazaar.stalls)
            if rng.random() < 0.5:
                stall.policy_fails(rng.choice([REVERTING, BURNING]))
            else:
                stall.policy_says(rng.randbytes(rng.choice([0, 31, 67 * 32 - 1, 67 * 32, 67 * 32 + 1, 4096])))

        @rule(seed=SEEDS)
        def gift(self, seed: int) -> None:
            """Or its opposite: the token takes a few units, as one that rounds; once a project is over, maybe much."""
            rng = random.Random(seed)
            stall = rng.choice(bazaar.stalls)
            held = stall.model.held
            most = rng.choice([3, held]) if stall.model.state in ("handover", "closed") else 3
            stall.give(rng.choice(stall.people), rng.choice([0, 1, 50_021, -rng.randint(0, min(most, held))]))

        @rule(seed=SEEDS)
        def token_calls_from_within(self, seed: int) -> None:
            """While its tokens move in one project it calls this one or another; the lock or the rules answer."""
            rng = random.Random(seed)
            stall = next(stall for stall in bazaar.stalls if stall.token is callback)
            target = rng.choice(bazaar.stalls)
            names = rng.choices(FROM_WITHIN, k=3)
            moving = [Call(name, who) for name in MOVES_TOKENS for who in stall.people]
            call = next((c for c in rng.sample(moving, len(moving)) if stall.allows(c)), None)

            story, entered = copy.deepcopy(target.model), 0
            for name in names if call is None or target is not stall else ():
                try:
                    getattr(story, name)(callback.address)
                    entered += 1
                except Refused:
                    pass
            before = callback.entered()
            stall.tell(callback, "arm", target.escrow, [target.encode(Call(name, callback)) for name in names])
            self._transfer(stall, call, CallBack(target, story))
            stall.tell(callback, "arm", target.escrow, [])
            assert callback.entered() - before == entered
            bazaar.steps += len(names)

        def _transfer(self, stall: Stall, call: Call | None, calls_back: CallBack) -> None:
            if call is not None:
                stall.play(call, calls_back)
                return
            if calls_back.target is stall:  # a plain transfer holds no lock
                stall.model = calls_back.model
            stall.give(stall.stranger, 0, calls_back)

    return EscrowMachine
