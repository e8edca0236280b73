"""A settled round, checked from the transaction that settled it: both proofs, the policy, the aggregate's commitment.

The proofs are verified here, by the Python verifiers, against the commitments that the trainers delivered; so nothing
depends on what the chain's own verifier said. The matrix that they show is given to the policy, in Python too if it is
one of this package's. The aggregate is sum_i k_i C_i, with its weights.

In a project with public rows the aggregates of the rounds before are rows of the matrix too. What the policy remembers
follows from round to round, from nothing on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from offchain.market.audit.books import Settled, mask
from offchain.market.audit.finding import Difference, must, same
from offchain.market.audit.history import SettleCall
from offchain.market.project import Point, Project
from offchain.market.trust import Relied
from offchain.proving.commitment import combine
from offchain.proving.errors import Rejected
from offchain.proving.range_transcript import RangeStatement
from offchain.proving.range_verifier import verify_range
from offchain.proving.srs import Srs
from offchain.proving.transcript import GramStatement
from offchain.proving.verifier import verify
from offchain.scoring.policy import NotAGramMatrixError, Outcome, evaluate

__all__ = ["IDENTITY", "check_policy", "check_proofs"]

IDENTITY: Point = (0, 0)


def check_proofs(project: Project, srs: Srs, settled: Settled, call: SettleCall, public: Sequence[Point]) -> None:
    """Raises Difference unless the proofs show the call's matrix of the delivered rows and of the public ones, whose
    commitments are given.
    """
    delivered = (delivery.commitment for delivery in settled.delivered)
    same("the list of commitments", call.commitments, (*delivered, *public))
    same("what the policy remembered", call.memory, settled.memory)
    commitments = _proved(settled, call)
    context = project.context(settled.round, settled.entry["aggregator"])
    terms, rows = project.terms, len(settled.rows)
    statement = GramStatement(context, terms.dimension, commitments, call.proof.gram)
    ranges = RangeStatement(context, terms.dimension, terms.bits, commitments[:rows])
    try:
        verify(srs.tau_g2, srs.size, statement, call.proof.gram_proof, rows)
    except Rejected as error:
        raise Difference(f"the Gram proof is refused: {error}") from error
    try:
        verify_range(srs.tau_g2, srs.size, ranges, call.proof.range_proof)
    except Rejected as error:
        raise Difference(f"the range proof is refused: {error}") from error


def _proved(settled: Settled, call: SettleCall) -> tuple[Point, ...]:
    """The commitments that the proofs are about: of the rows, in seat order, then of the public ones."""
    return *(row.commitment for row in settled.rows), *call.commitments[len(settled.delivered) :]


def check_policy(project: Project, relied_on: Relied, settled: Settled, call: SettleCall) -> Outcome:
    """What the policy says of the proven matrix. Raises Difference unless that was settled, and the aggregate's
    commitment is that of its weights.
    """
    entry, rows = settled.entry, len(settled.rows)
    if relied_on.known_policy:
        must(not entry["policy_failed"], "the policy is said to have failed, and it doesn't")
        outcome = _replayed(project, settled, call)
    else:
        outcome, failed = _asked(project, relied_on.verifier, settled, call)
        same("whether the policy failed", entry["policy_failed"], failed)
    same("who is kept", [bool(entry["kept"] >> row & 1) for row in range(rows)], outcome.kept)
    same("the weights", entry["weights"], outcome.weights)
    same("the contributions", entry["contributions"], outcome.contributions)
    same("the agreement", entry["agreement"], outcome.agreement)
    same("the next rate", entry["rate"], outcome.next_rate)
    same("what the policy remembers", tuple(entry["memory"]), outcome.memory)
    commitment = combine([row.commitment for row in settled.rows], outcome.weights)
    same("the aggregate's commitment", settled.aggregate, commitment)
    return outcome


def _replayed(project: Project, settled: Settled, call: SettleCall) -> Outcome:
    try:
        return evaluate(
            len(settled.rows),
            call.proof.gram,
            project.terms.policy_terms,
            settled.rate,
            seats=mask(settled.seats),
            has_reference=project.terms.has_reference(settled.seats),
            memory=settled.memory,
        )
    except NotAGramMatrixError as error:
        raise Difference(f"the matrix can't be one of products: {error}") from error


def _asked(project: Project, verifier: Any, settled: Settled, call: SettleCall) -> tuple[Outcome, bool]:
    """What the policy's own code says, by way of the verifier, which knows what counts as a failure."""
    terms, rows = project.terms, len(settled.rows)
    answer = verifier.judge(
        project.context(settled.round, settled.entry["aggregator"]),
        terms.dimension,
        terms.bits,
        rows,
        _proved(settled, call),
        call.proof.as_struct(),
        terms.policy,
        terms.policy_gas,
        terms.params,
        settled.rate,
        mask(settled.seats),
        terms.has_reference(settled.seats),
        list(settled.memory),
        IDENTITY,
    )
    said, failed = answer[0], answer[1]
    kept = [bool(said.kept >> row & 1) for row in range(rows)]
    weights, contributions = list(said.weights[:rows]), list(said.contributions[:rows])
    outcome = Outcome(not any(kept), kept, weights, contributions, said.agreement, said.next_rate, tuple(said.memory))
    return outcome, bool(failed)
