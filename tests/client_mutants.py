"""Single changes to what parties trust before they put money in, and to what they seal and keep: a part of the list
that `ape run mutate` goes through. These are of Python, so nothing is compiled for them.
"""

from __future__ import annotations

from tests.mutants import Mutant

__all__ = ["MUTANTS"]

MARKET, STORAGE = "tests/offchain/market", "tests/offchain/storage"


def _trust(test: str, old: str, new: str = "") -> Mutant:
    """test: names of tests, without what they all begin with."""
    tests = tuple(f"{MARKET}/test_trust.py::test_check_{name}" for name in test.split())
    return Mutant("offchain/market/trust.py", old, new, tests)


def _market(file: str, test: str, old: str, new: str = "") -> Mutant:
    return Mutant(f"offchain/market/{file}.py", old, new, tuple(f"{MARKET}/test_{name}.py" for name in test.split()))


def _sealing(old: str, new: str = "") -> Mutant:
    return Mutant("offchain/storage/sealing.py", old, new, (f"{STORAGE}/test_sealing.py",))


FLIPPED = "project__one_bit_of_an_immutable_flipped__is_refused_by_all_and_named"
ROBBED = "project__constructor_wrote_the_ledger__is_refused_by_all"
PREPARED = "project__constructor_wrote_the_registry__is_refused_by_all"
LOGGED = "project__somebody_logs_what_a_registry_does__is_refused"
SOUND = "project__made_by_the_registry__is_joined"

MUTANTS = (
    # --- a project is what a registry made
    _trust(
        ROBBED,
        "        if project_address(contracts, registry, implementation, owner, terms, nonce) == project.address:\n"
        "            return registry\n",
        "        return registry\n    return str(project.escrow.owner())\n",
    ),
    _trust(
        f"{SOUND} project__second_project_of_the_same_terms__its_nonce_is_found",
        "owner, terms, nonce) == p",
        "owner, terms, 0) == p",
    ),
    _trust(f"{LOGGED} {SOUND}", 'keccak(b"\\xff" + bytes', 'keccak(b"\\xfe" + bytes'),
    _trust(
        "project__initialised_with_other_terms_than_the_address_says__is_refused",
        "tuple(terms.as_struct().values()), nonce",
        "tuple(terms.as_struct().values())[:0], nonce",
    ),
    _trust(
        "project__proxy_of_another_implementation__is_refused_before_it_is_asked",
        "    immutables(provider, contracts.Escrow, implementation)  # before it is asked for anything\n",
    ),
    _trust(
        "project__implementation_itself__is_no_project",
        "len(implementation) != 20 or proxy != head + implementation + foot",
        "len(implementation) != 20",
    ),
    _trust(
        "project__another_registry_than_the_named__is_refused",
        "    if registry and maker.lower() != registry.lower():\n",
        "    if False:\n",
    ),
    _trust(
        "project__registry_that_the_user_names__its_creation_is_not_looked_up",
        "maker.lower() != registry.lower()",
        "maker != registry",
    ),
    _trust(
        "project__registry_that_the_user_names__its_creation_is_not_looked_up",
        "is_named=bool(registry)",
        "is_named=False",
    ),
    _trust(PREPARED, "is_named=bool(registry)", "is_named=True"),
    _trust(PREPARED, "    if not is_named:\n", "    if False:\n"),
    _trust(PREPARED, 'bytes(transaction["input"]) == init', "True"),
    _trust(PREPARED, 'receipt["contractAddress"] == registry', "True"),
    _trust(
        "registry__made_by_a_contract__is_refused",
        'transaction.get("to") is None and bytes(transaction["input"]) == init',
        "True",
    ),
    _trust(
        "registry__node_without_the_block__says_what_to_do",
        "        except BlockNotFound:\n",
        "        except KeyError:\n",
    ),
    _trust(FLIPPED, "    if block <= int(eth.block_number):\n", "    if True:\n"),
    # --- what it relies on
    _trust(FLIPPED, '    _compare("RoundVerifier", verifier, found, ceremony.words())\n'),
    _trust(FLIPPED, '            "SRS_SIZE": self.size.to_bytes(_WORD, "big"),\n'),
    _trust(FLIPPED, '            "GRAM_KEY": gram_key(self.tau_g2),\n'),
    _trust(FLIPPED, '            "RANGE_KEY": range_key(self.tau_g2),\n'),
    _trust(FLIPPED, "        if found[name] != value:\n", '        if found[name] != value and name != "TAU_G2[3]":\n'),
    _trust(
        "project__another_code_when_the_registry_was_made__is_refused",
        '    _compare("Registry", registry, said, {"CODE": keccak(b"".join(codes))})\n',
    ),
    _trust(
        "project__another_code_when_the_registry_was_made__is_refused",
        "in (implementation, limits, referee, verifier))",
        "in (implementation, limits, limits))",
    ),
    _trust(
        "code__without_an_srs__keys_have_to_be_those_of_the_verifiers_own",
        "_ceremony_of(found) if srs is None else",
        "_ceremony_of(found) if False else",
    ),
    _trust(
        "project__another_srs__says_what_to_do",
        "_ceremony_of(found) if srs is None else",
        "_ceremony_of(found) if True else",
    ),
    _trust(
        "project__proxy_of_another_implementation__is_refused_before_it_is_asked",
        "code[: len(compiled)] != compiled or ",
        "",
    ),
    _trust(
        "project__policy_became_known_since__terms_are_asked_again",
        "contract_at(contracts.TermLimits, relied.term_limits).check(project.terms.as_struct(), relied.srs_size)",
        "pass",
    ),
    _trust(
        "project__another_policy__is_refused_unless_it_was_read",
        "        if accept_unknown:\n            return False\n",
    ),
    _trust(
        "project__another_policy__is_refused_unless_it_was_read", "        if accept_unknown:\n", "        if True:\n"
    ),
    # --- a deployment's record, an owner
    _market(
        "deployment",
        "deployment",
        "    for name in others:  # after what names the immutable\n",
        "    for name in ():\n",
    ),
    _market("deployment", "deployment", "            if name in others:\n", "            if False:\n"),
    _market("deployment", "deployment", '    ("registry", "IMPLEMENTATION", "implementation"),\n'),
    _market("deployment", "deployment", '    check_registry(provider, contracts, addresses["registry"], srs)\n'),
    _market("deployment", "deployment", "    if provider.chain_id != chain_id:\n", "    if False:\n"),
    _market(
        "owner",
        "trust",
        "check_registry(self.registry.provider, self.contracts, address, self._srs, self._is_named)",
        "check_registry(self.registry.provider, self.contracts, address, self._srs, True)",
    ),
    # --- what others name
    _market("named", "named", "        newest.pop(who, None)\n"),
    _market("named", "named", "list(reversed(newest.values()))", "list(newest.values())"),
    _market(
        "named", "named", "for who, cid in reversed(named) if who == owner", "for who, cid in named if who == owner"
    ),
    _market("named", "named", "[*owners, *_newest_of_each(", "[*owners[:1], *_newest_of_each("),
    _market("named", "named", "[settled, *_newest_of_each(named)]", "[*_newest_of_each(named), settled]"),
    _market("named", "named", "                self._missing[cid] += 1\n"),
    _market("named", "named", "                if missing == MOST_MISSING:\n                    break\n"),
    _market("named", "named", "self._useless[cid, reader] = error", "error"),
    _market("named", "named", "self._useless.get((cid, reader))", 'self._useless.get((cid, b""))'),
    _market("named", "named", "(NotFound, Unavailable, Corrupt) as", "(NotFound, Unavailable) as"),
    _market(
        "member",
        "member",
        "return use(open_grant(store.get(cid, grant_size()), key, place))",
        "return open_grant(store.get(cid, grant_size()), key, place)",
    ),
    _market(
        "audit/contents",
        "contents",
        "            except (SealingError, Unreadable, Difference):\n",
        "            except SealingError:\n",
    ),
    _market(
        "audit/contents",
        "contents",
        "                return open_model(sealed, granted, size)\n",
        "                break\n",
    ),
    # --- the journal: lines that stay
    _market("journal", "journal", "folder.stat().st_mode & 0o077", "folder.stat().st_mode & 0o007"),
    _market("journal", "journal", "        elif known != identity:\n", "        elif False:\n"),
    _market("journal", "journal", "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB"),
    # --- sealing: lines that stay
    _sealing(
        "            if hmac.compare_digest(_commitment(key, info), sealed[2:_HEAD]):\n", "            if True:\n"
    ),
    _sealing("not 1 <= count <= MAX_RECIPIENTS or ", ""),
    _sealing("len(sealed) - start - _TAG <= max_size:", "len(sealed) - start - _TAG:"),
    _sealing("numbers[0], address_bytes(self.project), numbers[1]", "numbers[0], numbers[1]"),
    _sealing("numbers[1], address_bytes(self.sender)", "numbers[1]"),
    _sealing("decrypt(_NONCE, sealed[start:], info + header)", "decrypt(_NONCE, sealed[start:], info)"),
    _sealing("st_mode & 0o077", "st_mode & 0o007"),
    _sealing("os.O_CREAT | os.O_EXCL, 0o600", "os.O_CREAT, 0o600"),
    _sealing("os.O_CREAT | os.O_EXCL, 0o600", "os.O_CREAT | os.O_EXCL, 0o644"),
    _sealing("if len(address) != 20 or len(text) != 42 or", "if len(address) != 20 or"),
    # --- what is sent: one call, once, at a fee that was allowed
    *(
        _market("sender", "sender", old, new)
        for old, new in (
            ("        self.resume()\n        eth", "        eth"),
            ('head - mined["blockNumber"] >= self.depth', "True"),
            ('if mined["status"] == 1 else None', "if True else None"),
            (
                "                self.journal.end_attempts(nonce)\n                if receipt is None:",
                "                if receipt is None:",
            ),
            ("if mined is None and not used:", "if mined is None:"),
            ("self._nonce_used(nonce, head - self.depth)  #", "False  #"),
            ("return used > nonce", "return used >= nonce"),
            ("        self.journal.add_attempt(attempt)\n", ""),
            ("balance // gas if self.max_fee is None else min(self.max_fee, balance // gas)", "balance // gas"),
            ("        if balance < gas * needed:\n            raise Unaffordable(self._poor(gas * needed))\n", ""),
            ("kept.max_fee * 5 // 4 + 1 for kept in stuck", "kept.max_fee for kept in stuck"),
            ("gas = min(MAX_GAS, eth.estimate_gas(request) * 5 // 4)", "gas = eth.estimate_gas(request)"),
        )
    ),
    # --- what is due: nothing early, nothing twice, nothing left out
    *(
        _market("programs/steps", "steps", old, new)
        for old, new in (
            (
                "yield Step.WITHDRAW if account.due or account.parts else Step.DONE",
                "yield Step.WITHDRAW if account.due else Step.DONE",
            ),
            (
                "        if view.is_prepared:\n            yield Step.SUBMIT\n",
                "        yield Step.SUBMIT\n        if False:\n            pass\n",
            ),
            ("view.has_copy and (not view.behind or half_over)", "view.has_copy"),
            ("and not status.delivered & bit and view.is_prepared:", "and view.is_prepared:"),
            (
                "in_scoring and status.delivered & bit and view.is_prepared and not view.is_published",
                "view.is_prepared and not view.is_published",
            ),
            ("    if not view.is_rehearsed:\n        yield Step.REHEARSE\n        return\n", ""),
            ("and (view.is_owner or not is_owners):", "and True:"),
            ("if is_free and not is_spent and turn_opens", "if is_free and turn_opens"),
            ("status.current == view.address and view.look.now <= status.deadline:", "status.current == view.address:"),
            ("if view.unmirrored and not last_call:", "if view.unmirrored:"),
            ("Step.VOID if view.unusable > view.terms.max_excluded else Step.SETTLE", "Step.SETTLE"),
            ("    if view.is_ready:\n        return Step.SETTLE\n", ""),
            (
                "status.phase == Phase.HANDOVER and not view.behind:\n        yield Step.CONFIRM",
                "status.phase == Phase.HANDOVER:\n        yield Step.CONFIRM",
            ),
            ("ends.get(status.phase) if look.is_overdue else None", "ends.get(status.phase)"),
        )
    ),
    # --- what is read: every event, once, of the chain that there is
    *(
        _market("follow", "follow", old, new)
        for old, new in (
            ("self._block(max(0, head - self.depth))", "self._block(head)"),
            ("            self._roll_back(head)\n", ""),
            ("            if self._block(last).hash != witness.hash:\n                return False\n", ""),
            ("self._marks[-1].upto + 1 if self._marks", "self._marks[-1].upto if self._marks"),
            ("if event.block_number <= upto]", "]"),
            ("block.number <= head and self._block(block.number).hash == block.hash", "block.number <= head"),
            ("return block.timestamp if self.depth else max", "return max"),
            ("            journal.drop_logs(-1, self._progress([]))\n", ""),
            (
                "asked if self._good < asked else asked // 2"
                if False
                else "self._good if 0 < self._good < asked else asked // 2",
                "asked",
            ),
        )
    ),
)
