# pragma version 0.4.3
# pragma evm-version prague
# pragma optimize gas
"""
@title Referee: what a round's proof is worth
@notice An escrow keeps hashes of what was delivered, of the public rows and of what its policy remembers. The aggregator shows
        what is behind them, and a proof. The referee matches the two, has the verifier check the proof and ask the policy,
        and divides the reward by what the policy says.

        It holds nothing, and anyone may ask it. It trusts the verifier. The policy is the project's; what it can do wrong,
        `modules/policies.vy` bounds.
"""
from interfaces import IPolicy
from interfaces import IReferee
from interfaces import IRoundVerifier
from modules import machine
from modules import rules

implements: IReferee

MAX_SEATS: constant(uint256) = 32
MAX_ROWS: constant(uint256) = 35       # seats and public rows
PUBLIC_ROWS: constant(uint256) = 3     # the last two aggregates, and the sum of all that was public before them
PROOF_SIZE: constant(uint256) = 847 * 32  # of an IRoundVerifier.Proof of as many rows, without its first word
VERDICT_SIZE: constant(uint256) = 78 * 32
# of IRoundVerifier.judge
JUDGE: constant(bytes4) = 0x9d6624cb

# what IRoundVerifier.judge returns
struct Verdict:
    outcome: IPolicy.Outcome
    policy_failed: bool
    aggregate: uint256[2]              # commitment to it

VERIFIER: public(immutable(address))


@deploy
def __init__(verifier: address):
    assert staticcall IRoundVerifier(verifier).srs_size() != 0, "referee: no verifier"
    VERIFIER = verifier


@external
@view
def rule(
    case: IReferee.Case,
    evidence: IReferee.Evidence,
    commitments: DynArray[uint256[2], MAX_ROWS],
    proof: Bytes[PROOF_SIZE],
    params: Bytes[256],
) -> IReferee.Ruling:
    """
    @notice See IReferee.
    """
    assert keccak256(concat(convert(evidence.policy, bytes20), params)) == case.policy, "referee: wrong policy"
    assert keccak256(abi_encode(evidence.memory)) == case.memory, "referee: wrong memory"
    r: rules.Rules = rules._unpack(case.rules)
    ruling: IReferee.Ruling = empty(IReferee.Ruling)
    ruling.rows = case.delivered & ~case.excluded
    seats: DynArray[uint256, MAX_SEATS] = machine._seats_of(ruling.rows)
    points: DynArray[uint256[2], MAX_ROWS] = self._delivered(case, evidence.order, commitments, seats)
    count: uint256 = machine._count(case.delivered)
    known: DynArray[uint256[2], MAX_ROWS] = []
    for i: uint256 in range(count, len(commitments), bound=MAX_ROWS):
        known.append(commitments[i])
        points.append(commitments[i])
    expected: bytes32 = case.public_rows if r.public_rows else empty(bytes32)
    assert self._chain(known) == expected, "referee: wrong public rows"

    # the numbers are true of the rows, and what they mean
    has_reference: bool = r.reference and ruling.rows & 1 == 1
    # A Bytes is encoded as its length and its content. So the verifier finds an IRoundVerifier.Proof, and nothing of it is
    # decoded here or in the escrow.
    answer: Bytes[VERDICT_SIZE] = raw_call(
        VERIFIER,
        abi_encode(
            keccak256(abi_encode(chain.id, msg.sender, case.round, case.scorer)),
            r.dimension,
            r.bits,
            len(seats),
            points,
            proof,
            evidence.policy,
            r.policy_gas,
            params,
            case.rate,
            ruling.rows,
            has_reference,
            evidence.memory,
            evidence.claimed,
            method_id=JUDGE,
        ),
        max_outsize=VERDICT_SIZE,
        is_static_call=True,
    )
    verdict: Verdict = abi_decode(answer, Verdict)
    ruling.kept = verdict.outcome.kept
    ruling.policy_failed = verdict.policy_failed
    ruling.agreement = verdict.outcome.agreement
    ruling.rate = verdict.outcome.next_rate
    ruling.aggregate = verdict.aggregate
    ruling.memory = verdict.outcome.memory
    ruling.public_rows = case.public_rows
    # the identity, if nothing is kept, has no direction that anybody could send again
    if r.public_rows and (verdict.aggregate[0] != 0 or verdict.aggregate[1] != 0):
        ruling.public_rows = self._chain(self._next(known, verdict.aggregate))

    # Rows that the aggregator excludes, or the owner's reference removes, take their part of the reward with them, so that
    # nobody gains by it.
    shared: uint256 = case.reward * len(seats) // count
    if has_reference and not verdict.policy_failed:
        judged: uint256 = count - 1
        shared = case.reward * min(machine._count(ruling.kept), judged) // judged
    return self._divided(ruling, verdict.outcome, len(seats), shared, case.reward)


@internal
@pure
def _delivered(
    case: IReferee.Case,
    order: uint256,
    commitments: DynArray[uint256[2], MAX_ROWS],
    seats: DynArray[uint256, MAX_SEATS],
) -> DynArray[uint256[2], MAX_ROWS]:
    """
    @notice The commitments of the round's rows in seat order, if what was delivered is what the escrow collected.
    """
    count: uint256 = machine._count(case.delivered)
    assert len(commitments) >= count, "referee: wrong number of commitments"
    digest: bytes32 = convert(case.round, bytes32)
    by_seat: uint256[2][MAX_SEATS] = empty(uint256[2][MAX_SEATS])
    for i: uint256 in range(count, bound=MAX_SEATS):
        seat: uint256 = (order >> (i << 3)) & (MAX_SEATS - 1)
        digest = keccak256(abi_encode(digest, seat, commitments[i]))
        by_seat[seat] = commitments[i]
    assert digest == case.deliveries, "referee: wrong commitments"
    points: DynArray[uint256[2], MAX_ROWS] = []
    for seat: uint256 in seats:
        points.append(by_seat[seat])
    return points


@internal
@pure
def _chain(points: DynArray[uint256[2], MAX_ROWS]) -> bytes32:
    """
    @notice The running hash of commitments: h' = keccak256(abi.encode(h, commitment)), from 0 on.
    """
    digest: bytes32 = empty(bytes32)
    for point: uint256[2] in points:
        digest = keccak256(abi_encode(digest, point))
    return digest


@internal
@view
def _next(known: DynArray[uint256[2], MAX_ROWS], aggregate: uint256[2]) -> DynArray[uint256[2], MAX_ROWS]:
    """
    @notice The public rows with one more: where there are as many as there may be, the oldest two become one, their sum.
    """
    rows: DynArray[uint256[2], MAX_ROWS] = known
    if len(rows) < PUBLIC_ROWS:
        rows.append(aggregate)
        return rows
    return [ecadd(rows[0], rows[1]), rows[2], aggregate]


@internal
@pure
def _divided(
    undivided: IReferee.Ruling, outcome: IPolicy.Outcome, rows: uint256, shared: uint256, reward: uint256
) -> IReferee.Ruling:
    """
    @notice The ruling with what each row gets of the reward, in proportion to its contribution.
    """
    ruling: IReferee.Ruling = undivided
    # below 2^155, as the verifier sees to it; times a reward, below 2^251
    total: uint256 = 0
    for i: uint256 in range(rows, bound=MAX_SEATS):
        total = unsafe_add(total, outcome.contributions[i])
    ruling.rounding = shared if total != 0 else 0
    ruling.sunk = reward - shared if total != 0 else reward
    for i: uint256 in range(rows, bound=MAX_SEATS):
        # nothing divided by zero is zero
        credit: uint256 = unsafe_div(unsafe_mul(shared, outcome.contributions[i]), total)
        ruling.weights.append(outcome.weights[i])
        ruling.contributions.append(outcome.contributions[i])
        ruling.credits.append(credit)
        ruling.rounding = unsafe_sub(ruling.rounding, credit)
    return ruling
