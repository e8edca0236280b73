"""The nodes that a command asks: one after the other, and with patience.

`use_nodes` puts a `Nodes` below Ape's own connection, so that everything that asks the chain goes through it:

- a node that is away, limits requests or has trouble rests: as long as its Retry-After says, else twice as long each
  time. The next one is asked at once;
- a node of another chain is never asked, nor one whose head is below a head seen before, until it has caught up;
- what one node can't say (a state that it doesn't keep, a method that it lacks), another may;
- a transaction goes to all of them;
- if none is left, a request waits, and says so once: `_PATIENCE` seconds from the beginning of the outage on, then it
  is an error at once until one answers again.

A page of logs that a node finds too large isn't trouble but an answer: `follow.Pages` asks for less.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from ape import networks
from ape.exceptions import ApeException
from web3 import AutoProvider, HTTPProvider
from web3.exceptions import Web3Exception
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from offchain.errors import PassingError
from offchain.market.errors import NodeError
from offchain.redact import redacted

__all__ = ["Nodes", "connected", "is_rate_limit", "use_nodes"]

logger = logging.getLogger(__name__)

_PATIENCE = 60.0  # seconds
_REST = (1.0, 60.0)  # seconds after the first trouble, and the most
_MOST_ASKED = 600.0  # seconds of a Retry-After that are believed
_TIMEOUT = (10.0, 60.0)  # seconds, to connect and to answer
_LOGS = RPCEndpoint("eth_getLogs")
_TOO_MUCH = (400, 408, 413, 414, 422, 500, 502, 504, 520, 524)  # statuses by which a page of logs may be refused
_CLOSED = (401, 402, 403, 404, 405)  # statuses that waiting doesn't change

_LIMITED = re.compile(
    r"rate.?limit|too many requests|compute unit|requests? limit|requests? per|per sec|requests? rate|request count"
    r"|throttl|capacity|quota",
    re.I,
)
_LIMITED_CODES = (429, -32007, -32016)
_UNABLE = re.compile(
    r"(header|block) not found|unknown block|missing trie|state.{0,40}(not|un)available|historical|prune|archive"
    r"|not (supported|available|implemented|whitelisted)|unsupported|method.{0,60}not found|internal error|syncing"
    r"|beyond current head",
    re.I,
)


def is_rate_limit(code: Any, message: str) -> bool:
    """Whether the error of a JSON-RPC answer means: ask later."""
    return code in _LIMITED_CODES or bool(_LIMITED.search(message))


class _Trouble(PassingError):
    """Why a node isn't asked for a while. retry_after: seconds, if the node said so. closed: waiting won't help."""

    def __init__(self, reason: str, retry_after: float | None = None, closed: bool = False) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.closed = closed


@dataclass
class _Node:
    provider: JSONBaseProvider
    name: str  # its URL, without secrets
    is_checked: bool = False  # chain and head, since it last had trouble
    is_foreign: bool = False  # of another chain
    is_closed: bool = False
    failures: int = 0
    rests_until: float = 0.0  # by the clock
    reason: str = ""
    said: str = ""


class Nodes(JSONBaseProvider):
    """A web3 provider over several, of which the first is preferred. chain_id: that all have to be of."""

    def __init__(
        self,
        providers: Sequence[JSONBaseProvider],
        chain_id: int,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._nodes = [_Node(provider, _name(provider)) for provider in providers]
        self._chain_id = chain_id
        self._sleep = sleep
        self._clock = clock
        self._head = 0  # the highest block seen
        self._outage: float | None = None  # since when no node answers

    def is_connected(self, show_traceback: bool = False) -> bool:
        return any(node.provider.is_connected(show_traceback) for node in self._nodes)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """The first good answer of a node, or what the first one that can't give one says instead. Raises NodeError if
        all are away.
        """
        while True:
            answers: list[Any] = []
            for node in self._nodes:
                answer = self._ask(node, method, params)
                if answer is not None:
                    answers.append(answer)
                    if method != "eth_sendRawTransaction" and not _is_unable(method, answer):
                        return answer
            if answers:
                return next((answer for answer in answers if answer.get("result") is not None), answers[0])
            self._wait()

    def check(self) -> None:
        """Asks each of several nodes for its chain and its head: what is behind or of another chain is said early."""
        for node in self._nodes if len(self._nodes) > 1 else ():
            self._ask(node, RPCEndpoint("eth_blockNumber"), [])

    def _ask(self, node: _Node, method: RPCEndpoint, params: Any) -> Any:
        """None if the node rests, or has trouble."""
        if node.is_foreign or self._clock() < node.rests_until:
            return None
        try:
            if len(self._nodes) > 1 and not node.is_checked:
                self._check(node)
            answer = self._request(node, method, params)
        except _Trouble as trouble:
            self._rest(node, trouble)
            return None
        if self._outage is not None and node.failures:
            logger.info("%s answers again", node.name)
        node.failures, node.is_closed, self._outage = 0, False, None
        return answer

    def _check(self, node: _Node) -> None:
        """Raises _Trouble if a node is of another chain, or lags."""
        chain = _number(self._request(node, RPCEndpoint("eth_chainId"), []).get("result"))
        if chain is None:
            raise _Trouble("it doesn't say of which chain it is")
        if chain != self._chain_id:
            node.is_foreign = True
            raise _Trouble(f"it is of the chain {chain}, not {self._chain_id}")
        self._request(node, RPCEndpoint("eth_blockNumber"), [])
        node.is_checked = True

    def _request(self, node: _Node, method: RPCEndpoint, params: Any) -> dict[str, Any]:
        """Raises _Trouble."""
        try:
            answer = _normal(node.provider.make_request(method, params))
        except requests.HTTPError as error:
            answer = _answer_of(method, error)
        except (OSError, ValueError, Web3Exception) as error:
            is_connection = isinstance(error, requests.ConnectionError) and "Read timed out" not in str(error)
            if method != _LOGS or is_connection or not isinstance(error, requests.RequestException | ValueError):
                raise _Trouble(_cause(error)) from None
            answer = _refusal(_cause(error))  # it took too long, or not all of it arrived
        if (refused := answer.get("error")) and is_rate_limit(refused["code"], refused["message"]):
            raise _Trouble(f"it limits requests ({_excerpt(refused['message'])})")
        self._see(method, params, answer.get("result"))
        return answer

    def _see(self, method: RPCEndpoint, params: Any, result: Any) -> None:
        """Raises _Trouble for a head below one that was seen. One node alone is believed: its chain may have become
        shorter.
        """
        if method == "eth_getBlockByNumber" and params[0] == "latest" and result is not None:
            result = result.get("number")
        elif method != "eth_blockNumber":
            return
        head = _number(result)
        if head is None:
            return
        if head < self._head and len(self._nodes) > 1:
            raise _Trouble("its head is below one that was seen already")
        self._head = max(head, self._head)

    def _rest(self, node: _Node, trouble: _Trouble) -> None:
        first, most = _REST
        seconds = min(most, first * 2.0 ** min(node.failures, 10)) * random.uniform(0.5, 1.0)
        if trouble.retry_after is not None:
            seconds = min(_MOST_ASKED, max(first, trouble.retry_after))
        node.failures, node.is_checked, node.is_closed = node.failures + 1, False, trouble.closed
        node.rests_until, node.reason = self._clock() + seconds, str(trouble)
        if len(self._nodes) > 1 and node.said != node.reason:
            node.said = node.reason
            logger.warning("%s isn't used for now: %s", node.name, node.reason)

    def _wait(self) -> None:
        """Until one has rested. Raises NodeError if that's too long."""
        now = self._clock()
        is_new = self._outage is None
        if self._outage is None:
            self._outage = now
        why = "; ".join(f"{node.name}: {node.reason}" for node in self._nodes)
        open_ = [node.rests_until for node in self._nodes if not node.is_closed and not node.is_foreign]
        if not open_ or min(open_) > self._outage + _PATIENCE:
            raise NodeError(f"no node answers ({why}). If that lasts, name others in the setting `rpc`")
        if is_new:
            logger.warning("no node answers (%s): trying again for %d s", why, _PATIENCE)
        self._sleep(max(0.0, min(open_) - now))


def connected(provider: Any, urls: Sequence[str]) -> Any:
    """An Ape provider that is connected: this one, or, if its node is away, one of the same network by the first of the
    URLs that answers. Raises NodeError if none does.
    """
    choice, reasons = provider.network.choice, []
    for url in ("", *urls):
        candidate = networks.get_provider_from_choice(f"{choice}:{url}") if url else provider
        try:
            if not candidate.is_connected:
                candidate.connect()
        except (ApeException, OSError, ValueError, Web3Exception) as error:
            reasons.append(_excerpt(str(error)))
            logger.warning("%s", reasons[-1])
        else:
            return candidate
    raise NodeError(f"no node answers: {'; '.join(reasons)}")


def use_nodes(provider: Any, urls: Sequence[str] = ()) -> None:
    """Has an Ape provider that is connected ask its own node first, then those at `urls`. A development chain's one
    node is asked as ever: its head may go back, when a snapshot is restored.
    """
    if not urls and provider.network.is_dev:
        return
    web3 = provider.web3
    if isinstance(web3.provider, Nodes):
        return
    own = web3.provider
    if isinstance(own, AutoProvider):
        own = own._get_active_provider(use_cache=True) or own
    if isinstance(own, HTTPProvider):
        options = dict(own.get_request_kwargs())
        if not provider.network.is_dev:
            options["timeout"] = _TIMEOUT  # Ape's is half an hour
        own = HTTPProvider(own.endpoint_uri, options, exception_retry_configuration=None)
    others = [
        HTTPProvider(url, {"timeout": _TIMEOUT}, exception_retry_configuration=None)
        for url in dict.fromkeys(urls)
        if url != getattr(own, "endpoint_uri", None)
    ]
    web3.provider = nodes = Nodes([own, *others], provider.chain_id)
    nodes.check()


def _name(provider: Any) -> str:
    return redacted(str(getattr(provider, "endpoint_uri", None) or type(provider).__name__))


def _is_unable(method: RPCEndpoint, answer: dict[str, Any]) -> bool:
    """Whether another node may know more."""
    error = answer.get("error")
    if error is None:
        return method == "eth_getBlockByNumber" and answer.get("result") is None
    return bool(_UNABLE.search(error["message"])) and "revert" not in error["message"]


def _answer_of(method: RPCEndpoint, error: requests.HTTPError) -> dict[str, Any]:
    """The JSON-RPC answer within an HTTP error. Raises _Trouble if that isn't one."""
    response = error.response
    if response is None:
        raise _Trouble(_cause(error))
    status, said = response.status_code, f"HTTP {response.status_code} {_excerpt(str(response.reason or ''))}".rstrip()
    try:
        answer = _normal(response.json())
        said += f" ({_excerpt(answer['error']['message'])})"
    except (_Trouble, ValueError, KeyError):
        answer = _refusal(said)
    if method == _LOGS and status in _TOO_MUCH:
        return answer
    if 400 <= status < 500 and status not in _CLOSED and "error" in answer and status not in (408, 429):
        return answer
    raise _Trouble(said, _retry_after(response.headers.get("Retry-After")), closed=status in _CLOSED)


def _retry_after(header: str | None) -> float | None:
    """Seconds, from a header with seconds or a date. None if it has neither."""
    try:
        return max(0.0, float(header or ""))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(header or "")
    except (ValueError, TypeError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _normal(answer: Any) -> dict[str, Any]:
    """A JSON-RPC answer as the specification has it, of the looser ones that are met. Raises _Trouble."""
    if not isinstance(answer, dict):
        raise _Trouble("it doesn't answer in JSON-RPC")
    if "result" in answer and answer.get("error") is None:
        answer.pop("error", None)
        return answer
    error = answer.get("error", answer if "message" in answer else None)
    if error is None:
        raise _Trouble("it doesn't answer in JSON-RPC")
    error = error if isinstance(error, dict) else {"message": error}
    code = error.get("code")
    error = error | {"code": code if type(code) is int else -32000, "message": str(error.get("message") or error)}
    return {"jsonrpc": "2.0", "id": answer.get("id", 0), "error": error}


def _refusal(reason: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": reason}}


def _number(quantity: Any) -> int | None:
    try:
        return quantity if isinstance(quantity, int) else int(quantity, 16)
    except (TypeError, ValueError):
        return None


def _cause(error: Exception) -> str:
    """In few words: the errors of HTTP libraries hold one another's texts, and URLs."""
    if isinstance(error, requests.HTTPError):
        return _excerpt(str(error))
    if isinstance(error, requests.Timeout | TimeoutError):
        return "it doesn't answer in time"
    if found := re.search(r"\[Errno -?\d+\] ([\w ,.-]+)", str(error)):
        return f"no connection ({found[1].strip()})"
    if isinstance(error, ValueError):
        return "it doesn't answer in JSON-RPC"
    return f"{type(error).__name__}: {_excerpt(str(error))}"


def _excerpt(text: str) -> str:
    """What a stranger wrote, for a line of a log."""
    text = redacted(" ".join("".join(c if c.isprintable() else " " for c in text[:500]).split()))
    return text if len(text) <= 160 else text[:160] + "..."
