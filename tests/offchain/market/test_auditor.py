"""The auditor on a small market of synthetic trainers: what passes, and each thing that must not."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from eth_utils import to_checksum_address

from offchain.market import auditor as auditor_module
from offchain.market import trust
from offchain.market.audit import history as history_module
from offchain.market.audit.books import Books
from offchain.market.audit.finding import Difference, Finding
from offchain.market.audit.history import Entry, SettleCall
from offchain.market.auditor import Auditor
from offchain.market.errors import MarketError
from offchain.market.project import Project
from offchain.proving.commitment import random_tail
from offchain.proving.kernels.field import P
from offchain.proving.srs import Srs
from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import NotFound
from offchain.storage.payload import Aggregate, Payload, aggregate_to_bytes
from offchain.storage.sealing import SealingKey
from offchain.storage.store import Store
from tests.offchain.market.play import SEATS, Play
from tests.offchain.market.test_aggregator import sealed_for
from tests.unit.escrow.test_settle_proof import proof_of


def as_if_the_terms_were(play: Play, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """As if the escrow had taken others than those that its address commits to."""
    relied = trust.check_project(play.project, play.stage.contracts, play.stage.srs)
    monkeypatch.setattr(auditor_module, "check_project", lambda *_, **__: relied)
    monkeypatch.setattr(play.project, "terms", replace(play.project.terms, **changes))


def audit(
    play: Play, store: Store | None = None, srs: Srs | None = None, key: SealingKey | None = None
) -> list[Finding]:
    stage = play.stage
    auditor = Auditor(play.project, stage.contracts, store or stage.store, srs or stage.srs, key)
    return list(auditor.run())


def settle_round(play: Play) -> None:
    play.to_settling()
    play.aggregator.settle()


def unchecked(findings: list[Finding]) -> list[str]:
    return [finding.text for finding in findings if not finding.checked]


class Lying(Store):
    """Serves another block in place of one."""

    def __init__(self, honest: EmbeddedStore, digest: bytes) -> None:
        self.honest = honest
        self.digest = digest

    def _read(self, digest: bytes, max_size: int) -> bytes:
        block = self.honest._read(digest, max_size)
        return bytes([block[0] ^ 1]) + block[1:] if digest == self.digest else block

    def _write(self, cid: Any, block: bytes) -> None:
        self.honest._write(cid, block)

    def _holds(self, digest: bytes) -> bool:
        return self.honest._holds(digest)

    def pin(self, content: Any) -> None:
        pass

    def unpin(self, content: Any) -> None:
        pass


class Absent(Lying):
    """Doesn't have one block."""

    def _read(self, digest: bytes, max_size: int) -> bytes:
        if digest == self.digest:
            raise NotFound("gone")
        return self.honest._read(digest, max_size)


@pytest.fixture
def proofs_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are right, and take longer to verify than all else."""
    monkeypatch.setattr(auditor_module, "check_proofs", lambda *arguments: None)


# --- what passes


def test_audit__running_project__checks_everything(play: Play) -> None:
    settle_round(play)
    for key, payloads in (
        (None, "6 payloads have the digests"),
        (play.aggregator._key, "6 payloads open the commitments"),
    ):
        findings = audit(play, key=key)
        assert unchecked(findings) == []
        assert {finding.subject for finding in findings} == {"code", "history", "round 0", "state", "contents"}
        assert any(payloads in finding.text for finding in findings)


def test_audit__asked_for_reasons__says_of_each_row_why_it_was_paid_that(play: Play, proofs_hold: None) -> None:
    settle_round(play)
    auditor = Auditor(play.project, play.stage.contracts, play.stage.store, play.stage.srs, explains=True)
    texts = [finding.text for finding in auditor.run() if finding.text.startswith("seat ")]
    (settlement,) = play.project.settlements()
    for text, seat, contribution in zip(texts, settlement.seats, settlement.contributions, strict=True):
        share = 100 * contribution / sum(settlement.contributions)
        assert text.startswith(f"seat {seat}, {play.trainers[seat].account.address}: {share:.1f} % of the round: ")


def test_audit__finished_project__passes_with_the_members_model(play: Play) -> None:
    settle_round(play)
    settle_round(play)
    play.stage.owner.confirm(play.project)
    for party in (*play.trainers, play.aggregator):
        party.withdraw()
    findings = audit(play)
    assert unchecked(findings) == []
    assert any("2 of 2 rounds are over" in finding.text for finding in findings)


def test_audit__before_anything_was_settled__passes(play: Play) -> None:
    play.to_delivering()
    findings = audit(play)
    assert {finding.subject for finding in findings} == {"code", "history", "state", "contents"}


@pytest.mark.usefixtures("proofs_hold")
def test_audit__row_excluded__passes_and_tells_the_payload(play: Play) -> None:
    play.to_delivering()
    liar = play.trainers[2]
    assert liar.prepared is not None
    other = Payload(np.ones(play.project.terms.dimension, np.int16), tuple(random_tail()))
    liar.prepared = replace(liar.prepared, sealed=sealed_for(play, liar.account, other))
    for trainer in play.trainers:
        trainer.deliver()
    for trainer in play.trainers:
        trainer.publish()
    assert play.aggregator.settle().excluded == [2]
    texts = [finding.text for finding in audit(play, key=play.aggregator._key)]
    assert (
        "the payload of seat 2 in round 0 does not open the commitment that was delivered; it counts for nothing"
        in texts
    )


@pytest.mark.usefixtures("proofs_hold")
def test_audit__empty_store__says_what_could_not_be_checked(play: Play, tmp_path: Path) -> None:
    settle_round(play)
    texts = unchecked(audit(play, EmbeddedStore(tmp_path)))
    assert len(texts) == 4
    for text, start in zip(
        texts, ("the task's", "the initial model is not", "the aggregate of round 0", "6 payloads are not"), strict=True
    ):
        assert text.startswith(start)


def test_audit__unknown_policy__is_asked_on_chain(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_round(play)
    monkeypatch.setattr(trust, "check_policy", lambda *arguments: False)
    (text,) = unchecked(audit(play))
    assert text.endswith("is none of this package's: it is asked, not replayed")


def test_audit__unknown_policy_and_deliveries_in_another_order__is_asked_about_the_rows(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last seat delivered first, and is excluded."""
    play.to_delivering()
    for trainer in play.trainers[::-1]:
        trainer.deliver()
    for trainer in play.trainers[:-1]:
        trainer.publish()
    assert play.aggregator.settle().excluded == [SEATS - 1]
    monkeypatch.setattr(trust, "check_policy", lambda *arguments: False)
    assert any(text.endswith("it is asked, not replayed") for text in unchecked(audit(play)))


@pytest.mark.usefixtures("proofs_hold")
def test_audit__aggregate_sealed_to_members__opens_with_a_members_key_alone(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = play.trainers[0]._key
    play.to_settling()
    with monkeypatch.context() as patch:
        patch.setattr(play.aggregator, "_recipients", lambda: [member.public])
        play.aggregator.settle()
    assert "the aggregate of round 0 is sealed to the members" in unchecked(audit(play))
    assert unchecked(audit(play, key=member)) == []
    with pytest.raises(Difference, match=r"the aggregate of round 0: .* doesn't open"):
        audit(play, key=play.trainers[1]._key)


# --- contents that are not what they should be


@pytest.mark.usefixtures("proofs_hold")
def test_audit__aggregate_of_other_numbers__names_the_round(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    play.to_settling()
    false = Aggregate(np.ones(play.project.terms.dimension, np.int64), tuple(random_tail()))
    data = aggregate_to_bytes(false)
    monkeypatch.setattr(play.aggregator, "_publish", lambda *arguments: play.stage.store.put(data).digest)
    play.aggregator.settle()
    with pytest.raises(Difference, match="the aggregate of round 0 does not open the commitment that was settled"):
        audit(play)


def false_aggregate(play: Play) -> bytes:
    """The digest of one on the store that isn't the round's."""
    other = Aggregate(np.ones(play.project.terms.dimension, np.int64), tuple(random_tail()))
    return play.stage.store.put(aggregate_to_bytes(other)).digest


@pytest.mark.parametrize("garbage", ["another aggregate", "nonsense", "too long", "sealed", "nothing"])
@pytest.mark.usefixtures("proofs_hold")
def test_audit__republished_garbage__names_the_copy_and_goes_on_with_a_good_one(play: Play, garbage: str) -> None:
    settle_round(play)
    store, aggregator = play.stage.store, play.aggregator
    without = audit(play)
    contents = {"nonsense": bytes(1_000), "too long": bytes(1 << 20), "sealed": b"\xff" * 1_000}
    cid = b"\x07" * 32
    if garbage == "another aggregate":
        cid = false_aggregate(play)
    elif garbage in contents:
        cid = store.put(contents[garbage]).digest
    play.project.escrow.republish(0, cid, sender=aggregator.account)
    findings = audit(play)
    news = [finding for finding in findings if finding.text not in {f.text for f in without}]
    told = [finding.text for finding in news if "counts for nothing" in finding.text]
    if garbage in ("sealed", "nothing"):  # for all that an auditor without a key can tell, good
        assert told == []
    else:
        (text,) = told
        assert text.endswith(f"the copy 0x{cid.hex()} that {aggregator.account.address} named counts for nothing")
    assert unchecked(findings) == []
    models = [[f.text for f in run if "the model after" in f.text] for run in (without, findings)]
    assert models[0] == models[1] != []


@pytest.mark.usefixtures("proofs_hold")
def test_audit__false_aggregate_and_a_good_republished_copy__goes_on_with_that(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    play.to_settling()
    store, false = play.stage.store, false_aggregate(play)
    good: list[bytes] = []

    def another(_round: int, content: Aggregate) -> bytes:
        good.append(store.put(aggregate_to_bytes(content)).digest)
        return store.get(false, 1 << 20)

    monkeypatch.setattr(play.aggregator, "_to_members", another)
    play.aggregator.settle()
    republish = play.project.escrow.republish
    with pytest.raises(Difference, match="the aggregate of round 0 does not open the commitment"):
        audit(play)
    for cid in (false_aggregate(play), good[0]):  # the newest of an aggregator's counts
        republish(0, cid, sender=play.aggregator.account)
    findings = audit(play)
    assert unchecked(findings) == []
    (told,) = [finding.text for finding in findings if "counts for nothing" in finding.text]
    assert f"0x{false.hex()}" in told


@pytest.mark.usefixtures("proofs_hold")
def test_audit__republished_garbage_and_the_good_copy_not_to_be_had__is_no_difference(play: Play) -> None:
    """Who can't see the good copy can't say that there is none."""
    settle_round(play)
    play.project.escrow.republish(0, false_aggregate(play), sender=play.aggregator.account)
    (settlement,) = play.project.settlements()
    store = play.stage.store
    absent = Absent(store, settlement.cid)
    assert [text for text in unchecked(audit(play, absent)) if "aggregate of round 0 is not to be had" in text]


@pytest.mark.usefixtures("proofs_hold")
def test_audit__payload_changed_with_the_aggregators_help__key_shows_it(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The aggregator has the right payload from elsewhere, and settles; what was named on chain is another."""
    play.to_delivering()
    liar = play.trainers[2]
    assert liar.prepared is not None
    told = liar.prepared.sealed
    other = Payload(np.ones(play.project.terms.dimension, np.int16), tuple(random_tail()))
    liar.prepared = replace(liar.prepared, sealed=sealed_for(play, liar.account, other))
    for trainer in play.trainers:
        trainer.deliver()
    for trainer in play.trainers:
        trainer.publish()
    honest, cid = play.aggregator._open, play.stage.store.put(told).digest
    monkeypatch.setattr(
        play.aggregator,
        "_open",
        lambda delivery, *rest: honest(replace(delivery, cid=cid) if delivery.seat == 2 else delivery, *rest),
    )
    assert play.aggregator.settle().excluded == []
    with pytest.raises(Difference, match="payload of seat 2 in round 0 does not open the commitment"):
        audit(play, key=play.aggregator._key)


@pytest.mark.parametrize("what", ["task", "initial model", "aggregate of round 0", "payload of seat 3 in round 0"])
@pytest.mark.usefixtures("proofs_hold")
def test_audit__store_serves_wrong_bytes__names_them(play: Play, what: str) -> None:
    settle_round(play)
    terms = play.project.terms
    digests = {
        "task": terms.task,
        "initial model": terms.model,
        "aggregate of round 0": play.project.settlements()[0].cid,
        "payload of seat 3 in round 0": play.project.deliveries(0)[3].cid,
    }
    with pytest.raises(Difference, match=f"the {what}.* doesn't have its digest"):
        audit(play, Lying(play.stage.store, digests[what]))


@pytest.mark.usefixtures("proofs_hold")
def test_audit__key_of_a_stranger__refuses(play: Play) -> None:
    with pytest.raises(MarketError, match="the sealing key is of no member"):
        audit(play, key=SealingKey.generate())


# --- code: the attacks are in test_trust.py


def replace_project(play: Play, other: Project) -> Play:
    aside = copy(play)
    aside.project = other
    return aside


def test_audit__no_project__says_so(play: Play) -> None:
    nowhere = Project(play.stage.contracts.Escrow.at(play.stage.deployment.implementation))
    with pytest.raises(Difference, match="is no project: its code isn't a registry's proxy"):
        audit(replace_project(play, nowhere))


def test_audit__other_verifier__names_its_code(play: Play, create_project: Callable[..., Any]) -> None:
    driver = create_project()  # over a verifier that accepts what it is told to
    with pytest.raises(
        Difference, match=r"the code at .*, the escrow's VERIFIER, isn't RoundVerifier's of this package"
    ):
        audit(replace_project(play, Project(driver.escrow)))


def test_audit__another_srs__says_so(play: Play) -> None:
    other = Srs(play.stage.srs.g1, Srs.insecure(64).tau_g2)
    with pytest.raises(Difference, match=r"has TAU_G2\[0\] .*: it is for another SRS"):
        audit(play, srs=other)


# --- a node that lies about what was settled


def other_call(call: SettleCall, part: str) -> SettleCall:
    match part:
        case "commitments":
            return replace(call, commitments=call.commitments[::-1])
        case "gram":
            changed = replace(call.proof, gram=(call.proof.gram[0] + 1, *call.proof.gram[1:]))
        case "gram_proof":
            proof = call.proof.gram_proof
            changed = replace(call.proof, gram_proof=replace(proof, a_z=(proof.a_z + 1) % P))
        case _:
            ranges = call.proof.range_proof
            changed = replace(call.proof, range_proof=replace(ranges, g_zeta=(ranges.g_zeta + 1) % P))
    return replace(call, proof=changed)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("commitments", "round 0: the list of commitments is"),
        ("gram", "round 0: the Gram proof is refused"),
        ("gram_proof", "round 0: the Gram proof is refused"),
        ("range_proof", "round 0: the range proof is refused"),
    ],
)
def test_audit__another_proof__is_refused(play: Play, monkeypatch: pytest.MonkeyPatch, part: str, message: str) -> None:
    settle_round(play)
    read = auditor_module.read_settle_call
    monkeypatch.setattr(auditor_module, "read_settle_call", lambda *arguments: other_call(read(*arguments), part))
    with pytest.raises(Difference, match=message):
        audit(play)


def test_audit__proof_of_another_transaction__is_not_taken(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_round(play)
    read = auditor_module.read_settle_call
    monkeypatch.setattr(
        auditor_module,
        "read_settle_call",
        lambda project, entry: read(project, replace(entry, values=entry.values | {"cid": bytes(32)})),
    )
    with pytest.raises(Difference, match="round 0: the transaction that settled it has no call of settle that fits"):
        audit(play)


def doubled(numbers: list[int]) -> list[int]:
    """Of the contributions, each alike: credits stay what they are."""
    return [number * 2 for number in numbers]


@pytest.mark.parametrize(
    ("field", "change", "message"),
    [
        ("kept", lambda value: value ^ 1, "who is kept is"),
        ("policy_failed", lambda value: True, "the policy is said to have failed"),
        ("agreement", lambda value: value + 1, "the agreement is"),
        ("weights", lambda value: [value[0] ^ 1, *value[1:]], "the weights is"),
        ("contributions", doubled, "the contributions is"),
        ("rate", lambda value: value + 1, "RoundStarted: the rate is"),
        ("aggregate", lambda value: [1, 2], "the aggregate's commitment is"),
    ],
)
@pytest.mark.usefixtures("proofs_hold")
def test_audit__another_outcome__is_named(
    play: Play, monkeypatch: pytest.MonkeyPatch, field: str, change: Callable[[Any], Any], message: str
) -> None:
    settle_round(play)
    read = auditor_module.read_history

    def altered(*arguments: Any) -> list[Entry]:
        entries = read(*arguments)
        return [
            replace(entry, values=entry.values | {field: change(entry[field])}) if entry.name == "Settled" else entry
            for entry in entries
        ]

    monkeypatch.setattr(auditor_module, "read_history", altered)
    with pytest.raises(Difference, match=message):
        audit(play)


# --- a node that lies about what happened

# what the books take as it is; the rest of the audit compares it with something else, or nothing depends on it
NOT_IN_THE_BOOKS = {
    ("Created", "terms"),  # the contract's own are read
    ("Accepted", "key"),  # state
    ("Enrolled", "key"),  # state
    ("Delivered", "cid"),  # contents
    ("Settled", "kept"),  # policy
    ("Settled", "policy_failed"),  # policy
    ("Settled", "memory"),  # policy
    ("Settled", "agreement"),  # policy
    ("Settled", "weights"),  # policy
    ("Settled", "contributions"),  # policy; so little more makes no other credit
    ("Settled", "aggregate"),  # policy
    ("Settled", "rate"),  # policy; of the last round no other event tells it
    ("Settled", "cid"),  # contents
    ("Withdrawn", "to"),  # whatever the account wants
}


def altered_value(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value[:-1] + ("0" if value[-1] != "0" else "1")
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case [first, *rest]:
            return [altered_value(first), *rest]
        case _:
            return None


def replay(play: Play, entries: list[Entry]) -> Books:
    books = Books(play.project.terms, play.project.submission_hash)
    for entry in entries:
        books.take(entry)
    books.close()
    return books


def told_history(play: Play) -> list[Entry]:
    """Of a finished project with a seat that missed a round."""
    play.to_scoring()
    for trainer in play.trainers[1:]:
        trainer.publish()
    play.aggregator.settle()
    settle_round(play)
    play.stage.owner.confirm(play.project)
    for trainer in play.trainers:
        trainer.withdraw()
    head = play.project.escrow.provider.get_block("latest").number
    entries = history_module.read_history(play.project, head)
    replay(play, entries)
    return entries


def test_books__any_field_of_any_event_altered__is_noticed(play: Play) -> None:
    entries = told_history(play)
    passed = set()
    for i, entry in enumerate(entries):
        for name, value in entry.values.items():
            other = replace(entry, values=entry.values | {name: altered_value(value)})
            try:
                replay(play, [*entries[:i], other, *entries[i + 1 :]])
            except Difference:
                continue
            passed.add((entry.name, name))
    assert passed == NOT_IN_THE_BOOKS
    assert {entry.name for entry in entries} >= {"Missed", "Acknowledged", "Ended", "Confirmed", "Withdrawn"}


def test_books__an_event_left_out_or_told_twice__is_noticed(play: Play) -> None:
    entries = told_history(play)
    last = [i for i, entry in enumerate(entries) if entry.name == "Withdrawn"]
    for i in range(len(entries)):
        if i not in last:  # nothing comes after it: only the contract's state tells
            with pytest.raises(Difference):
                replay(play, [*entries[:i], *entries[i + 1 :]])
        with pytest.raises(Difference):
            replay(play, [*entries[: i + 1], *entries[i:]])


@pytest.mark.usefixtures("proofs_hold")
def test_audit__a_withdrawal_left_out__state_shows_it(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_round(play)
    play.trainers[0].withdraw()
    read = auditor_module.read_history
    monkeypatch.setattr(auditor_module, "read_history", lambda *arguments: read(*arguments)[:-1])
    with pytest.raises(Difference, match="has due, its seat and its parts is"):
        audit(play)


@pytest.mark.usefixtures("proofs_hold")
def test_audit__the_token_took_from_the_escrow__who_was_paid_less_is_owed_the_rest_and_the_lack_is_named(
    play: Play, accounts: Any
) -> None:
    settle_round(play)
    escrow, token, trainer = play.project.escrow, play.stage.token, play.trainers[0]
    due = play.project.account(trainer.account.address).due
    accounts.impersonate_account(escrow.address)
    escrow.provider.set_balance(escrow.address, 10**18)
    token.transfer(trainer.account, token.balanceOf(escrow) - 5, sender=escrow.address)
    trainer.withdraw()
    head = escrow.provider.get_block("latest").number
    books = replay(play, history_module.read_history(play.project, head))
    assert books.due[trainer.account.address] == due - 5
    assert books.due[trainer.account.address] == play.project.account(trainer.account.address).due
    with pytest.raises(Difference, match=f"the escrow has 0 tokens, and owes {books.owed}"):
        audit(play)


def with_odd_offsets(call: bytes) -> bytes:
    """The same call to the contract: commitments, proof and params in another order, apart, not at words, and with
    something behind them that the ABI has no place for.
    """
    selector, data = call[:4], call[4:]
    for place, gap in ((7, 3), (3, 32), (2, 1)):
        at = int.from_bytes(data[32 * place : 32 * place + 32], "big")
        size = int.from_bytes(data[at : at + 32], "big") * (64 if place == 2 else 1)
        there = len(data) + gap
        data = data[: 32 * place] + there.to_bytes(32, "big") + data[32 * place + 32 :] + b"\xee" * gap
        data += data[at : at + 32 + size]
    return selector + data + b"\xee" * 7


@pytest.mark.usefixtures("proofs_hold")
def test_audit__settled_by_a_call_of_odd_encoding__reads_it_as_the_contract_did(play: Play) -> None:
    play.to_settling()
    aggregator, project = play.aggregator, play.project
    ready = aggregator.make_ready(aggregator.open_round(0), 0, project.status().rate)
    call = with_odd_offsets(bytes(project.escrow.settle.encode_input(*ready.arguments)))
    provider = project.escrow.provider
    eth = provider.web3.eth
    request = {"from": str(aggregator.account.address), "to": project.address, "data": call, "gas": 4_000_000}
    assert eth.wait_for_transaction_receipt(eth.send_transaction(request))["status"] == 1
    aggregator.publish(project.settlements()[0])
    assert unchecked(audit(play)) == []


def test_read_call__any_arguments__are_those_that_were_encoded(play: Play) -> None:
    """Which the contract's ABI says, and the reader's positions have to agree with."""
    proof = proof_of("single row")
    arguments: tuple[Any, ...] = (
        3,
        0x0201,
        [(1, 2), (5, 6)],
        proof.encode(),
        (7, 8),
        "0x" + "ab" * 20,
        b"params",
        list(range(20, 28)),
        b"\x09" * 32,
    )
    call = bytes(play.project.escrow.settle.encode_input(*arguments))
    for data in (call, with_odd_offsets(call)):
        (read,) = history_module._calls_within(data, play.project.escrow.contract_type)
        assert read == SettleCall(
            3,
            0x0201,
            ((1, 2), (5, 6)),
            proof,
            (7, 8),
            to_checksum_address("0x" + "ab" * 20),
            b"params",
            tuple(range(20, 28)),
            b"\x09" * 32,
        )
    short = call[: -(32 - len(b"params")) - 1]  # without the padding, and the last byte of what it pads
    assert list(history_module._calls_within(short, play.project.escrow.contract_type)) == []


def test_read_settle_call__within_another_call__is_found(play: Play) -> None:
    play.to_settling()
    receipt = play.aggregator.settle().receipt
    contract_type = play.project.escrow.contract_type
    (direct,) = history_module._calls_within(bytes(receipt.data), contract_type)
    wrapped = b"\x12\x34\x56\x78" + bytes(37) + bytes(receipt.data) + bytes(7)
    assert list(history_module._calls_within(wrapped, contract_type)) == [direct]
    assert len(direct.commitments) == SEATS
