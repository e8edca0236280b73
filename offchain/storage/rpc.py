"""The RPC of a Kubo daemon: where it is, with what credentials, one call, and why it is refused.

| address | RPC |
|---|---|
| `/ip4/127.0.0.1/tcp/5001`, also `/ip6`, `/dns`, `/dns4`, `/dns6` | a host and a port; `/http` or `/https` may follow |
| `/unix/run/kubo.sock`, also with `%2F` for `/` | a socket of this machine |
| `http://HOST:PORT`, `https://USER:PASSWORD@HOST/PATH` | a reverse proxy, say; `/api/v0` may be left out |

Credentials are a URL's user and password or, for an address without them, a *secret* as Kubo's own `--api-auth` takes
it: `bearer:TOKEN`, `basic:USER:PASSWORD`, `basic:BASE64`, or a bare token. They go out in the header Authorization, to
that host alone: no redirection is followed, and ~/.netrc isn't asked. They are in no text that this module makes, and
are cut from what a server says.

Whoever answers, a daemon, a proxy or a login page, isn't trusted with how much or how long: of an answer no more is
read than it may have, of a refusal the first 4 KiB, each until a deadline. What is shown of it is a line of plain text.

Certificates are checked against the authorities that `requests` brings, or those in REQUESTS_CA_BUNDLE.
Reference: docs.ipfs.tech/reference/kubo/rpc; github.com/ipfs/kubo, docs/config.md, API.Authorizations.
"""

from __future__ import annotations

import html
import ipaddress
import json
import logging
import re
import socket
import ssl
import time
import unicodedata
from base64 import b64encode
from dataclasses import dataclass, field
from http.client import BadStatusLine, RemoteDisconnected, responses
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from ipfshttpclient.exceptions import Error as ClientError
from ipfshttpclient.http_requests import ClientSync
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, encode_multipart_formdata
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, NewConnectionError

from offchain.storage.errors import LocationError, Unavailable

__all__ = ["Endpoint", "Refused", "Rpc", "endpoint", "is_multiaddress"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = 0.25  # seconds between the first two attempts; doubled each time
MAX_ANSWER = 1 << 16  # bytes of an answer that is no block
MAX_REFUSAL = 1 << 12  # bytes that are read of a refusal
MAX_SHOWN = 200  # characters of it that are shown

_API = "/api/v0"
_MULTIADDRESS = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/([^/]+)/tcp/([0-9]{1,5})(/http|/https)?")
_UNIX = re.compile(r"/unix(?:/|%2F)(.+)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%/-]*")  # of a URL; no @, which a password's / would leave there
_HEADER = re.compile(r"[\x21-\x7e]+")
_BUSY = (408, 425, 429, *range(500, 600))  # of a proxy: may be over in a moment
_URL = "https://USER:PASSWORD@HOST:PORT/PATH"
_START = "start it with `ipfs daemon`, or give --store FOLDER"


@dataclass(frozen=True)
class Endpoint:
    """Where an RPC is. The repr has no credentials."""

    shown: str  # the address as it may be shown
    url: str = field(repr=False)  # without credentials; commands are below it
    socket: str | None = None  # path of a Unix socket, which the URL's host then doesn't matter for
    authorization: str | None = field(default=None, repr=False)  # the header's value
    secrets: tuple[str, ...] = field(default=(), repr=False)  # never shown, whoever says them

    @property
    def is_local(self) -> bool:
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


def is_multiaddress(location: str) -> bool:
    """Whether a text is meant as a multiaddress, right or wrong."""
    return re.match(r"/(ip4|ip6|dns|dns4|dns6)/|/unix(/|%2F)", location, re.IGNORECASE) is not None


def endpoint(location: str, secret: str = "") -> Endpoint:
    """What an address means, with a secret if it has no credentials of its own. Raises LocationError, which shows
    neither.
    """
    secret = secret.strip()  # a file that it was read from may end in a newline
    if found := _UNIX.fullmatch(location):
        path = "/" + unquote(found[1]).lstrip("/")
        return Endpoint(location, f"http://localhost{_API}", path, *_authorization(secret))
    if found := _MULTIADDRESS.fullmatch(location):
        kind, host, port, scheme = found.groups()
        try:
            if kind in ("ip4", "ip6") and ipaddress.ip_address(host).version != int(kind[2]):
                raise ValueError
            url = f"{(scheme or '/http')[1:]}://{_netloc(host, int(port))}{_API}"
        except ValueError:
            raise LocationError(_no_address(location)) from None
        return Endpoint(location, url, None, *_authorization(secret))
    if re.match(r"https?://", location, re.IGNORECASE):
        return _of_url(location, secret)
    raise LocationError(_no_address(location))


def _of_url(location: str, secret: str) -> Endpoint:
    error = LocationError(
        f"not the URL of a Kubo RPC, as {_URL}: nothing may follow the path, and special characters of user and "
        "password have to be percent-encoded"
    )
    try:
        parts = urlsplit(location)
        port = parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80
        netloc = _netloc(parts.hostname or "", port)
    except ValueError:
        raise error from None
    path = parts.path.rstrip("/")
    other = re.search(r"/api/v[0-9]+(/|$)", path) is not None and not path.endswith(_API)
    if "?" in location or "#" in location or not _PATH.fullmatch(path) or other:
        raise error
    shown = f"{parts.scheme}://{netloc}" + ("" if path in ("", _API) else "/...")  # a path may be a key to the door
    url = f"{parts.scheme}://{netloc}{path.removesuffix(_API)}{_API}"
    if parts.username is None:
        return Endpoint(shown, url, None, *_authorization(secret))
    user, password = unquote(parts.username), unquote(parts.password or "")
    return Endpoint(shown, url, None, *_authorization(f"basic:{user}:{password}"))


def _netloc(host: str, port: int) -> str:
    """Raises ValueError for what is neither a name nor an address, or no port."""
    if not 0 < port < 1 << 16:
        raise ValueError("no port")
    try:
        host = str(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host):
            raise
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _no_address(location: str) -> str:
    shown = "" if "@" in location else f": {plain(location)!r}"  # someone's password may be in it
    return f"not the address of a Kubo daemon{shown}; as /ip4/127.0.0.1/tcp/5001, /unix/run/kubo.sock or {_URL}"


def _authorization(secret: str) -> tuple[str | None, tuple[str, ...]]:
    """The header's value for a secret as Kubo's --api-auth takes it, and the texts in it that must not be shown."""
    if not secret:
        return None, ()
    kind, separator, rest = secret.partition(":")
    if not separator:
        kind, rest = "bearer", secret
    parts: tuple[str, ...] = (rest,)
    if kind == "basic" and ":" in rest:
        parts = (rest, rest.partition(":")[2])
        rest = b64encode(rest.encode()).decode()
    if kind not in ("basic", "bearer") or not _HEADER.fullmatch(rest):
        raise LocationError("the secret for Kubo's RPC is bearer:TOKEN, basic:USER:PASSWORD or basic:BASE64")
    return f"{kind.title()} {rest}", tuple(dict.fromkeys(filter(None, (rest, *parts))))


# --- one call ---


class Refused(Unavailable):
    """An answer that says no, and that asking again won't change at once. message: Kubo's own, or nothing."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(reason)
        self.message = message

    def says(self, phrases: tuple[str, ...]) -> bool:
        return any(phrase in self.message for phrase in phrases)


class Rpc:
    """Calls to one daemon. answer: seconds for an answer that takes no looking. attempts: of each call, until the
    daemon counts as away.
    """

    def __init__(self, at: Endpoint, answer: float, attempts: int) -> None:
        self.at = at
        self._answer = answer
        self._attempts = attempts
        self._client = _Client(at)
        if at.authorization is not None and at.url.startswith("http:") and not at.is_local:
            logger.warning("credentials go to %s in the clear: use https", at.shown)

    def ask(
        self,
        command: str,
        argument: str = "",
        *,
        seconds: float,
        block: bytes | None = None,
        most: int = MAX_ANSWER,
        **options: str,
    ) -> bytes:
        """The first `most` bytes of the answer to a command, as "block/get"; Kubo may take `seconds` for it.

        Raises Refused and, if the daemon doesn't answer or not as it should, Unavailable, each with the cause.
        """
        parameters = {"timeout": f"{round(1000 * seconds)}ms", **options} | ({"arg": argument} if argument else {})
        for attempt in range(self._attempts):
            if attempt:
                time.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            try:
                return self._ask(command, parameters, seconds, block, most)
            except Refused:
                raise
            except Unavailable as error:
                failure = error
        raise failure

    def _ask(self, command: str, parameters: dict[str, str], seconds: float, block: bytes | None, most: int) -> bytes:
        until = time.monotonic() + seconds + self._answer
        try:
            # times for a connection, and for the next byte
            with self._client.post(command, parameters, block, (self._answer, seconds + self._answer)) as response:
                is_answer = response.status_code == 200 and not _is_page(response)
                body = _read(response, most if is_answer else MAX_REFUSAL, until)
        except (ClientError, requests.RequestException, HTTPError, OSError) as error:
            raise Unavailable(self._cause(error, seconds + self._answer)) from error
        if is_answer:
            return body
        raise self._refusal(response, body)

    def _refusal(self, response: requests.Response, body: bytes) -> Unavailable:
        """What an answer means that isn't the one wanted."""
        status, message = response.status_code, _message(body)
        if status == 500 and message is not None:
            return Refused(self._shown(message), plain(message))
        text = self.shown(body) if message is None else self._shown(message)
        told = f"status {status}" + (f" ({responses[status]})" if status in responses else "")
        told += f": {text}" if text else ""
        if status == 200:
            return Unavailable(f"a page answers, not Kubo's RPC{f': {text}' if text else ''}")
        if status in (401, 403, 407):
            if self.at.authorization is not None:
                what = f"the credentials given are wrong, or don't allow {_API}/block and {_API}/pin"
            else:
                what = f"it wants credentials: in the address, {_URL}, or in IPFS_API_AUTH, as bearer:TOKEN"
            return Refused(f"{told}; {what}")
        if 300 <= status < 400:
            return Refused(f"{told}; it sends to {self._elsewhere(response)}: give that address")
        if status in (404, 405):
            return Refused(f"{told}; there is no Kubo RPC (a gateway is none): look at port and path")
        return Unavailable(told) if status in _BUSY else Refused(told)

    def _elsewhere(self, response: requests.Response) -> str:
        try:
            parts = urlsplit(response.headers.get("Location", ""))
            return f"{parts.scheme}://{_netloc(parts.hostname or '', parts.port or 443)}" if parts.scheme else "a page"
        except ValueError:
            return "another address"

    def _cause(self, error: Exception, seconds: float) -> str:
        """Why there is no answer, and what to do."""
        root: BaseException = error
        while (cause := root.__cause__ or root.__context__) is not None:
            root = cause
        if isinstance(root, (ConnectionRefusedError, FileNotFoundError)):
            return f"nothing listens there: {_START}"
        if isinstance(root, PermissionError):
            return "this account may not use that socket"
        if isinstance(root, socket.gaierror):
            return "no such host: look at the address"
        if isinstance(root, ssl.SSLCertVerificationError):
            return (
                f"its certificate isn't trusted: {plain(root.verify_message)}; REQUESTS_CA_BUNDLE can name its issuer"
            )
        if isinstance(root, ssl.SSLError):
            return "it doesn't speak TLS as it should: http instead of https?"
        if isinstance(root, RemoteDisconnected) or not isinstance(root, (TimeoutError, BadStatusLine, OSError)):
            return f"the answer broke off ({type(root).__name__})"
        if isinstance(root, TimeoutError):
            return f"no whole answer within {seconds:g} seconds"
        if isinstance(root, BadStatusLine):
            return "it doesn't speak HTTP"
        return plain(root.strerror or str(root)).lower()

    def shown(self, body: bytes) -> str:
        """What may be shown of an answer."""
        return self._shown(body[:MAX_REFUSAL].decode(errors="replace"))

    def _shown(self, text: str) -> str:
        for secret in self.at.secrets:
            text = text.replace(secret, "***")
        return plain(text)


class _Client(ClientSync):
    """ipfshttpclient's own client, which leaves to us what an answer means: its errors say a status and no cause. Of
    addresses it takes multiaddresses alone, so the endpoint's URL is put in.
    """

    def __init__(self, at: Endpoint) -> None:
        super().__init__("/ip4/127.0.0.1/tcp/5001", _API, auth=_Auth(at.authorization))
        self._at = at
        self._base_url = at.url + "/"
        # what is on this machine is not behind a proxy, whatever the environment says of the others
        self._request_proxies = {"no_proxy": urlsplit(at.url).hostname or ""} if at.is_local else None
        self.open_session()

    def post(
        self, command: str, parameters: dict[str, str], block: bytes | None, seconds: tuple[float, float]
    ) -> requests.Response:
        """The answer, its body unread. seconds: for a connection, and for the next byte."""
        body, kind = None, None
        if block is not None:
            body, kind = encode_multipart_formdata({"data": ("block", block, "application/octet-stream")})
        (response, *_), _ = self._request(
            "POST",
            command,
            list(parameters.items()),
            auth=None,
            data=body,
            headers=None if kind is None else {"Content-Type": kind},
            timeout=seconds,
            chunk_size=None,
        )
        assert isinstance(response, requests.Response)  # the first of what is to be closed
        return response

    def _make_session(self) -> requests.Session:
        session = _Session()
        session.auth = _Auth(self._at.authorization)
        session.headers["Accept-Encoding"] = "identity"  # blocks are counted as they come
        if self._at.socket is not None:
            session.mount("http://", _SocketAdapter(self._at.socket))
        return session

    def _do_raise_for_status(self, response: requests.Response) -> None:
        pass


class _Session(requests.Session):
    """Follows no redirection. `requests` looks at one all the same, and reads all of its body to do so."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _Auth(AuthBase):
    """The header, also if there is none: without an object `requests` would look into ~/.netrc."""

    def __init__(self, authorization: str | None) -> None:
        self._authorization = authorization

    def __call__(self, request: Any) -> Any:
        if self._authorization is not None:
            request.headers["Authorization"] = self._authorization
        return request


class _SocketConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, *arguments: Any, path: str, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._path = path

    def _new_conn(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(self.timeout if isinstance(self.timeout, (int, float)) else None)
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            raise NewConnectionError(self, str(error)) from error
        return connection


class _SocketPool(HTTPConnectionPool):
    ConnectionCls = _SocketConnection


class _SocketAdapter(HTTPAdapter):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._pool = _SocketPool("localhost", path=path)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        return self._pool


def _is_page(response: requests.Response) -> bool:
    return str(response.headers.get("Content-Type", "")).lower().startswith("text/html")


def _read(response: requests.Response, most: int, until: float) -> bytes:
    """The first `most` bytes of a body. Raises TimeoutError beyond the deadline."""
    read = bytearray()
    while len(read) < most and (piece := response.raw.read1(most - len(read))):
        read += piece
        if time.monotonic() > until:
            raise TimeoutError("too slow")
    return bytes(read)


def _message(body: bytes) -> str | None:
    """What Kubo says in an error: {"Message": "...", "Code": 0, "Type": "error"}."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return str(answer["Message"]) if isinstance(answer, dict) and "Message" in answer else None


def plain(text: str) -> str:
    """A line of at most 200 characters of what a stranger wrote: no tags, nothing that a terminal would act on."""
    text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^<>]*>", " ", text[:MAX_REFUSAL])
    text = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in html.unescape(text))
    return " ".join(text.split())[:MAX_SHOWN]
