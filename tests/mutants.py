"""Single changes to the contracts, each of which the tests named must notice: `ape run mutate`.

A mutant is a piece of source that occurs once, what replaces it, and the tests that run on it, quickest first. Dropped
checks, swapped comparisons, deadlines off by one, dropped writes, wrong amounts.
"""

from __future__ import annotations

from dataclasses import dataclass

UNIT = "tests/unit"


@dataclass(frozen=True)
class Mutant:
    file: str  # under contracts/
    old: str
    new: str  # "" drops it
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """What a table shows: the line that changes, and into what."""
        before = " ".join(self.old.split())
        after = " ".join(self.new.split())
        if not after:
            return f"drop `{before}`"
        return f"`{before}` -> `{after}`"


def _escrow(test: str, old: str, new: str = "") -> Mutant:
    tests = tuple(f"{UNIT}/escrow/test_{name}.py" for name in test.split())
    return Mutant("Escrow.vy", old, new, tests)


def _other(file: str, test: str, old: str, new: str = "") -> Mutant:
    tests = tuple(name if name.startswith("tests") else f"{UNIT}/{name}.py" for name in test.split())
    return Mutant(file, old, new, tests)


MUTANTS = (
    # --- Escrow: the owner
    _escrow("initialize", '    assert self._machine == 0, "escrow: exists already"\n'),
    _escrow("initialize", '    assert owner != empty(address), "escrow: no owner"\n'),
    _escrow(
        "initialize",
        '    assert staticcall ITermLimits(TERM_LIMITS).check(terms, srs_size), "escrow: unsound terms"\n',
    ),
    _escrow("initialize", "    self._machine = machine.CLOSED\n"),
    _escrow("initialize", "m.d2 = m.d1 + terms.enrol_window", "m.d2 = block.timestamp + terms.enrol_window"),
    _escrow("initialize", "    self.rate = terms.rate\n"),
    _escrow("initialize", "+ terms.round_fee) + terms.round_fee", "+ terms.round_fee)"),
    _escrow("reject", '    assert msg.sender == self.owner, "escrow: not the owner"\n'),
    _escrow(
        "reject",
        'block.timestamp <= m.d1, "escrow: too late to reject"',
        'block.timestamp < m.d1, "escrow: too late to reject"',
    ),
    _escrow("reject", "    ledger._forgo()\n    ledger._sink(", "    ledger._sink("),
    _escrow("reject", "    ledger._sink(self.terms.round_fee)\n"),
    # --- aggregators
    _escrow(
        "accept",
        'block.timestamp <= m.d1, "escrow: too late to accept"',
        'block.timestamp < m.d1, "escrow: too late to accept"',
    ),
    _escrow("accept", '    assert m.accepted & bit == 0, "escrow: accepted already"\n'),
    _escrow("accept take_turn", "    m.accepted |= bit\n"),
    _escrow("accept", '    assert key != empty(bytes32), "escrow: no key"\n', "    pass\n"),
    _escrow("take_turn", '    assert m.current == 0, "escrow: turn is taken"\n'),
    _escrow(
        "take_turn",
        "    assert block.timestamp <= (m.d1 if",
        "    assert block.timestamp < (m.d1 if",
    ),
    _escrow("take_turn", '    assert m.spent & (1 << (number - 1)) == 0, "escrow: turn is spent"\n'),
    _escrow(
        "take_turn",
        "    self._receive(self.terms.token, msg.sender, stake)\n\n\n@external\n@nonreentrant\ndef settle(",
        "\n@external\n@nonreentrant\ndef settle(",
    ),
    _escrow("take_turn", '    assert (m.accepted >> (number - 1)) & 1 == 1, "escrow: not accepted"\n'),
    _escrow("take_turn slash", "        m.d3 = score_by\n    elif", "        pass\n    elif"),
    # --- settle
    _escrow(
        "settle",
        '    assert machine._count(excluded) <= self.terms.max_excluded, "escrow: too many excluded"\n',
    ),
    _escrow("settle", 'len(commitments) == expected, "escrow', 'len(commitments) >= expected, "escrow'),
    _escrow("settle", "        self._check_opening(m.round, seats[i], trainer, commitments[i])\n"),
    _escrow(
        "settle_public_rows",
        'abi_encode(commitments[n], commitments[n + 1])) == known, "escrow',
        'abi_encode(commitments[n], commitments[n + 1])) != empty(bytes32), "escrow',
    ),
    _escrow("settle", "abi_encode(chain.id, self, m.round, msg.sender)", "abi_encode(chain.id, self, msg.sender)"),
    _escrow("settle", "abi_encode(chain.id, self, m.round, msg.sender)", "abi_encode(chain.id, self, m.round)"),
    _escrow("settle", "abi_encode(chain.id, self, m.round, msg.sender)", "abi_encode(chain.id, m.round, msg.sender)"),
    _escrow("settle_money", "reward * len(seats) // machine._count(m.delivered)", "reward"),
    _escrow("settle_money", "    ledger._credit(self.owner, rounding)\n"),
    _escrow("settle_money", "        rounding -= credit\n"),
    _escrow("settle_money", "ledger._hold(fee - penalty, msg.sender)", "ledger._hold(fee, msg.sender)"),
    _escrow("settle_money", "    # the money\n    ledger._acknowledge()\n", "    # the money\n"),
    _escrow("settle_money", "    ledger._sink(lost)\n"),
    _escrow("settle leave", "    self.settled |= 1 << m.round\n"),
    _escrow(
        "settle_public_rows", "        self.public_rows = keccak256(abi_encode(aggregate, steps))\n", "        pass\n"
    ),
    _escrow("settle_policy settle", "        self.rate = outcome.next_rate\n", "        pass\n"),
    _escrow("settle_money settle", "m.active & ~rows, self", "m.active & ~m.delivered, self"),
    # --- void and republish
    _escrow(
        "void",
        '    assert count > self.terms.max_excluded, "escrow',
        '    assert count >= self.terms.max_excluded, "escrow',
    ),
    _escrow(
        "void take_turn",
        "    m.spent |= 1 << (m.current - 1)\n    m.current = 0\n    ledger._acknowledge()\n    ledger._sink",
        "    m.current = 0\n    ledger._acknowledge()\n    ledger._sink",
    ),
    _escrow("void", "    ledger._credit(self.owner, fee)\n"),
    _escrow("void", "ledger._sink(reward + penalty)", "ledger._sink(reward)"),
    _escrow("void", "m.active & ~(m.delivered & ~excluded)", "m.active & ~m.delivered"),
    _escrow(
        "republish",
        '    assert round < MAX_ROUNDS and (self.settled >> round) & 1 == 1, "escrow: round not settled"\n',
    ),
    # --- trainers
    _escrow("enrol", 'block.timestamp <= m.d2, "escrow', 'block.timestamp < m.d2, "escrow'),
    _escrow("enrol", '    assert account.seat == 0, "escrow: enrolled already"\n'),
    _escrow("enrol", '    assert m.current != 0, "escrow: no aggregator"\n'),
    _escrow("enrol", "machine.ACCEPTING and block.timestamp <= m.d1:", "machine.ACCEPTING and block.timestamp < m.d1:"),
    _escrow("enrol", "    if self.sealing_keys[msg.sender] == empty(bytes32):", "    if msg.sender != empty(address):"),
    _escrow("enrol", "    account.parts = self.terms.rounds\n"),
    _escrow("submit deliver", "    self.hashes[seat] = hash\n"),
    _escrow("submit", '    assert hash != empty(bytes32), "escrow: no hash"\n'),
    _escrow("submit", '    assert (m.submitted >> seat) & 1 == 0, "escrow: submitted already"\n'),
    _escrow("submit leave", '    assert (m.active >> seat) & 1 == 1, "escrow: seat is given up"\n'),
    _escrow("leave", "(account.parts if free else account.parts - 1) * part", "account.parts * part"),
    _escrow("leave", "m.round > 0 and (self.settled >> (m.round - 1)) & 1 == 0", "False"),
    _escrow("leave", "    m.active &= ~(1 << seat)\n"),
    _escrow("leave", "    ledger._sink(forfeited)\n"),
    _escrow("deliver", '    assert (m.delivered >> seat) & 1 == 0, "escrow: delivered already"\n'),
    _escrow("deliver", '    assert (m.submitted >> seat) & 1 == 1, "escrow: nothing submitted"\n'),
    _escrow("deliver", "    self._check_opening(m.round, seat, msg.sender, commitment)\n"),
    _escrow("deliver", '    assert commitment[0] != 0 or commitment[1] != 0, "escrow: commitment is the identity"\n'),
    _escrow("deliver", "    bn254._check(commitment)\n"),
    # --- anyone
    _escrow("start", "    assert block.timestamp > m.d2,", "    assert block.timestamp >= m.d2,"),
    _escrow("start", "    assert machine._count(m.active) >= self", "    assert machine._count(m.active) > self"),
    _escrow("slash", 'block.timestamp > m.d3, "escrow', 'block.timestamp >= m.d3, "escrow'),
    _escrow("slash", "    m.in_scoring = 1\n"),
    _escrow(
        "slash take_turn",
        "    m.spent |= 1 << (m.current - 1)\n    m.current = 0\n    m.in_scoring",
        "    m.current = 0\n    m.in_scoring",
    ),
    _escrow("slash", "    ledger._acknowledge()\n    m.spent", "    m.spent"),
    _escrow("slash", "    ledger._sink(dust)\n"),
    _escrow("fail", "        present = m.submitted\n        ledger._forgo()", "        ledger._forgo()"),
    _escrow("fail", "        ledger._forgo()\n    else", "        ledger._acknowledge()\n    else"),
    _escrow("fail", "    ledger._credit(self.owner, refunded)\n    log IEscrow.Failed", "    log IEscrow.Failed"),
    _escrow("finish", "        stuck = block.timestamp > m.d1", "        stuck = block.timestamp >= m.d1"),
    _escrow("finish", "        stuck = block.timestamp > m.d2", "        stuck = block.timestamp >= m.d2"),
    _escrow("finish", "            stuck = block.timestamp > m.d3", "            stuck = block.timestamp >= m.d3"),
    _escrow(
        "finish",
        "            stuck = machine._count(m.active) < self",
        "            stuck = machine._count(m.active) <= self",
    ),
    _escrow(
        "confirm",
        "msg.sender == self.owner or block.timestamp > m.d1",
        "msg.sender == self.owner or block.timestamp >= m.d1",
    ),
    _escrow("confirm", "    ledger._credit(self.owner, bond)\n    log IEscrow.Confirmed", "    log IEscrow.Confirmed"),
    _escrow("withdraw", "    account.due = 0\n"),
    _escrow("withdraw", "            account.parts = 0\n"),
    _escrow(
        "withdraw",
        "        if state == machine.HANDOVER or state == machine.CLOSED:",
        "        if state == machine.CLOSED:",
    ),
    _escrow("withdraw", '    assert to != empty(address) and to != self, "escrow: bad recipient"\n'),
    # --- its guards and moves
    _escrow("settle void", 'block.timestamp <= m.d3, "escrow', 'block.timestamp < m.d3, "escrow'),
    _escrow(
        "settle void",
        '    assert msg.sender == self.terms.aggregators[m.current - 1], "escrow: not the current aggregator"\n',
    ),
    _escrow("settle void", '    assert excluded & ~m.delivered == 0, "escrow: excluded has not delivered"\n'),
    _escrow("settle fail", "    m.delivered = 0\n"),
    _escrow("take_turn slash", "    m.in_scoring = 0\n"),
    _escrow("finish", "        ledger._credit(aggregator, returned)\n"),
    _escrow("finish", "    ledger._credit(self.owner, refunded)\n    if m.current", "    if m.current"),
    _other(
        "Escrow.vy",
        "tests/e2e/test_story_tokens.py",
        'assert staticcall IERC20(token).balanceOf(self) - before == amount, "escrow: token kept a fee"',
        "pass",
    ),
    _other(
        "Escrow.vy",
        "tests/e2e/test_story_real_tokens.py",
        "transferFrom(sender, self, amount, default_return_value=True)",
        "transferFrom(sender, self, amount)",
    ),
    _other(
        "Escrow.vy",
        "tests/e2e/test_story_tokens.py",
        "@external\n@nonreentrant\ndef withdraw(",
        "@external\ndef withdraw(",
    ),
    # --- the ledger and the machine
    _other("modules/ledger.vy", "escrow/test_settle_money escrow/test_fail", "            a.parts -= 1\n"),
    _other("modules/ledger.vy", "escrow/test_fail", "    self.sunk += lost\n"),
    _other(
        "modules/ledger.vy",
        "escrow/test_void escrow/test_confirm",
        "        self._credit(self.pending_to, self.pending)\n        self.pending = 0\n",
        "        self._credit(self.pending_to, self.pending)\n",
    ),
    _other("modules/ledger.vy", "escrow/test_reject", "        self.sunk += self.pending\n"),
    _other("modules/machine.vy", "machine/test_machine escrow/test_phases", "now <= m.d1 and", "now < m.d1 and"),
    _other("modules/machine.vy", "machine/test_machine escrow/test_phases", "now > m.d2 and", "now >= m.d2 and"),
    _other("modules/machine.vy", "machine/test_machine escrow/test_phases", "now <= m.d2 and", "now < m.d2 and"),
    _other(
        "modules/machine.vy",
        "machine/test_machine escrow/test_phases",
        "self._count(m.submitted) < min_rows or",
        "self._count(m.submitted) <= min_rows or",
    ),
    # --- the registry and the terms
    _other(
        "Registry.vy",
        "registry/test_registry",
        "        self._salt(msg.sender, terms, nonce)".strip(),
        "self._salt(self, terms, nonce)",
    ),
    _other("Registry.vy", "registry/test_registry", "    self.is_project[project] = True\n"),
    _other("Registry.vy", "registry/test_registry", "    self.count = number + 1\n"),
    _other("Registry.vy", "registry/test_registry", "abi_encode(owner, terms, nonce)", "abi_encode(owner, nonce)"),
    _other("TermLimits.vy", "term_limits/test_check", "t.min_rows >= 2", "t.min_rows >= 1"),
    _other("TermLimits.vy", "term_limits/test_check", "t.round_fee >= t.max", "t.round_fee > t.max"),
    _other(
        "TermLimits.vy",
        "term_limits/test_check",
        "    assert t.aggregator_stake >= t.round_reward,",
        "    assert t.aggregator_stake > t.round_reward,",
    ),
    _other(
        "TermLimits.vy",
        "term_limits/test_check",
        '    assert t.aggregator_stake >= t.seats * t.trainer_part, "terms: stake below the parts"\n',
    ),
    _other("TermLimits.vy", "term_limits/test_check", "window >= MIN_WINDOW", "window > MIN_WINDOW"),
    _other(
        "TermLimits.vy", "term_limits/test_check", "t.max_excluded <= t.min_rows - least", "t.max_excluded < t.min_rows"
    ),
    _other(
        "TermLimits.vy",
        "term_limits/test_check",
        '    assert t.max_excluded < t.min_rows, "terms: too many may be excluded"\n',
    ),
    _other(
        "TermLimits.vy",
        "term_limits/test_check",
        '        assert staticcall IPolicy(t.policy).takes_reference(t.params), "terms: policy takes no reference"\n',
        "        pass\n",
    ),
    _other("TermLimits.vy", "term_limits/test_check", "        least += 1\n", "        pass\n"),
    _other("Escrow.vy", "escrow/test_reference_row", "convert(rows & 1, bytes32)", "convert(1, bytes32)"),
    _other(
        "Escrow.vy",
        "escrow/test_reference_row",
        ' or msg.sender == self.owner, "escrow: the owner has',
        ', "escrow: the owner has',
    ),
    _other("ConsensusPolicy.vy", "consensus_policy/test_reference", "judge[i] > 0", "judge[i] >= 0"),
    _other("ConsensusPolicy.vy", "consensus_policy/test_reference", "alive = unsafe_sub(alive, live & 1)", "pass"),
    # --- asking the policy
    _other(
        "modules/policies.vy",
        "escrow/test_settle_policy round_verifier/test_judge",
        '    assert msg.gas * 63 // 64 > policy_gas + CALL_RESERVE, "verifier: too little gas for the policy"\n',
    ),
    _other(
        "modules/policies.vy",
        "escrow/test_settle_policy",
        "if success and len(answer) == OUTCOME_SIZE",
        "if len(answer) == OUTCOME_SIZE",
    ),
    _other("modules/policies.vy", "escrow/test_settle_policy", "outcome.weights[i] > ONE or ", ""),
    _other(
        "modules/policies.vy",
        "escrow/test_settle_policy",
        "outcome.contributions[i] >= MAX",
        "outcome.contributions[i] > MAX",
    ),
    _other("modules/policies.vy", "escrow/test_settle_policy", " or outcome.kept >> rows != 0", ""),
    _other("modules/policies.vy", "escrow/test_settle_policy", "outcome.next_rate == 0 or ", ""),
    # --- the verifier's joints
    _other(
        "RoundVerifier.vy",
        "round_verifier/test_verify",
        '    assert claims._holds(claim, commitments, TAU_G2), "verifier: pairing check failed"\n',
    ),
    _other(
        "RoundVerifier.vy",
        "round_verifier/test_judge round_verifier/test_verify",
        "        first.pop()\n        first.pop()\n",
        "        first.pop()\n",
    ),
    _other(
        "RoundVerifier.vy",
        "round_verifier/test_judge",
        "        both = claims._with_sum(both, outcome.weights, claimed, len(commitments))\n",
        "        bn254._check(claimed)\n",
    ),
    _other(
        "RoundVerifier.vy", "round_verifier/test_judge", "if claimed[0] == 0 and claimed[1] == 0", "if claimed[0] == 0"
    ),
    _other("modules/claims.vy", "claims/test_claims", "abi_encode(claim.digest, weights, sum)", "claim.digest"),
    _other("modules/claims.vy", "claims/test_claims", "ecmul(bn254._negate(sum), factor)", "ecmul(sum, factor)"),
    _other("modules/bn254.vy", "bn254/test_bn254", "assert max(x, y) < Q", "assert max(x, y) <= Q"),
    _other("modules/bn254.vy", "bn254/test_bn254", " or (x | y) == 0", ""),
    _other(
        "modules/claims.vy",
        "claims/test_claims",
        "    both.opening = ecadd(first.opening, ecmul(second.opening, factor))\n",
        "    both.opening = first.opening\n",
    ),
    _other(
        "modules/claims.vy",
        "claims/test_claims",
        "1 <= rows and rows + MARGIN <= dimension",
        "1 <= rows and rows + MARGIN < dimension",
    ),
)
