"""Texts of the libraries that ask nodes, with a key in them."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
import requests
from ape.exceptions import ProviderError
from web3 import HTTPProvider
from web3.exceptions import Web3RPCError

from offchain.market.errors import MarketError
from offchain.redact import Redacting, redacted

KEY = "zq7Kx9f2bW4hT1LmRd8VnA0p"


def refused(url: str) -> str:
    """What requests and urllib3 say of a port that nobody listens at."""
    with pytest.raises(requests.ConnectionError) as caught:
        requests.post(url, timeout=1)
    return str(caught.value)


def answered(url: str) -> str:
    """What requests says of an answer."""
    response = requests.Response()
    response.status_code, response.url, response.reason = 401, url, "Unauthorized"
    with pytest.raises(requests.HTTPError) as caught:
        response.raise_for_status()
    return str(caught.value)


TEXTS = [
    str(HTTPProvider(f"https://node.example/v2/{KEY}")),
    str(ProviderError(f"No (supported) node found on 'https://node.example/{KEY}'.")),
    str(Web3RPCError(repr({"code": -32000, "message": f"no plan for https://node.example/{KEY}"}))),
    f"RPC connection wss://node.example/ws/{KEY}",
    f"URL('https://node.example/v2/{KEY}'), HTTPS://NODE.EXAMPLE/V2/{KEY}",
    f"(see https://node.example/{KEY}), or https://node.example/a/{KEY}/.",
    f"https://someone:a/{KEY}@node.example/",
    f"https://{KEY}.eth.example",
    f"HTTPSConnectionPool(host='{KEY}.eth.example', port=443): Read timed out.",
    f"someone:{KEY}@node.example:8545",
    f"Authorization: Bearer {KEY}",
    f"'Authorization': 'Basic {KEY}='",
    f'{{"api_key": "{KEY}"}}',
    f"invalid API key: {KEY}",
    f"password={KEY}&user=me",
]


@pytest.mark.parametrize("path", [f"v3/{KEY}", f"?apikey={KEY}", f"a/b?c=d&e={KEY}"])
def test_redacted__texts_of_requests_and_urllib3__are_without(path: str) -> None:
    for text in (refused(f"http://127.0.0.1:9/{path}"), answered(f"https://someone:{KEY}@node.example:85/{path}")):
        assert KEY in text
        assert KEY not in redacted(text)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_redacted__text_with_a_key__is_without(text: str) -> None:
    assert KEY.lower() in text.lower()
    assert KEY.lower() not in redacted(text).lower()
    assert len(redacted(text)) > 8  # something is left


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "401 for url: https://me:pw@node.example:8545/v3/abc?d=e, later",
            "401 for url: https://node.example:8545/***, later",
        ),
        ("(http://127.0.0.1:8545/)", "(http://127.0.0.1:8545)"),
        ("http://me:se/cret@node.example/x", "http://***"),  # where the host begins isn't known
        ("Max retries exceeded with url: /v3/abc (Caused by x)", "Max retries exceeded with url: /*** (Caused by x)"),
    ],
)
def test_redacted__url__shows_where_it_leads(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "mint: token: too little",
        "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48 has 5 units of the token, and needs 6",
        "folder:/data/store, TEST::3 at 12:30, f@example.org",
        "escrow: wrong commitment; 0x" + "ab12" * 16,
        "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi is not to be had",
    ],
)
def test_redacted__no_secret__stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


def test_meed_error__quotes_a_url__is_without_its_key() -> None:
    assert KEY not in str(MarketError(f"away: https://node.example/{KEY}"))


@pytest.fixture
def lines() -> Any:
    """A logger of its own, and what it writes."""
    stream, log = io.StringIO(), logging.getLogger("tests.redact")
    handler = logging.StreamHandler(stream)
    handler.addFilter(Redacting())
    log.handlers, log.propagate = [handler], False
    yield log, stream
    log.handlers = []


def test_redacting__arguments_and_percent_signs__are_formatted_first(lines: Any) -> None:
    log, stream = lines
    log.warning("100 %% of %s is away", f"https://node.example/{KEY}")
    assert stream.getvalue() == "100 % of https://node.example/*** is away\n"


def test_redacting__stack_trace__is_without_the_key(lines: Any) -> None:
    log, stream = lines
    try:
        raise OSError(f"away: https://node.example/{KEY}")
    except OSError:
        log.exception("failed")
    assert "OSError: away: https://node.example/***" in stream.getvalue()
    assert KEY not in stream.getvalue()


def test_redacted__where_credentials_go__is_shown() -> None:
    text = "give credentials in the address, https://USER:PASSWORD@HOST:PORT/PATH, or USER:PASSWORD@HOST"
    assert redacted(text) == text
    assert redacted("https://USERS:PASSWORD@HOST:1/PATH, me:PASSWORD@HOST") == "https://HOST:1/***, ***@HOST"
