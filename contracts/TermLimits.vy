# pragma version 0.4.3
# pragma evm-version prague
# pragma optimize gas
"""
@title Term limits: which terms a project may have
@notice Holds nothing and trusts nobody. The escrow asks it before it takes any money; an owner may ask it before that. What
        each limit is for stands beside it.
"""
from interfaces import IEscrow
from interfaces import IPolicy
from interfaces import ITermLimits
from modules import rules

implements: ITermLimits

MAX_SEATS: constant(uint256) = 32      # bits of a mask, lanes of the policies' sorting networks; settling as many fits one transaction
MAX_ROUNDS: constant(uint256) = 256    # parts of a stake, sums of as many aggregates in the bounds of the proofs
PUBLIC_ROWS: constant(uint256) = 3     # the last two aggregates, and the sum of all that was public before them
MAX_AMOUNT: constant(uint256) = 2**96  # exclusive: products with contributions (< 2^155 in sum) fit 256 bits
MIN_WINDOW: constant(uint256) = 10     # seconds: a development chain; clients refuse short ones on public chains
MAX_WINDOW: constant(uint256) = 30 * 86_400
MASK_ENTRIES: constant(uint256) = 16   # the proof's zero-knowledge needs dimension >= rows + 16; its tails need 16 powers more
RANGE_TAIL: constant(uint256) = 8      # the range proof commits to a table of 2^bits entries and a tail
# Each aggregator that takes a round over shows a range proof of its own, and each of those opens the updates at one point more.
# An update's tail of 8 elements hides seven openings and the commitment.
MAX_AGGREGATORS: constant(uint256) = 7
MIN_POLICY_GAS: constant(uint256) = 100_000
MAX_POLICY_GAS: constant(uint256) = 10_000_000  # settle stays below 2^24, the most a transaction may use (EIP-7825)
MAX_QUANTUM: constant(uint256) = 2**96
MAX_RATE: constant(uint256) = 2**64 - 1


@external
@view
def check(terms: IEscrow.Terms, srs_size: uint256) -> uint256:
    """
    @notice See ITermLimits.
    """
    self._check_people(terms)
    self._check_money(terms)
    self._check_windows(terms)
    self._check_numbers(terms, srs_size)
    self._check_policy(terms)
    return rules._of(terms)


@internal
@pure
def _check_people(t: IEscrow.Terms):
    assert t.seats <= MAX_SEATS and t.min_rows >= 2 and t.min_rows <= t.seats, "terms: seats out of range"
    assert t.rounds >= 1 and t.rounds <= MAX_ROUNDS, "terms: rounds out of range"
    count: uint256 = len(t.aggregators)
    assert count >= 1, "terms: no aggregators"
    assert count <= MAX_AGGREGATORS, "terms: more aggregators than the tails can bear"
    for i: uint256 in range(count, bound=8):
        assert t.aggregators[i] != empty(address), "terms: aggregator is zero"
        for j: uint256 in range(i, bound=8):
            assert t.aggregators[j] != t.aggregators[i], "terms: aggregators not distinct"


@internal
@view
def _check_money(t: IEscrow.Terms):
    assert t.token.is_contract, "terms: token has no code"
    assert t.round_reward >= t.seats and t.round_reward < MAX_AMOUNT, "terms: reward out of range"
    assert t.trainer_part >= 1 and t.trainer_part <= t.round_reward, "terms: part out of range"
    # an exclusion takes a part of the fee: there must be enough of it
    assert t.max_excluded <= MAX_SEATS, "terms: too many may be excluded"
    assert t.round_fee >= t.max_excluded * t.trainer_part and t.round_fee < MAX_AMOUNT, "terms: fee out of range"
    # a slashed stake must make good for the round, and a voided round for every part
    assert t.aggregator_stake < MAX_AMOUNT, "terms: stake out of range"
    assert t.aggregator_stake >= t.round_reward, "terms: stake below the reward"
    assert t.aggregator_stake >= t.seats * t.trainer_part, "terms: stake below the parts"


@internal
@pure
def _check_windows(t: IEscrow.Terms):
    windows: uint256[6] = [
        t.accept_window, t.enrol_window, t.collect_window, t.deliver_window, t.score_window, t.handover_window
    ]
    for window: uint256 in windows:
        assert window >= MIN_WINDOW and window <= MAX_WINDOW, "terms: window out of range"


@internal
@pure
def _check_numbers(t: IEscrow.Terms, srs_size: uint256):
    assert t.dimension < 2**32, "terms: dimension beyond the SRS"
    assert t.dimension >= self._proof_rows(t) + MASK_ENTRIES, "terms: dimension too small"
    assert t.dimension + MASK_ENTRIES <= srs_size, "terms: dimension beyond the SRS"
    assert t.bits >= 2 and t.bits <= 16, "terms: bits out of range"
    assert (1 << t.bits) + RANGE_TAIL <= srs_size, "terms: bits beyond the SRS"
    assert t.quantum >= 1 and t.quantum <= MAX_QUANTUM, "terms: quantum out of range"
    assert t.rate >= 1 and t.rate <= MAX_RATE, "terms: rate out of range"
    assert t.model != empty(bytes32), "terms: no model"
    assert t.task != empty(bytes32), "terms: no task"


@internal
@view
def _check_policy(t: IEscrow.Terms):
    assert t.policy.is_contract, "terms: policy has no code"
    assert t.policy_gas >= MIN_POLICY_GAS and t.policy_gas <= MAX_POLICY_GAS, "terms: policy gas out of range"
    least: uint256 = staticcall IPolicy(t.policy).least_rows(t.params)
    if t.reference:
        least += 1
    assert least <= t.min_rows and t.max_excluded <= t.min_rows - least, "terms: too many may be excluded"
    # an aggregator with nothing but garbage must be able to give the round up, whatever the policy says
    assert t.max_excluded < t.min_rows, "terms: too many may be excluded"
    assert staticcall IPolicy(t.policy).validate(
        t.params, t.min_rows - t.max_excluded, self._proof_rows(t), t.policy_gas
    ), "terms: policy refuses its params"
    assert t.public_rows or t.first_row == empty(bytes32), "terms: first of no public rows"
    if t.public_rows:
        assert staticcall IPolicy(t.policy).takes_public_rows(t.params), "terms: policy takes no public rows"
    if t.reference:
        assert staticcall IPolicy(t.policy).takes_reference(t.params), "terms: policy takes no reference"


@internal
@pure
def _proof_rows(t: IEscrow.Terms) -> uint256:
    """
    @notice The most that a round's Gram matrix can have, with its public rows.
    """
    if not t.public_rows:
        return t.seats
    aggregates: uint256 = t.rounds - 1
    return t.seats + min(aggregates if t.first_row == empty(bytes32) else aggregates + 1, PUBLIC_ROWS)
