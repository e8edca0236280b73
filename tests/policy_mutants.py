"""Single changes to the range protocol, the round policy and what both policies count on, to the encoding of a proof,
and to what pins a registry: a part of the list that `ape run mutate` goes through.
"""

from __future__ import annotations

from tests.mutants import UNIT, Mutant

__all__ = ["MUTANTS"]


def _of(file: str, test: str, old: str, new: str = "") -> Mutant:
    return Mutant(file, old, new, tuple(f"{UNIT}/{name}.py" for name in test.split()))


def _range(test: str, old: str, new: str = "") -> Mutant:
    return _of("modules/range_protocol.vy", " ".join(f"range_protocol/test_{name}" for name in test.split()), old, new)


def _policy(old: str, new: str = "", test: str = "evaluate") -> Mutant:
    return _of("RoundPolicy.vy", " ".join(f"round_policy/test_{name}" for name in test.split()), old, new)


def _cosines(old: str, new: str = "") -> Mutant:
    return _of("modules/cosines.vy", "round_policy/test_evaluate", old, new)


def _lanes(old: str, new: str = "") -> Mutant:
    return _of("modules/lanes.vy", "lanes/test_lanes", old, new)


def _encoding(old: str, new: str = "") -> Mutant:
    return _of("RoundVerifier.vy", "round_verifier/test_encoding", old, new)


MUTANTS = (
    # --- the range protocol: what is refused at once
    _range("verify", "len(proof.inverses) == n + 1 and ", ""),
    _range("verify", " and len(proof.v_opp) == n + 1", ""),
    _range("verify", '    assert claims._is_sound(n, dimension, srs_size), "range: dimension out of bounds"\n'),
    _range("verify", "MIN_BITS <= bits and bits <= MAX_BITS", "bits <= MAX_BITS"),
    _range("verify", "MIN_BITS <= bits and bits <= MAX_BITS", "MIN_BITS <= bits"),
    _range("verify", "(1 << bits) + claims.TAIL <= srs_size", "(1 << bits) <= srs_size"),
    _range("verify", "proof.mask_constant < P\n        and ", ""),
    _range("verify", "        and proof.g_zeta < P\n"),
    _range("verify", "        and proof.m_zeta < P\n"),
    _range("verify", "        and proof.positive_zeta < P\n"),
    _range("verify", "        and hint < P\n"),
    *(
        _range("verify", f"    bn254._check(proof.{point})\n")
        for point in ("multiplicities", "mask", "table", "positive", "negative", "w", "l")
    ),
    _range("verify", '        assert max(f, v) < P, "range: scalar not canonical"\n'),
    _range("verify", "        bn254._check(point)\n"),
    # --- what it computes
    _range("verify", "uint256_mulmod(f, unsafe_add(chi_ones, v), P)", "uint256_mulmod(f, chi_ones, P)"),
    _range("verify", "    total = unsafe_sub(unsafe_add(total, P), proof.f_zeta[0])\n"),
    _range("verify", "    rho_powers = unsafe_sub(rho_powers, 1)\n"),
    _range("verify", "uint256_mulmod(c.rho, table, P)", "table"),
    _range("verify", "uint256_mulmod(c.gamma, inverses.x_less_zinv, P)", "inverses.x_less_zinv"),
    _range("verify", "        weight_opp = uint256_mulmod(weight_opp, c.delta, P)\n"),
    _range("verify", "    claim.base = unsafe_sub(P, value)\n"),
    _range("verify", "ecadd(claim.point, bn254._negate(proof.w))", "claim.point"),
    # --- its transcript and its inverses
    _range("challenges", "abi_encode(key, context, dimension, bits,", "abi_encode(key, context, bits, bits,"),
    _range("challenges", "abi_encode(state, proof.mask_constant)", "abi_encode(state)"),
    _range("challenges", "abi_encode(state, convert(1, uint256))", "abi_encode(state, convert(2, uint256))"),
    _range("challenges", "    c.digest = keccak256(abi_encode(state, proof.w))\n", "    c.digest = state\n"),
    _range("values", '    assert uint256_mulmod(product, hint, P) == 1, "range: wrong hint"\n'),
    _range("values", "uint256_mulmod(y, unsafe_add(zeta, 1), P)", "unsafe_add(zeta, 1)"),
    _range("values", "uint256_mulmod(y, unsafe_add(zeta, 1), P)", "y"),
    _range("values", "uint256_mulmod(size >> 1, ones_size_opp, P)", "uint256_mulmod(size, ones_size_opp, P)"),
    # --- the round policy: what is refused
    _policy('    assert rows != 0 and rows <= MAX_ROWS, "policy: rows out of range"\n    assert len', "    assert len"),
    _policy(
        '    assert len(gram) == unsafe_mul(rows, unsafe_add(rows, 1)) >> 1, "policy: wrong lengths"\n',
    ),
    _policy('    assert rate != 0 and rate <= MAX_RATE, "policy: rate out of range"\n'),
    _policy(
        "            sign |= unsafe_sub(unsafe_mul(square, other >> NORM_BITS), unsafe_mul(entry, entry))\n",
    ),
    _policy("            size |= unsafe_add(entry, MAX_ENTRY)\n"),
    _policy("sign >= 0 and size >> 81 == 0", "sign >= 0 and size >> 82 == 0"),
    _policy("sign >= 0 and size >> 81 == 0", "size >> 81 == 0"),
    # --- what it decides
    _policy("bytes32), uint256) << 64)\n", "bytes32), uint256) << 32)\n"),
    _policy("max(-UNIT, min(UNIT, cosine))", "min(UNIT, cosine)"),
    _policy("max(-UNIT, min(UNIT, cosine))", "max(-UNIT, cosine)"),
    _policy("    outcome.next_rate = rate\n"),
    _policy("min(terms[BYZANTINE], idle)", "0"),
    _policy("rows < unsafe_add(unsafe_mul(2, terms[BYZANTINE]), 3)", "rows < unsafe_mul(2, terms[BYZANTINE])"),
    _policy("        or alive < unsafe_add(unsafe_mul(2, byzantine), 3)\n"),
    _policy("0 if terms[RULE] == NO_REMOVAL else byzantine", "byzantine"),
    _policy("depth: uint256 = unsafe_add(byzantine, removed)", "depth: uint256 = byzantine"),
    _policy("range(byzantine, unsafe_sub(stay, 1), bound=32)", "range(0, unsafe_sub(stay, 1), bound=32)"),
    _policy("((total & cosines.LANE) << 5) | unsafe_sub(31, i)", "((total & cosines.LANE) << 5) | i"),
    _policy("farthest: uint256 = unsafe_add(byzantine, 1)", "farthest: uint256 = byzantine"),
    _policy("    kept ^= gone\n"),
    _policy("        if sum > 0:\n", "        if sum != 0:\n"),
    _policy("if outcome.agreement < terms[FLOOR]:", "if outcome.agreement <= terms[FLOOR]:"),
    _policy("max(min(rate, terms[LEAST_RATE]), ", "max(terms[LEAST_RATE], "),
    _policy("                outer = unsafe_sub(outer, word & FAR_OUTER)\n".removeprefix("    "), ""),
    _policy("= outer >> 168", "= outer >> 84"),
    _policy("or most < least or most > MAX_ROWS", "or most > MAX_ROWS", "validate"),
    _policy("gas_limit >= self._gas_for", "gas_limit > self._gas_for", "validate"),
    _policy("        and terms[DECAY] <= ONE\n", "", "evaluate validate"),
    _policy("        and terms[LEAST_RATE] != 0\n", "", "evaluate validate"),
    _policy("3_750 if rule == MULTI_KRUM else 2_200", "2_550 if rule == MULTI_KRUM else 1_500", "gas"),
    # --- cosines
    _cosines("                mask &= unsafe_sub(own, 1)\n"),
    _cosines("wanted: uint256 = unsafe_sub(pairs, pairs >> 1)", "wanted: uint256 = unsafe_add(pairs >> 1, 1)"),
    _cosines("digits[3] |= (word & (ONES * 255)) << offset", "digits[3] |= (word & (ONES * 127)) << offset"),
    _cosines("            if count >= wanted:\n", "            if count > wanted:\n"),
    _cosines("        wanted = unsafe_sub(wanted, above)\n"),
    _cosines("unsafe_add(stay, 1) >> 1)", "(stay >> 1) + 1)"),
    _cosines("min(ONE, unsafe_div(clip, ", "(unsafe_div(clip, "),
    _cosines("unsafe_add(ONE, excess & LANE)", "ONE"),
    _cosines("                mine: uint256 = kept ^ (1 << i)\n", "                mine: uint256 = kept\n"),
    _cosines("                    left = unsafe_sub(left, drop)\n"),
    _cosines("order: uint256[2][32] = tops[g >> 1]", "order: uint256[2][32] = tops[0]"),
    # --- lanes
    _lanes("mark: uint256 = unsafe_mul(31, tag)", "mark: uint256 = tag"),
    _lanes("    taken: uint256 = count & 1\n", "    taken: uint256 = 0\n"),
    _lanes("unsafe_sub(256, reach)", "unsafe_sub(255, reach)"),
    _lanes("range(min(taken, depth), bound=32)", "range(0, bound=32)"),
    _lanes("range(unsafe_add(count, 7) >> 3, bound=4)", "range(count >> 3, bound=4)"),
    _lanes("        remaining[c][k & 7] = NO_KEY\n"),
    _lanes("min(minima[2], minima[3])", "minima[2]"),
    _lanes("        gone |= 1 << k\n", "        gone = 1 << k\n"),
    _lanes("min(q[6], q[7])))\n    gone", "q[6]))\n    gone"),
    _lanes("min(q[6], q[7])))\n    return", "q[6]))\n    return"),
    # --- one encoding of a proof
    _encoding("        extract32(parts, 0, output_type=uint256) == gram\n        and ", "        "),
    _encoding("        and extract32(parts, 32, output_type=uint256) == gram_proof\n"),
    _encoding("        and extract32(parts, 64, output_type=uint256) == range_proof\n"),
    _encoding("        and self._word(frame + gram_proof + GRAM_CROSS) == GRAM_HEAD\n"),
    _encoding("        and self._word(frame + range_proof + RANGE_INVERSES) == RANGE_HEAD\n"),
    _encoding("        and extract32(lists, 0, output_type=uint256) == f_zeta\n"),
    _encoding("        and extract32(lists, 32, output_type=uint256) == v_opp\n"),
    _encoding(
        '    assert proof.size == end - 32 or proof.size == 0, "verifier: encoding not canonical"\n',
    ),
    _encoding(
        '    assert self._word(SELECTOR + 4 * 32) == VERIFY_HEAD, "verifier: encoding not canonical"\n',
    ),
    # --- terms and registry
    _of("TermLimits.vy", "term_limits/test_check", "    assert count <= MAX_AGGREGATORS, ", "    assert count <= 8, "),
    _of("Registry.vy", "registry/test_registry", "    SINCE = block.number\n", "    SINCE = 0\n"),
    _of("Registry.vy", "registry/test_registry", 'method_id("VERIFIER()")', 'method_id("TERM_LIMITS()")'),
)
