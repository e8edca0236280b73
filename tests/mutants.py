"""Single changes to the contracts, each of which the tests named must notice: `ape run mutate`.

A mutant is a piece of source that occurs once, what replaces it, and the tests that run on it, quickest first. Dropped
checks, swapped comparisons, deadlines off by one, dropped writes, wrong amounts.
"""

from __future__ import annotations

from dataclasses import dataclass

UNIT = "tests/unit"


@dataclass(frozen=True)
class Mutant:
    file: str  # under contracts/, or from the root if it begins with offchain/
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


def _referee(test: str, old: str, new: str = "") -> Mutant:
    tests = tuple(f"{UNIT}/escrow/test_{name}.py" for name in test.split())
    return Mutant("Referee.vy", old, new, tests)


def _other(file: str, test: str, old: str, new: str = "") -> Mutant:
    tests = tuple(name if name.startswith("tests") else f"{UNIT}/{name}.py" for name in test.split())
    return Mutant(file, old, new, tests)


MUTANTS = (
    # --- Escrow: the owner
    _escrow("initialize", '    assert self._machine == 0, "escrow: exists already"\n'),
    _escrow("initialize", '    assert owner != empty(address), "escrow: no owner"\n'),
    _escrow("initialize", "    self._rules = staticcall ITermLimits(TERM_LIMITS).check(terms, srs_size)\n"),
    _escrow("initialize", "    self._machine = machine.CLOSED\n"),
    _escrow("initialize", "m.d2 = m.d1 + terms.enrol_window", "m.d2 = block.timestamp + terms.enrol_window"),
    _escrow("initialize", "+ terms.round_fee) + terms.round_fee", "+ terms.round_fee)"),
    _escrow("reject", '    assert msg.sender == self.owner, "escrow: not the owner"\n'),
    _escrow(
        "reject",
        'block.timestamp <= m.d1, "escrow: too late to reject"',
        'block.timestamp < m.d1, "escrow: too late to reject"',
    ),
    _escrow("reject", "    self._forgo()\n    ledger._sink(", "    ledger._sink("),
    _escrow("reject", "    ledger._sink(self.terms.round_fee)\n"),
    # --- aggregators
    _escrow(
        "accept",
        'block.timestamp <= m.d1, "escrow: too late to accept"',
        'block.timestamp < m.d1, "escrow: too late to accept"',
    ),
    _escrow("accept", '    assert m.accepted & bit == 0, "escrow: accepted already"\n'),
    _escrow("accept take_turn", "    m.accepted |= bit\n"),
    _escrow("take_turn settle", "    self._lineup[number - 1] = msg.sender\n"),
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
    _escrow("settle", '    assert machine._count(excluded) <= r.max_excluded, "escrow: too many excluded"\n'),
    _escrow("settle_money", "self._pay & (2**96 - 1)", "self._pay & (2**64 - 1)"),
    _escrow("settle_money", "    # the money\n    self._acknowledge()\n", "    # the money\n"),
    _escrow("settle_money", "    ledger._sink(lost)\n"),
    # --- void and republish
    _escrow(
        "void",
        '    assert count > self.terms.max_excluded, "escrow',
        '    assert count >= self.terms.max_excluded, "escrow',
    ),
    _escrow(
        "void take_turn",
        "    m.spent |= 1 << (m.current - 1)\n    m.current = 0\n    self._acknowledge()\n    ledger._sink",
        "    m.current = 0\n    self._acknowledge()\n    ledger._sink",
    ),
    _escrow("void", "    ledger._credit(self.owner, fee)\n"),
    _escrow("void", "ledger._sink(reward + penalty)", "ledger._sink(reward)"),
    _escrow("void", "m.active & ~(m.delivered & ~excluded)", "m.active & ~m.delivered"),
    _escrow("accept take_turn", "self._lineup[number - 1] = msg", "self._lineup[0] = msg"),
    _other("modules/ledger.vy", "escrow/test_roles", "self._dues[account] |= OPEN", "self._dues[account] = OPEN"),
    # --- trainers
    _escrow("enrol", 'block.timestamp <= m.d2, "escrow', 'block.timestamp < m.d2, "escrow'),
    _escrow("enrol", '    assert ledger._seats[msg.sender] == 0, "escrow: enrolled already"\n'),
    _escrow("enrol", '    assert m.current != 0, "escrow: no aggregator"\n'),
    _escrow("enrol", "machine.ACCEPTING and block.timestamp <= m.d1:", "machine.ACCEPTING and block.timestamp < m.d1:"),
    _escrow("enrol", "    if self.sealing_keys[msg.sender] == empty(bytes32):", "    if msg.sender != empty(address):"),
    _escrow("enrol", "seat, self.terms.rounds)\n", "seat, self.terms.rounds - 1)\n"),
    _escrow("submit deliver", "    self.hashes[seat] = hash\n"),
    _escrow("submit", '    assert hash != empty(bytes32), "escrow: no hash"\n'),
    _escrow("submit", '    assert (m.submitted >> seat) & 1 == 0, "escrow: submitted already"\n'),
    _escrow("submit leave", '    assert (m.active >> seat) & 1 == 1, "escrow: seat is given up"\n'),
    _escrow("leave", "(account.parts if free else account.parts - 1) * part", "account.parts * part"),
    _escrow("views", "    account.due += returned\n", "    account.due = returned\n"),
    _escrow("leave", "    m.active &= ~(1 << seat)\n"),
    _escrow("leave", "    ledger._sink(forfeited)\n"),
    _escrow("deliver", '    assert (m.delivered >> seat) & 1 == 0, "escrow: delivered already"\n'),
    _escrow("deliver", '    assert (m.submitted >> seat) & 1 == 1, "escrow: nothing submitted"\n'),
    _escrow("deliver", '    assert hash == self.hashes[seat], "escrow: wrong commitment"\n'),
    _escrow("deliver", '    assert commitment[0] != 0 or commitment[1] != 0, "escrow: commitment is the identity"\n'),
    _escrow("deliver", "    bn254._check(commitment)\n"),
    _escrow("settle", "self.deliveries if m.delivered != 0 else convert(m.round, bytes32)", "self.deliveries"),
    _escrow(
        "settle",
        "self.deliveries if m.delivered != 0 else convert(m.round, bytes32)",
        "self.deliveries if m.delivered != 0 else empty(bytes32)",
    ),
    _escrow("settle", "abi_encode(before, seat, commitment)", "abi_encode(before, commitment)"),
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
    _escrow("slash", "    self._acknowledge()\n    m.spent", "    m.spent"),
    _escrow("slash", "    ledger._sink(dust)\n"),
    _escrow("fail", "        present = m.submitted\n        self._forgo()", "        self._forgo()"),
    _escrow("fail", "        self._forgo()\n    else", "        self._acknowledge()\n    else"),
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
    _escrow(
        "withdraw",
        "over: bool = state == machine.HANDOVER or state == machine.CLOSED",
        "over: bool = state == machine.CLOSED",
    ),
    _escrow("withdraw", '    assert to != empty(address) and to != self, "escrow: bad recipient"\n'),
    _escrow("withdraw", "if held != 0 and held < amount:", "if held < amount:"),
    _escrow("withdraw", "        ledger._credit(msg.sender, amount - held)\n"),
    _escrow("withdraw", "        amount = held\n"),
    # --- its guards and moves
    _escrow("settle void", 'block.timestamp <= m.d3, "escrow', 'block.timestamp < m.d3, "escrow'),
    _escrow(
        "settle void",
        '    assert msg.sender == self._lineup[m.current - 1], "escrow: not the current aggregator"\n',
    ),
    _escrow("slash void", '    assert self._phase(m) == machine.SCORING, "escrow: not scoring"\n'),
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
    # --- the ledger
    _other("modules/ledger.vy", "escrow/test_settle_money escrow/test_fail", "            a.parts -= 1\n"),
    _other("modules/ledger.vy", "escrow/test_fail", "    self.sunk += lost\n"),
    _other("modules/ledger.vy", "escrow/test_enrol", "    self.members[seat] = member\n"),
    _other("modules/ledger.vy", "escrow/test_views", "offset: uint256 = (seat & 1) << 7", "offset: uint256 = 0"),
    _other("modules/ledger.vy", "escrow/test_views", "amount << ((seat & 1) << 7)", "amount"),
    _other("modules/ledger.vy", "escrow/test_views", "half & (2**DUE_BITS - 1)", "half & (2**96 - 1)"),
    _other("modules/ledger.vy", "escrow/test_views", " = other | ((a.due", " = ((a.due"),
    _other("modules/ledger.vy", "escrow/test_withdraw", " & ~((2**128 - 1) << offset)"),
    _other(
        "modules/ledger.vy",
        "escrow/test_finish",
        "    self._dues[account] += amount",
        "    self._dues[account] = amount",
    ),
    _other("modules/ledger.vy", "escrow/test_views", "& ~OPEN\n    if seat == 0:", "\n    if seat == 0:"),
    _other("modules/ledger.vy", "escrow/test_views", "    a.due += due\n"),
    _other("modules/ledger.vy", "escrow/test_views", "& ~OPEN\n    parts:", "\n    parts:"),
    _other(
        "modules/ledger.vy",
        "escrow/test_withdraw escrow/test_views",
        "        self._dues[account] &= OPEN\n",
        "        pass\n",
    ),
    _other("modules/ledger.vy", "escrow/test_withdraw", "        a.due = 0\n"),
    _other("modules/ledger.vy", "escrow/test_withdraw", "        if over:\n", "        if seat != 0:\n"),
    _other("modules/ledger.vy", "escrow/test_withdraw", "            a.parts = 0\n"),
    # --- fields of words: what a round leaves, and what it goes by
    _other(
        "modules/rules.vy",
        "term_limits/test_check",
        "(terms.bits << 32)\n        | (terms.rounds << 40)",
        "(terms.rounds << 32)\n        | (terms.bits << 40)",
    ),
    _other("modules/rules.vy", "escrow/test_settle", "bits=(word >> 32) & 255", "bits=(word >> 40) & 255"),
    _other("modules/rules.vy", "escrow/test_settle", "dimension=word & (2**32 - 1)", "dimension=word & (2**6 - 1)"),
    # --- the machine
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
    _other("TermLimits.vy", "term_limits/test_check", "t.dimension < 2**32", "t.dimension < 2**64"),
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
    _other(
        "TermLimits.vy",
        "term_limits/test_check",
        '    assert t.public_rows or t.first_row == empty(bytes32), "terms: first of no public rows"\n',
    ),
    _escrow("settle_public_rows", "    self.public_rows = terms.first_row\n"),
    _other(
        "TermLimits.vy",
        "term_limits/test_check",
        "t.min_rows - t.max_excluded, self._proof_rows(t), t.policy_gas",
        "t.min_rows - t.max_excluded, t.seats, t.policy_gas",
    ),
    _other(
        "Escrow.vy",
        "escrow/test_reference_row",
        ' or msg.sender == self.owner, "escrow: the owner has',
        ', "escrow: the owner has',
    ),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "unsafe_add(unsafe_add(stay, 1), byzantine) >> 1",
        "unsafe_add(stay, 1) >> 1",
    ),
    _other(
        "modules/consensus.vy", "consensus_policy/test_consensus_evaluate", "max(0, unsafe_sub(alike, CHANCE))", "alike"
    ),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "min(stay, unsafe_add(byzantine, 1))",
        "1",
    ),
    _other(
        "modules/consensus.vy", "consensus_policy/test_consensus_evaluate", "worth[i] = min(worth[i], most)", "pass"
    ),
    _other("modules/consensus.vy", "consensus_policy/test_consensus_evaluate", "if left >= LEAST_NEW:", "if left > 0:"),
    _other("modules/consensus.vy", "consensus_policy/test_consensus_evaluate", "max(usual, lengths[j])", "lengths[j]"),
    _other("modules/consensus.vy", "consensus_policy/test_consensus_evaluate", "cell |= 1", "pass"),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "-common if cell & 1 == 1 else common",
        "common",
    ),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "15 * sums[i] * sums[i] // (16 * others)",
        "sums[i] * sums[i] // others",
    ),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "news[i] = (((square * square) >> 32) * square) >> 32",
        "news[i] = square",
    ),
    _other(
        "ConsensusPolicy.vy",
        "consensus_policy/test_consensus_evaluate",
        "convert(isqrt(convert(shared[i], uint256) << 32), int256)",
        "UNIT",
    ),
    _other(
        "ConsensusPolicy.vy",
        "consensus_policy/test_consensus_evaluate",
        "unsafe_add(entry, MAX_PUBLIC_SQUARE - 1) |",
        "unsafe_add(entry, MAX_PUBLIC_SQUARE) |",
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
    _other("modules/policies.vy", "escrow/test_settle_policy", "weight > ONE or ", ""),
    _other("modules/policies.vy", "escrow/test_settle_policy", "contribution >= MAX", "contribution > MAX"),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "(unsafe_mul(rising, falling), HALF)",
        "(unsafe_mul(rising, falling), 0)",
    ),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "LANE: constant(uint256) = 72",
        "LANE: constant(uint256) = 64",
    ),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "coordinates[j][1]), HALF)",
        "coordinates[j][1]), 0)",
    ),
    _other(
        "modules/consensus.vy",
        "consensus_policy/test_consensus_evaluate",
        "        sums[i] = sum\n        squares[i] = squared\n",
        "        squares[i] = squared\n",
    ),
    _other("modules/policies.vy", "escrow/test_settle_policy", " and (outcome.kept >> i) & 1 == 0", " and False"),
    _other("modules/policies.vy", "escrow/test_settle_policy", "(weight | contribution) != 0", "weight != 0"),
    _other("modules/policies.vy", "escrow/test_settle_policy", "(weight | contribution) != 0", "contribution != 0"),
    _other("modules/policies.vy", "escrow/test_settle_policy", "outcome.next_rate > MAX_RATE or ", ""),
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
        "range(unsafe_sub(len(commitments), rows), bound=MAX_ROWS)",
        "range(min(unsafe_sub(len(commitments), rows), 2), bound=MAX_ROWS)",
    ),
    _other("modules/gram_protocol.vy", "gram_protocol/test_verify", '    assert rows <= n, "gram: wrong lengths"\n'),
    _other(
        "modules/gram_protocol.vy",
        "gram_protocol/test_verify",
        "unsafe_add(entry, PUBLIC_NORM_MAX) <= 2 * PUBLIC_NORM_MAX,",
        "unsafe_add(entry, P) <= 2 * P,",
    ),
    _other("modules/gram_protocol.vy", "gram_protocol/test_verify", "entry <= PUBLIC_NORM_MAX,", "entry <= 2**254,"),
    _other(
        "modules/gram_protocol.vy",
        "gram_protocol/test_verify",
        "unsafe_add(entry, PUBLIC_MAX) <= 2 * PUBLIC_MAX",
        "unsafe_add(entry, PUBLIC_NORM_MAX) <= 2 * PUBLIC_NORM_MAX",
    ),
    _other(
        "modules/gram_protocol.vy",
        "gram_protocol/test_verify",
        "unsafe_add(entry, GRAM_MAX) <= 2 * GRAM_MAX",
        "unsafe_add(entry, PUBLIC_MAX) <= 2 * PUBLIC_MAX",
    ),
    _other(
        "modules/gram_protocol.vy", "gram_protocol/test_verify", "other, unsafe_add(entry, P), P", "other, entry, P"
    ),
    _other(
        "RoundVerifier.vy", "round_verifier/test_judge", "if claimed[0] == 0 and claimed[1] == 0", "if claimed[0] == 0"
    ),
    _other(
        "modules/claims.vy", "claims/test_claims", "uint256_mulmod(second.weights[i], factor, P)", "second.weights[i]"
    ),
    _other("modules/claims.vy", "claims/test_claims", "uint256_mulmod(second.base, factor, P)", "second.base"),
    _other("modules/claims.vy", "claims/test_claims", "ecmul(second.point, factor)", "second.point"),
    _other("modules/claims.vy", "claims/test_claims", "uint256_mulmod(weights[i], factor, P)", "weights[i]"),
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
    # --- Referee: what is matched
    _referee(
        "settle",
        "    assert keccak256(concat(convert(evidence.policy, bytes20), params)) == case.policy, "
        '"referee: wrong policy"\n',
    ),
    _referee(
        "settle",
        "concat(convert(evidence.policy, bytes20), params)) ==",
        "concat(params, convert(evidence.policy, bytes20))) ==",
    ),
    _referee(
        "settle_policy", '    assert keccak256(abi_encode(evidence.memory)) == case.memory, "referee: wrong memory"\n'
    ),
    _referee("settle", '    assert len(commitments) >= count, "referee: wrong number of commitments"\n'),
    _referee("settle", 'len(commitments) >= count, "referee', 'len(commitments) > count, "referee'),
    _referee("settle", '    assert digest == case.deliveries, "referee: wrong commitments"\n'),
    _referee("deliveries settle", "digest: bytes32 = convert(case.round, bytes32)", "digest: bytes32 = empty(bytes32)"),
    _referee("settle", "by_seat[seat] = commitments[i]", "by_seat[i] = commitments[i]"),
    _referee("settle deliveries", "(order >> (i << 3)) & (MAX_SEATS - 1)", "i"),
    _referee("settle", "        points.append(by_seat[seat])\n", "        points.append(by_seat[0])\n"),
    _referee("settle_public_rows", "        points.append(commitments[i])\n"),
    _referee("settle_public_rows", '    assert self._chain(known) == expected, "referee: wrong public rows"\n'),
    _referee("settle", "case.public_rows if r.public_rows else empty(bytes32)", "case.public_rows"),
    _referee(
        "settle_public_rows", "digest = keccak256(abi_encode(digest, point))", "digest = keccak256(abi_encode(point))"
    ),
    # --- what is asked
    _referee("settle_public_rows", "len(seats),\n            points,", "len(points),\n            points,"),
    _referee(
        "settle",
        "abi_encode(chain.id, msg.sender, case.round, case.scorer)",
        "abi_encode(msg.sender, case.round, case.scorer)",
    ),
    _referee(
        "settle",
        "abi_encode(chain.id, msg.sender, case.round, case.scorer)",
        "abi_encode(chain.id, self, case.round, case.scorer)",
    ),
    _referee(
        "settle",
        "abi_encode(chain.id, msg.sender, case.round, case.scorer)",
        "abi_encode(chain.id, msg.sender, case.scorer)",
    ),
    _referee(
        "settle",
        "abi_encode(chain.id, msg.sender, case.round, case.scorer)",
        "abi_encode(chain.id, msg.sender, case.round)",
    ),
    _referee("reference_row", "r.reference and ruling.rows & 1 == 1", "r.reference"),
    _referee(
        "reference_row",
        "r.reference and ruling.rows & 1 == 1",
        "ruling.rows & 1 == 1 and case.delivered & 1 == 1 and r.bits == 0",
    ),
    _referee(
        "settle_policy",
        "            ruling.rows,\n            has_reference,",
        "            case.delivered,\n            has_reference,",
    ),
    _referee(
        "settle_policy",
        "            evidence.memory,\n            evidence.claimed,",
        "            empty(uint256[8]),\n            evidence.claimed,",
    ),
    # --- what follows
    _referee("settle_policy", "    ruling.rate = verdict.outcome.next_rate\n", "    ruling.rate = case.rate\n"),
    _referee("settle_policy", "    ruling.memory = verdict.outcome.memory\n", "    ruling.memory = evidence.memory\n"),
    _referee("settle_public_rows", "    ruling.public_rows = case.public_rows\n"),
    _referee("settle_public_rows", "if r.public_rows and (verdict", "if (verdict"),
    _referee("settle_public_rows", " and (verdict.aggregate[0] != 0 or verdict.aggregate[1] != 0)"),
    _referee("settle_public_rows", "rows[2], aggregate]", "rows[1], aggregate]"),
    _referee("settle_public_rows", "rows[2], aggregate]", "aggregate]"),
    _referee(
        "settle_public_rows",
        "return [ecadd(rows[0], rows[1]), rows[2], aggregate]",
        "return [rows[1], rows[2], aggregate]",
    ),
    _referee("settle_public_rows", "if len(rows) < PUBLIC_ROWS:", "if len(rows) < PUBLIC_ROWS - 1:"),
    # --- the reward
    _referee("settle_money", "case.reward * len(seats) // count", "case.reward"),
    _referee("reference_row", "case.reward * min(machine._count(ruling.kept), judged) // judged", "case.reward"),
    _referee("reference_row", "min(machine._count(ruling.kept), judged)", "machine._count(ruling.kept)"),
    _referee("reference_row", "judged: uint256 = count - 1", "judged: uint256 = count"),
    _referee("settle_money", "ruling.rounding = shared if total != 0 else 0", "ruling.rounding = 0"),
    _referee("settle_money", "ruling.rounding = shared if total != 0 else 0", "ruling.rounding = shared"),
    _referee("settle_money", "        ruling.rounding = unsafe_sub(ruling.rounding, credit)\n"),
    _referee("settle_money", "reward - shared if total != 0 else reward", "reward - shared"),
    _referee(
        "settle_money", "unsafe_mul(shared, outcome.contributions[i])", "unsafe_mul(reward, outcome.contributions[i])"
    ),
    # --- Escrow: what it books
    _escrow(
        "settle_money", "ledger._credit_seat(seats[i], ruling.credits[i])", "ledger._credit_seat(i, ruling.credits[i])"
    ),
    _escrow("settle_money", "        ledger._credit_seat(seats[i], ruling.credits[i])\n", "        pass\n"),
    _escrow("settle_money", "lost: uint256 = ruling.sunk + penalty", "lost: uint256 = ruling.sunk"),
    _escrow("settle_money", "    c.rounding += ruling.rounding\n"),
    _escrow("settle_money", "c.rounding += ruling.rounding", "c.rounding = ruling.rounding"),
    _escrow("settle_money", "    c.pending = (self._pay >> 96) - penalty\n"),
    _escrow("settle_money", "(self._pay >> 96) - penalty", "(self._pay >> 96)"),
    _escrow("settle settle_money", "    c.earner = m.current\n"),
    _escrow("settle", "    c.settled = m.round + 1\n"),
    _escrow("settle", "c.settled = m.round + 1", "c.settled = m.round"),
    _escrow("settle", "    c.rate = ruling.rate\n"),
    _escrow("settle_public_rows", "    self.public_rows = ruling.public_rows\n"),
    _escrow("settle_policy", "    self.memory = keccak256(abi_encode(ruling.memory))\n"),
    _escrow("settle_policy", "    self.memory = keccak256(abi_encode(empty(uint256[8])))\n"),
    _escrow("settle_money", "m.active & ~ruling.rows)", "m.active & ~m.delivered)"),
    _escrow("settle", "scorer=msg.sender,", "scorer=self.owner,"),
    _escrow("initialize settle", "carry.Carry(rate=terms.rate,", "carry.Carry(rate=1,"),
    _escrow("leave", "m.round != carry._settled(self._carry)", "False"),
    _escrow("leave", "m.round != carry._settled(self._carry)", "m.round == carry._settled(self._carry)"),
    _escrow("republish", '    assert round < carry._settled(self._carry), "escrow: round not settled"\n'),
    _escrow("republish", "round < carry._settled(self._carry)", "round <= carry._settled(self._carry)"),
    _escrow("republish", "    if ledger._seats[msg.sender] == 0:\n        self._accepted_number(self._load())\n"),
    _escrow(
        "republish", "if ledger._seats[msg.sender] == 0:\n        self._accepted", "if True:\n        self._accepted"
    ),
    _escrow("deliveries", "    self.deliveries = keccak256(abi_encode(before, seat, commitment))\n"),
    _escrow("views settle_money", "amount: uint256 = carry._rounding(self._carry)", "amount: uint256 = 0"),
    _escrow("confirm settle", "        ledger._credit(aggregator, c.pending)\n"),
    _escrow("reject fail", "        ledger._sink(c.pending)\n"),
    # --- words
    _other(
        "modules/carry.vy",
        "escrow/test_settle_money",
        "settled=(word >> 64) & (2**16 - 1)",
        "settled=(word >> 64) & 255",
    ),
    _other(
        "modules/carry.vy",
        "escrow/test_settle_money",
        "pending=(word >> 80) & (2**96 - 1)",
        "pending=(word >> 80) & (2**64 - 1)",
    ),
    _other("modules/carry.vy", "escrow/test_settle_money", "earner=(word >> 176) & 255", "earner=(word >> 176) & 1"),
    _other("modules/carry.vy", "escrow/test_settle_money", " | (c.rounding << 184)"),
    _other("modules/carry.vy", "escrow/test_settle_policy", "return word & (2**64 - 1)", "return word & (2**32 - 1)"),
    _other("modules/rules.vy", "escrow/test_settle_money", "return (word >> 40) & 65535", "return (word >> 40) & 255"),
    _other("modules/rules.vy", "escrow/test_settle", "return (word >> 56) & 255", "return (word >> 56) & 1"),
    _other(
        "modules/ledger.vy",
        "escrow/test_views escrow/test_withdraw",
        ">> ((seat & 1) << 7)) & (2**128 - 1)",
        ">> ((seat & 1) << 7))",
    ),
    _other(
        "TermLimits.vy",
        "term_limits/test_check",
        "aggregates: uint256 = t.rounds - 1",
        "aggregates: uint256 = t.rounds",
    ),
    _other("TermLimits.vy", "term_limits/test_check", "aggregates + 1, PUBLIC_ROWS", "aggregates, PUBLIC_ROWS"),
    _other(
        "RoundVerifier.vy",
        "round_verifier/test_judge",
        "        both = claims._with_sum(both, outcome.weights, claimed, rows)\n",
        "        pass\n",
    ),
    # --- the policy shown
    *(
        _other("ConsensusPolicy.vy", "consensus_policy/test_shown", old, new)
        for old, new in (
            (
                "part: uint256 = min(MAX_SHARE, contributions[row] * ONE // total)",
                "part: uint256 = min(MAX_SHARE, contributions[row])",
            ),
            ("(PAST * last + part) // (PAST + 1)", "part"),
            ("(PAST * last + part) // (PAST + 1)", "(last + part) // 2"),
            ("paid[row] = min(average, (cap *", "paid[row] = max(average, (cap *"),
            ("(cap * ((kept[word] >> offset) & MAX_SHARE)) >> 32", "(kept[word] >> offset) & MAX_SHARE"),
            ("kept[word + AVERAGES] ^= (last ^ average) << offset", "kept[word + AVERAGES] |= average << offset"),
            ("                kept[word + AVERAGES] |= part << offset\n", ""),
            ("                kept[word] |= part << offset\n", ""),
            ('    assert row == rows, "policy: wrong seats"\n', ""),
            (
                "    if total == 0:\n        return paid, memory\n",
                "    if total == 0:\n        return paid, empty(uint256[8])\n",
            ),
            ("(memory[0] | memory[1] | memory[2] | memory[3]) != 0", "memory[0] != 0"),
            ("if consensus._count(kept) <= byzantine:", "if kept == 0:"),
            ("(terms[CAP] != 0) == (terms[RULE] == SHOWN)", "True"),
            ("terms[CAP] <= MAX_CAP", "True"),
        )
    ),
)
