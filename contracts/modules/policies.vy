# pragma version 0.4.3
"""
@title Asking a policy that need not be honest
@notice A policy that reverts, runs out of gas or answers nonsense counts every row the same: its owner chose it, so its failure
        neither spares the owner nor costs the aggregator.
"""
from ..interfaces import IPolicy

MAX_ROWS: constant(uint256) = 32
MAX_GRAM: constant(uint256) = 820     # entries of a matrix of 40 rows, as verifiers take them
ONE: constant(uint256) = 2**32         # 1.0 of weights and rates
MAX_CONTRIBUTION: constant(uint256) = 2**150  # exclusive: 32 of them times a reward below 2^96 fit 256 bits
MAX_RATE: constant(uint256) = 2**64 - 1
OUTCOME_SIZE: constant(uint256) = 75 * 32  # of an IPolicy.Outcome
OUTCOME_CAP: constant(uint256) = OUTCOME_SIZE + 32  # a word more tells that the answer is too long
# Spent between the gas check and the policy's first step, encoding the call. What the caller does afterwards needs no reserve:
# if it runs out of gas nothing has changed, and it can be sent again with more.
CALL_RESERVE: constant(uint256) = 100_000


@internal
@view
def _ask(
    policy: address,
    policy_gas: uint256,
    params: Bytes[256],
    rows: uint256,
    gram: DynArray[int256, MAX_GRAM],
    rate: uint256,
    seats: uint256,
    has_reference: bool,
    memory: uint256[8],
) -> (IPolicy.Outcome, bool):
    """
    @notice The outcome, and whether the policy failed.
    @custom:security Whoever sends the transaction can't make the policy fail by giving little gas: it gets all of policy_gas
            (EIP-150 keeps a 64th back), or nothing happens. So a caller of this has to revert whenever this does.
    """
    assert msg.gas * 63 // 64 > policy_gas + CALL_RESERVE, "verifier: too little gas for the policy"
    success: bool = False
    answer: Bytes[OUTCOME_CAP] = b""
    success, answer = raw_call(
        policy,
        abi_encode(
            rows,
            gram,
            params,
            rate,
            seats,
            has_reference,
            memory,
            method_id=method_id("evaluate(uint256,int256[],bytes,uint256,uint256,bool,uint256[8])"),
        ),
        max_outsize=OUTCOME_CAP,
        gas=policy_gas,
        is_static_call=True,
        revert_on_failure=False,
    )
    if success and len(answer) == OUTCOME_SIZE:
        outcome: IPolicy.Outcome = abi_decode(answer, IPolicy.Outcome)
        if self._is_sound(rows, outcome):
            return outcome, False
    same: IPolicy.Outcome = empty(IPolicy.Outcome)
    same.kept = (1 << rows) - 1
    same.next_rate = rate
    same.memory = memory
    for i: uint256 in range(rows, bound=MAX_ROWS):
        same.weights[i] = ONE
        same.contributions[i] = 1
    return same, True


@internal
@pure
def _is_sound(rows: uint256, outcome: IPolicy.Outcome) -> bool:
    """
    @notice Whether rates, weights and contributions are in range, only rows have any, and only those that are kept a weight.
    """
    if outcome.next_rate == 0 or outcome.next_rate > MAX_RATE or outcome.kept >> rows != 0:
        return False
    for i: uint256 in range(MAX_ROWS):
        weight: uint256 = outcome.weights[i]
        contribution: uint256 = outcome.contributions[i]
        if (weight | contribution) != 0:
            if i >= rows or weight > ONE or contribution >= MAX_CONTRIBUTION:
                return False
            if weight != 0 and (outcome.kept >> i) & 1 == 0:
                return False
    return True
