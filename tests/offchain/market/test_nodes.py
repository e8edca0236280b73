"""Several nodes behind one web3 provider, over HTTP, each with the troubles that it is told to have."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3RPCError

from offchain.market import nodes
from offchain.market.errors import NodeError
from offchain.market.nodes import Nodes, connected, use_nodes

CHAIN = 7
SECRET = "s3cretkeyinthepath"
Reply = tuple[int, dict[str, str], bytes]


def rpc_error(code: Any, message: str, status: int = 200) -> Reply:
    return status, {}, json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}).encode()


def plain(status: int, headers: dict[str, str] | None = None, body: bytes = b"<html>no</html>") -> Reply:
    return status, headers or {}, body


class Node:
    """Answers JSON-RPC. trouble: what it says instead to a method, if anything."""

    def __init__(self) -> None:
        self.chain, self.head = CHAIN, 100
        self.trouble: Callable[[str], Reply | None] = lambda method: None
        self.asked: list[str] = []
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                node.asked.append(call["method"])
                status, headers, body = node.trouble(call["method"]) or node.reply(call)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{SECRET}"

    def reply(self, call: dict[str, Any]) -> Reply:
        results = {
            "eth_chainId": hex(self.chain),
            "eth_blockNumber": hex(self.head),
            "eth_getBalance": hex(self.server.server_port),  # tells who answered
            "eth_sendRawTransaction": "0x" + "ab" * 32,
            "eth_getBlockByNumber": None,
            "eth_getLogs": [],
        }
        return 200, {}, json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": results[call["method"]]}).encode()

    def fails(self, *replies: Reply, at: str = "") -> None:
        """Says these first, one each time that it is asked (for one method, if it is named)."""
        left = list(replies)
        self.trouble = lambda method: left.pop(0) if left and at in ("", method) else None

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def servers() -> Iterator[list[Node]]:
    servers = [Node(), Node()]
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
def one(servers: list[Node], clock: Clock) -> Web3:
    return over(servers[:1], clock)


@pytest.fixture
def two(servers: list[Node], clock: Clock) -> Web3:
    return over(servers, clock)


def over(servers: list[Node], clock: Clock) -> Web3:
    providers = [HTTPProvider(server.url, {"timeout": 5}, exception_retry_configuration=None) for server in servers]
    return Web3(Nodes(providers, CHAIN, clock.sleep, lambda: clock.now))


def who(web3: Web3) -> int:
    """The port of the node that answers."""
    return int(web3.eth.get_balance("0x" + "00" * 20))  # type: ignore[arg-type]


def ports(servers: list[Node]) -> list[int]:
    return [node.server.server_port for node in servers]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "offchain")
    logging.getLogger("offchain").propagate = True
    return caplog


# --- one node


TROUBLES = [
    plain(429),
    plain(500),
    plain(502),
    plain(503),
    rpc_error(429, "slow down", status=429),
    rpc_error(-32005, "daily request count exceeded, request rate limited"),
    rpc_error(-32007, "50/second request limit reached - reduce calls per second or upgrade your account"),
    rpc_error(-32016, "over rate limit"),
    rpc_error(-32000, "429 Too Many Requests: {}"),
    rpc_error(429, "Your app has exceeded its compute units per second capacity."),
    plain(200),  # HTML
    plain(200, body=b"[]"),
    plain(200, body=b"{}"),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=range(len(TROUBLES)))
def test_request__trouble_that_passes__asks_again_later(
    trouble: Reply, one: Web3, servers: list[Node], clock: Clock
) -> None:
    servers[0].fails(trouble, trouble)
    assert one.eth.block_number == 100
    first, second = clock.slept
    assert 0.5 <= first <= 1 <= second <= 2  # twice as long, with jitter


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("0", 1, 1),
        ("-3", 1, 1),
        (lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True), 15, 20),
        (lambda: format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True), 1, 1),
        ("soon", 0.5, 1),
        ("", 0.5, 1),
    ],
)
def test_request__retry_after__is_waited(
    header: Any, least: float, most: float, one: Web3, servers: list[Node], clock: Clock
) -> None:
    servers[0].fails(plain(429, {"Retry-After": header if isinstance(header, str) else header()}))
    assert one.eth.block_number == 100
    assert least <= sum(clock.slept) <= most


@pytest.mark.parametrize("header", ["86400", "inf", "1e999"])
def test_request__retry_after_of_a_day__is_an_error_and_is_not_asked_for_ten_minutes(
    header: str, one: Web3, servers: list[Node], clock: Clock
) -> None:
    servers[0].fails(plain(429, {"Retry-After": header}))
    for _ in range(3):
        with pytest.raises(NodeError, match=r"no node answers .*HTTP 429"):
            _ = one.eth.block_number
        clock.now += 199
    assert len(servers[0].asked) == 1
    clock.now += 10
    assert one.eth.block_number == 100


def test_request__long_outage__is_an_error_after_a_minute_and_then_at_once(
    one: Web3, servers: list[Node], clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    servers[0].trouble = lambda _: plain(503)
    with pytest.raises(NodeError, match="no node answers"):
        _ = one.eth.block_number
    assert 30 <= clock.now <= 60
    assert len(servers[0].asked) < 12
    assert [record.message for record in log.records if "trying again" in record.message] == log.messages  # once
    slept = len(clock.slept)
    with pytest.raises(NodeError, match="no node answers"):
        _ = one.eth.block_number
    assert len(clock.slept) == slept
    servers[0].trouble = lambda _: None
    clock.now += 60
    assert one.eth.block_number == 100
    assert "answers again" in log.messages[-1]


def test_request__connection_refused__says_so_without_the_key(one: Web3, servers: list[Node], clock: Clock) -> None:
    servers[0].stop()
    with pytest.raises(NodeError, match=r"http://127.0.0.1:\d+/\*\*\*: no connection \(Connection refused\)") as caught:
        _ = one.eth.block_number
    assert SECRET not in str(caught.value)
    assert clock.slept


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_request__key_that_is_refused__is_an_error_at_once(
    status: int, one: Web3, servers: list[Node], clock: Clock
) -> None:
    servers[0].trouble = lambda _: rpc_error(-32000, f"bad key in https://x.example/{SECRET}", status=status)
    with pytest.raises(NodeError, match=rf"HTTP {status} .*bad key in https://x.example/\*\*\*"):
        _ = one.eth.block_number
    assert clock.slept == []


def test_request__what_a_node_says__is_cut_and_printable(one: Web3, servers: list[Node]) -> None:
    servers[0].trouble = lambda _: rpc_error(-32000, "no\x1b[31m\n" + 4_000 * "x", status=403)
    with pytest.raises(NodeError) as caught:
        _ = one.eth.block_number
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_request__error_that_is_an_answer__is_raised_at_once(one: Web3, servers: list[Node], clock: Clock) -> None:
    servers[0].fails(rpc_error(-32000, "nonce too low"))
    with pytest.raises(Web3RPCError, match="nonce too low"):
        one.eth.send_raw_transaction(b"\x01")
    assert clock.slept == []


@pytest.mark.parametrize(
    "body",
    [
        {"error": "nonce too low"},
        {"error": {"message": "nonce too low"}},
        {"jsonrpc": "2.0", "id": None, "error": {"code": "-32000", "message": "nonce too low"}},
        {"code": -32000, "message": "nonce too low"},
    ],
)
def test_request__loose_error__is_read_as_one(body: dict[str, Any], one: Web3, servers: list[Node]) -> None:
    for status in (200, 400):
        servers[0].fails(plain(status, body=json.dumps(body).encode()))
        with pytest.raises(Web3RPCError, match="nonce too low"):
            one.eth.send_raw_transaction(b"\x01")


def test_request__result_beside_an_empty_error__is_the_result(one: Web3, servers: list[Node]) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "result": "0x5", "error": None}
    servers[0].fails(plain(200, body=json.dumps(body).encode()))
    assert one.eth.block_number == 5


@pytest.mark.parametrize(
    "refusal",
    [
        rpc_error(-32614, "eth_getLogs is limited to a 10,000 range", status=413),
        rpc_error(
            -32600, "Under the Free tier plan, you can make eth_getLogs requests with up to a 10 block range", 400
        ),
        plain(413),
        plain(502),
        plain(504),
        plain(200, {"Content-Encoding": "gzip"}, b"cut off"),
    ],
)
def test_request__page_of_logs_refused__is_an_answer(
    refusal: Reply, one: Web3, servers: list[Node], clock: Clock
) -> None:
    servers[0].fails(refusal)
    with pytest.raises(Web3RPCError):
        one.eth.get_logs({"fromBlock": 1, "toBlock": 5})
    assert clock.slept == []


def test_request__limit_of_requests_at_logs__asks_again_later(one: Web3, servers: list[Node], clock: Clock) -> None:
    servers[0].fails(plain(429), plain(503))
    assert one.eth.get_logs({"fromBlock": 1, "toBlock": 5}) == []
    assert len(clock.slept) == 2


def test_request__head_below_one_seen_by_one_node__is_believed(one: Web3, servers: list[Node]) -> None:
    assert one.eth.block_number == 100
    servers[0].head = 90
    assert one.eth.block_number == 90


# --- several


def test_request__first_is_away__the_next_is_asked_at_once_and_the_first_again_later(
    two: Web3, servers: list[Node], clock: Clock
) -> None:
    servers[0].fails(plain(503))
    assert [who(two), who(two)] == [ports(servers)[1]] * 2
    assert clock.slept == []
    assert len(servers[0].asked) == 1
    clock.now += 1
    assert who(two) == ports(servers)[0]


def test_request__all_away__waits_for_the_first_that_has_rested(two: Web3, servers: list[Node], clock: Clock) -> None:
    servers[0].fails(plain(429, {"Retry-After": "40"}))
    servers[1].fails(plain(429, {"Retry-After": "3"}))
    assert who(two) == ports(servers)[1]
    assert clock.slept == [3]


def test_request__other_chain__is_never_asked_again(
    two: Web3, servers: list[Node], clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    servers[0].chain = CHAIN + 1
    assert who(two) == ports(servers)[1]
    clock.now += 10_000
    servers[1].fails(plain(503))
    assert who(two) == ports(servers)[1]
    assert servers[0].asked == ["eth_chainId"]
    assert f"of the chain {CHAIN + 1}, not {CHAIN}" in log.text
    assert SECRET not in log.text


def test_request__only_other_chains_left__is_an_error(two: Web3, servers: list[Node], clock: Clock) -> None:
    servers[0].chain = servers[1].chain = CHAIN + 1
    with pytest.raises(NodeError, match=f"of the chain {CHAIN + 1}.*of the chain {CHAIN + 1}"):
        who(two)
    assert clock.slept == []


@pytest.mark.parametrize("latest", [False, True])
def test_request__node_that_lags__is_not_used_until_it_has_caught_up(
    latest: bool, two: Web3, servers: list[Node], clock: Clock
) -> None:
    assert two.eth.block_number == 100
    servers[0].head, servers[1].head = 99, 101
    if latest:
        block = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"number": hex(99)}}).encode()
        servers[0].fails(plain(200, body=block), at="eth_getBlockByNumber")
        with pytest.raises(Exception, match="Block with id"):  # the other's is null here
            two.eth.get_block("latest")
    assert two.eth.block_number == 101
    clock.now += 1
    assert who(two) == ports(servers)[1]
    clock.now += 4
    servers[0].head = 101
    assert who(two) == ports(servers)[0]


def test_request__fallback_lags__waits_for_it(two: Web3, servers: list[Node], clock: Clock) -> None:
    assert two.eth.block_number == 100
    servers[0].trouble = lambda _: plain(503)
    servers[1].head = 98

    def sleep(seconds: float) -> None:
        Clock.sleep(clock, seconds)
        servers[1].head += 1

    two.provider._sleep = sleep  # type: ignore[union-attr]
    assert who(two) == ports(servers)[1]
    assert len(clock.slept) >= 2


@pytest.mark.parametrize(
    "message",
    ["missing trie node abc", "header not found", "the method eth_getBalance does not exist/is not available"],
)
def test_request__what_one_node_cannot_say__another_is_asked(message: str, two: Web3, servers: list[Node]) -> None:
    servers[0].fails(rpc_error(-32000, message), at="eth_getBalance")
    assert who(two) == ports(servers)[1]
    assert who(two) == ports(servers)[0]  # it didn't have to rest


def test_request__no_node_can_say__the_first_ones_words(two: Web3, servers: list[Node], clock: Clock) -> None:
    for number, server in enumerate(servers):
        server.fails(rpc_error(-32000, f"missing trie node {number}"), at="eth_getBalance")
    with pytest.raises(Web3RPCError, match="missing trie node 0"):
        who(two)
    assert clock.slept == []


def test_request__block_that_one_node_lacks__another_has(two: Web3, servers: list[Node]) -> None:
    found = {"jsonrpc": "2.0", "id": 1, "result": {"number": "0x5", "hash": "0x" + "00" * 32}}
    servers[1].fails(plain(200, body=json.dumps(found).encode()), at="eth_getBlockByNumber")
    assert two.eth.get_block(5)["number"] == 5


def test_request__revert__is_an_answer_whatever_it_says(two: Web3, servers: list[Node]) -> None:
    servers[0].fails(rpc_error(3, "execution reverted: archive not supported"), at="eth_getBalance")
    with pytest.raises(Web3RPCError, match="archive not supported"):
        who(two)
    assert servers[1].asked == []


def test_send__several__goes_to_all(two: Web3, servers: list[Node]) -> None:
    two.eth.send_raw_transaction(b"\x01")
    assert all("eth_sendRawTransaction" in server.asked for server in servers)


def test_send__one_takes_it__is_sent(two: Web3, servers: list[Node]) -> None:
    servers[0].fails(rpc_error(-32000, "transaction underpriced"), at="eth_sendRawTransaction")
    assert bytes(two.eth.send_raw_transaction(b"\x01")) == b"\xab" * 32


def test_send__none_takes_it__the_first_ones_words(two: Web3, servers: list[Node]) -> None:
    for number, server in enumerate(servers):
        server.fails(rpc_error(-32000, f"nonce too low {number}"), at="eth_sendRawTransaction")
    with pytest.raises(Web3RPCError, match="nonce too low 0"):
        two.eth.send_raw_transaction(b"\x01")


def test_is_connected__one_of_two__is_enough(two: Web3, servers: list[Node]) -> None:
    servers[0].stop()
    servers[1].trouble = lambda _: plain(200, body=b'{"jsonrpc": "2.0", "id": 1, "result": "x"}')
    assert two.is_connected()
    servers[1].trouble = lambda _: plain(503)
    assert not two.is_connected()


# --- below Ape


def ape_provider(web3: Web3, is_dev: bool = False) -> Any:
    return SimpleNamespace(web3=web3, chain_id=CHAIN, network=SimpleNamespace(is_dev=is_dev, choice="ethereum:mainnet"))


def test_use_nodes__own_node_away__the_settings_nodes_are_asked(
    servers: list[Node], log: pytest.LogCaptureFixture
) -> None:
    provider = ape_provider(Web3(HTTPProvider("http://127.0.0.1:9/" + SECRET)))
    use_nodes(provider, [servers[1].url])
    assert who(provider.web3) == ports(servers)[1]
    assert "http://127.0.0.1:9/*** isn't used for now: no connection" in log.text
    assert SECRET not in log.text


def test_use_nodes__again__changes_nothing(servers: list[Node]) -> None:
    provider = ape_provider(Web3(HTTPProvider(servers[0].url)))
    use_nodes(provider, [servers[1].url, servers[0].url, servers[1].url])
    before = provider.web3.provider
    assert [node.provider.endpoint_uri for node in before._nodes] == [server.url for server in servers]
    use_nodes(provider, [servers[1].url])
    assert provider.web3.provider is before


def test_use_nodes__on_a_public_chain__a_node_that_hangs_is_not_waited_for_half_an_hour(servers: list[Node]) -> None:
    provider = ape_provider(Web3(HTTPProvider(servers[0].url, {"timeout": 1_800})))
    use_nodes(provider)
    (node,) = provider.web3.provider._nodes
    assert node.provider.get_request_kwargs()["timeout"] == nodes._TIMEOUT
    assert node.provider.exception_retry_configuration is None


def test_use_nodes__development_chain_without_further_nodes__is_left_alone(servers: list[Node]) -> None:
    own = HTTPProvider(servers[0].url)
    provider = ape_provider(Web3(own), is_dev=True)
    use_nodes(provider)
    assert provider.web3.provider is own


class Connection:
    """An Ape provider before it is connected."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.is_connected = error, False
        self.network = SimpleNamespace(choice="ethereum:mainnet")

    def connect(self) -> None:
        if self.error:
            raise self.error
        self.is_connected = True


def test_connected__own_node_away__the_first_that_answers_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    away, there = OSError(f"away: https://b.example/{SECRET}"), Connection()
    others = {"https://a.example": Connection(away), "https://b.example": there}
    chosen: list[str] = []

    def choose(choice: str) -> Connection:
        chosen.append(choice)
        return others[choice.removeprefix("ethereum:mainnet:")]

    monkeypatch.setattr(nodes.networks, "get_provider_from_choice", choose)
    assert connected(Connection(away), list(others)) is there
    assert there.is_connected
    assert chosen == [f"ethereum:mainnet:{url}" for url in others]
    with pytest.raises(NodeError, match="no node answers: away") as caught:
        connected(Connection(away), ["https://a.example"])
    assert SECRET not in str(caught.value)


def test_connected__own_node_answers__is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes.networks, "get_provider_from_choice", lambda _: pytest.fail("another was asked"))
    own = Connection()
    assert connected(own, ["https://a.example"]) is own
    assert own.is_connected
