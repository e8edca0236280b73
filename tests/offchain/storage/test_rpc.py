"""A Kubo RPC behind credentials, proxies, sockets and TLS: what is sent, and what is said when it doesn't work."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import logging
import socketserver
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from offchain.storage.errors import LocationError, NotFound, Unavailable
from offchain.storage.ipfs import IpfsStore
from offchain.storage.rpc import MAX_REFUSAL, MAX_SHOWN, Refused, endpoint, plain
from tests.offchain.storage.conftest import Answer, StagedDaemon, reply

CONTENT = b"the content"
DIGEST = hashlib.sha256(CONTENT).digest()
PASSWORD = "p/a ss:w@rd"
QUOTED = "p%2Fa%20ss%3Aw%40rd"
BASIC = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()


# --- addresses


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001/api/v0"),
        ("/ip4/10.0.0.2/tcp/5001/http", "http://10.0.0.2:5001/api/v0"),
        ("/ip6/::1/tcp/5001", "http://[::1]:5001/api/v0"),
        ("/dns/kubo.example/tcp/443/https", "https://kubo.example:443/api/v0"),
        ("/dns4/kubo/tcp/5001", "http://kubo:5001/api/v0"),
        ("/dns6/kubo/tcp/5001", "http://kubo:5001/api/v0"),
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001/api/v0"),
        ("HTTP://localhost:5001/", "http://localhost:5001/api/v0"),
        ("http://localhost:5001/api/v0", "http://localhost:5001/api/v0"),
        ("http://[::1]:5001/api/v0/", "http://[::1]:5001/api/v0"),
        ("https://kubo.example", "https://kubo.example:443/api/v0"),
        ("https://kubo.example/ipfs", "https://kubo.example:443/ipfs/api/v0"),
        ("https://kubo.example/ipfs/api/v0", "https://kubo.example:443/ipfs/api/v0"),
        ("https://alice:secret@kubo.example:8443", "https://kubo.example:8443/api/v0"),
    ],
)
def test_endpoint__address__is_that_url(location: str, url: str) -> None:
    assert endpoint(location).url == url


@pytest.mark.parametrize("location", ["/unix/run/kubo/api.sock", "/unix%2Frun%2Fkubo%2fapi.sock"])
def test_endpoint__socket__is_that_path(location: str) -> None:
    assert endpoint(location).socket == "/run/kubo/api.sock"


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("", "not the address of a Kubo daemon"),
        ("somewhere", "not the address of a Kubo daemon"),
        ("/ip4/1.2/tcp/1", "not the address of a Kubo daemon: '/ip4/1.2/tcp/1'"),
        ("/ip4/::1/tcp/1", "not the address of a Kubo daemon"),
        ("/ip4/127.0.0.1/udp/1", "not the address of a Kubo daemon"),
        ("/ip4/127.0.0.1", "not the address of a Kubo daemon"),
        ("/ip4/127.0.0.1/tcp/0", "not the address of a Kubo daemon"),
        ("/ip4/127.0.0.1/tcp/65536", "not the address of a Kubo daemon"),
        ("/ip4/127.0.0.1/tcp/5001/p2p/x", "not the address of a Kubo daemon"),
        ("/unix/", "not the address of a Kubo daemon"),
        ("http://", "not the URL of a Kubo RPC"),
        ("http://:5001", "not the URL of a Kubo RPC"),
        ("http://host:notaport", "not the URL of a Kubo RPC"),
        ("http://host:0", "not the URL of a Kubo RPC"),
        ("http://ho st:5001", "not the URL of a Kubo RPC"),
        ("http://host:5001/api/v1", "not the URL of a Kubo RPC"),
        ("http://host:5001?x=1", "nothing may follow the path"),
        ("http://host:5001/#x", "nothing may follow the path"),
    ],
)
def test_endpoint__no_address__raises(location: str, error: str) -> None:
    with pytest.raises(LocationError, match=error):
        endpoint(location)


@pytest.mark.parametrize(
    "location",
    [
        "http://alice:12/3hidden@host:5001",
        "http://alice:hidden/x@host",
        "http://alice:12#hidden@host",
        "http://alice:12?hidden@host",
        "/dns/alice:hidden@host/tcp/5001",
        "ftp://alice:hidden@host",
    ],
)
def test_endpoint__password_that_isnt_encoded__raises_without_it(location: str) -> None:
    with pytest.raises(LocationError) as caught:
        endpoint(location)
    assert "hidden" not in str(caught.value)


# --- credentials


@pytest.mark.parametrize(
    ("user", "secret", "sent"),
    [
        ("", "", None),
        ("", "bearer:tok:en", "Bearer tok:en"),
        ("", " token\n", "Bearer token"),
        ("", f"basic:alice:{PASSWORD}", f"Basic {BASIC}"),
        ("", f"basic:{BASIC}", f"Basic {BASIC}"),
        (f"alice:{QUOTED}@", "", f"Basic {BASIC}"),
        (f"alice:{QUOTED}@", "bearer:other", f"Basic {BASIC}"),
        ("alice@", "", f"Basic {base64.b64encode(b'alice:').decode()}"),
    ],
)
def test_get__credentials__go_out_with_every_call(
    staged_daemon: StagedDaemon, user: str, secret: str, sent: str | None
) -> None:
    staged_daemon.answers = [reply(CONTENT), reply(b"{}")]
    store = staged_daemon.store(address=f"http://{user}127.0.0.1:{staged_daemon.port}", secret=secret)
    assert store.get(DIGEST, 100) == CONTENT
    assert store._holds(DIGEST)
    assert staged_daemon.authorizations == [sent, sent]


@pytest.mark.parametrize(
    "secret", ["digest:hidden", "bearer:", "bearer:hid den", "bearer:hidden\r\nX: y", "basic:hi dden"]
)
def test_store__secret_of_another_kind__raises_without_it(secret: str) -> None:
    with pytest.raises(LocationError, match=r"bearer:TOKEN, basic:USER:PASSWORD or basic:BASE64$"):
        IpfsStore("/ip4/127.0.0.1/tcp/5001", secret=secret)


def test_get__netrc_has_the_host__isnt_asked(
    staged_daemon: StagedDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login alice password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    staged_daemon.answers = [reply(CONTENT)]
    staged_daemon.store().get(DIGEST, 100)
    assert staged_daemon.authorizations == [None]


def test_get__on_this_machine__goes_past_the_proxy_of_the_environment(
    staged_daemon: StagedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    staged_daemon.answers = [reply(CONTENT)]
    assert staged_daemon.store().get(DIGEST, 100) == CONTENT


def test_store__credentials_in_the_clear_to_another_machine__warns_without_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        for address in (
            "http://alice:hidden@192.0.2.1:5001",
            "http://a:hidden@localhost",
            "https://a:hidden@192.0.2.1",
        ):
            assert "hidden" not in repr(IpfsStore(address))
    assert caplog.messages == ["credentials go to http://192.0.2.1:5001 in the clear: use https"]


def echo(handler: BaseHTTPRequestHandler) -> None:
    """A proxy that says what it was sent."""
    reply(f"no: {handler.headers['Authorization']} means {PASSWORD}".encode(), 403, "text/plain")(handler)


@pytest.mark.parametrize(("user", "secret"), [(f"alice:{QUOTED}@", ""), ("", f"basic:alice:{PASSWORD}")])
def test_get__server_repeats_the_credentials__they_arent_shown(
    staged_daemon: StagedDaemon, user: str, secret: str
) -> None:
    staged_daemon.answers = [echo]
    store = staged_daemon.store(address=f"http://{user}127.0.0.1:{staged_daemon.port}/key-in-a-path", secret=secret)
    with pytest.raises(Unavailable, match=r"no: Basic \*\*\* means \*\*\*") as caught:
        store.get(DIGEST, 100)
    for text in (str(caught.value), repr(caught.value), repr(store)):
        assert not [word for word in (PASSWORD, QUOTED, BASIC, "key-in-a-path") if word in text]


# --- refusals


@pytest.mark.parametrize(
    ("secret", "advice"),
    [
        (
            "",
            "it wants credentials: in the address, https://USER:PASSWORD@HOST:PORT/PATH, or in IPFS_API_AUTH, as ",
        ),
        ("bearer:wrong", "the credentials given are wrong, or don't allow /api/v0/block and /api/v0/pin"),
    ],
)
@pytest.mark.parametrize("status", [401, 403])
def test_get__access_refused__says_what_is_missing(
    staged_daemon: StagedDaemon, status: int, secret: str, advice: str
) -> None:
    staged_daemon.answers = [reply(b"Kubo RPC Access Denied: provide a token", status, "text/plain")]
    with pytest.raises(Refused, match=rf"status {status} \(\w+\): Kubo RPC Access Denied: provide a token; {advice}"):
        staged_daemon.store(secret=secret, attempts=3).get(DIGEST, 100)
    assert len(staged_daemon.calls) == 1


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reply(b"<html>504 Gateway Time-out</html>", 504), r"status 504 \(Gateway Timeout\): 504 Gateway Time-out$"),
        (reply(b"", 502), r"status 502 \(Bad Gateway\)$"),
        (reply(b"slow down", 429), r"status 429 \(Too Many Requests\): slow down$"),
        (reply(b'{"Code": 0}', 500), r'status 500 \(Internal Server Error\): \{"Code": 0\}$'),
        (reply(b"<p>please log in", kind="text/html; charset=utf-8"), "a page answers, not Kubo's RPC: please log in$"),
    ],
)
def test_get__passing_refusal__is_asked_again_and_told(staged_daemon: StagedDaemon, answer: Answer, told: str) -> None:
    staged_daemon.answers = [answer]
    with pytest.raises(Unavailable, match=told):
        staged_daemon.store(attempts=3).get(DIGEST, 100)
    assert len(staged_daemon.calls) == 3


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reply(b"404 page not found", 404), r"status 404 .*: 404 page not found; there is no Kubo RPC \(a gateway is"),
        (reply(b"", 405), r"status 405 \(Method Not Allowed\); there is no Kubo RPC"),
        (
            reply(b"The plain HTTP request was sent to HTTPS port", 400),
            "status 400 .*: The plain HTTP request was sent",
        ),
        (reply(b"", 413), "status 413"),
        (
            reply(b"", 301, Location="https://kubo.example/x?token=hidden"),
            "sends to https://kubo.example:443: give that",
        ),
        (reply(b"", 302, Location="/login?token=hidden"), "sends to a page: give that address"),
        (reply(b"", 307, Location="http://[hidden"), "sends to another address: give that address"),
    ],
)
def test_get__other_refusal__is_told_at_once(staged_daemon: StagedDaemon, answer: Answer, told: str) -> None:
    staged_daemon.answers = [answer]
    with pytest.raises(Refused, match=told) as caught:
        staged_daemon.store(secret="bearer:tok", attempts=3).get(DIGEST, 100)
    assert "hidden" not in str(caught.value)
    assert len(staged_daemon.calls) == 1  # nor was anything followed


def test_has__proxy_says_not_found__isnt_taken_for_kubos_word(staged_daemon: StagedDaemon) -> None:
    staged_daemon.answers = [reply(b"not found", 404)]
    with pytest.raises(Unavailable, match="can't look: status 404"):
        staged_daemon.store().has(DIGEST)


def test_get__kubo_says_that_it_hasnt_got_it__not_found(staged_daemon: StagedDaemon) -> None:
    staged_daemon.answers = [reply(json.dumps({"Message": "ipld: could not find it", "Code": 0}).encode(), 500)]
    with pytest.raises(NotFound, match="ipld: could not find it"):
        staged_daemon.store().get(DIGEST, 100)


def test_plain__hostile_text__is_one_short_line() -> None:
    text = (
        "\x1b[2J\x9b31m<title>a</title><script>alert('b')</script>\r\n&#27;]0;c\x07\u202e&lt;d&gt;\u2028e\0" + "f" * 999
    )
    assert plain(text) == "[2J 31m a ]0;c <d> e " + "f" * (MAX_SHOWN - 21)
    assert plain("<script>" * 10_000) == ""
    assert plain("<" * MAX_REFUSAL) == "<" * MAX_SHOWN


def redirecting_flood(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1/")
    handler.end_headers()
    while True:
        handler.wfile.write(b"there " * 10_000)


def refusing_flood(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(503)
    handler.end_headers()
    while True:  # until the reader hangs up
        handler.wfile.write(b"busy " * 10_000)


def refusing_trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(503)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (redirecting_flood, "status 302 .*: there there"),
        (refusing_flood, "status 503 .*: busy busy"),
        (refusing_trickle, "no whole answer within 0.6 seconds"),
    ],
)
def test_get__endless_refusal__ends(staged_daemon: StagedDaemon, answer: Answer, told: str) -> None:
    staged_daemon.answers = [answer]
    with pytest.raises(Unavailable, match=told) as caught:
        staged_daemon.store(attempts=1).get(DIGEST, 100)
    assert len(str(caught.value)) < MAX_SHOWN + 200


# --- no answer


def test_get__nothing_listens__says_how_to_start_it(staged_daemon: StagedDaemon) -> None:
    store = staged_daemon.store()
    staged_daemon.shutdown()
    staged_daemon.server_close()
    with pytest.raises(Unavailable, match="nothing listens there: start it with `ipfs daemon`, or give --store FOLDER"):
        store.get(DIGEST, 100)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


def not_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n")


def stall(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (hang_up, "the answer broke off"),
        (not_http, "it doesn't speak HTTP"),
        (stall, "no whole answer within 0.6 seconds"),
    ],
)
def test_get__no_answer__says_why(staged_daemon: StagedDaemon, answer: Answer, told: str) -> None:
    staged_daemon.answers = [answer]
    with pytest.raises(Unavailable, match=told):
        staged_daemon.store(attempts=1).get(DIGEST, 100)


def test_get__no_such_host__says_so() -> None:
    with pytest.raises(Unavailable, match="no such host: look at the address"):
        IpfsStore("http://kubo.invalid:5001", attempts=1).get(DIGEST, 100)


# --- a socket


class SocketServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class SocketHandler(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.seen.append((self.path.partition("?")[0], self.headers["Authorization"]))
        reply(CONTENT)(self)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize("quoted", [False, True])
def test_get__socket__is_asked_with_the_secret(tmp_path: Path, quoted: bool) -> None:
    path = tmp_path / "api.sock"
    SocketHandler.seen = []
    with SocketServer(str(path), SocketHandler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        address = "/unix" + (str(path).replace("/", "%2F") if quoted else str(path))
        store = IpfsStore(address, secret="bearer:tok")
        assert store.get(DIGEST, 100) == CONTENT
        server.shutdown()
    assert SocketHandler.seen == [("/api/v0/block/get", "Bearer tok")]
    assert repr(store) == f"IpfsStore({address!r})"


def test_get__no_socket_there__says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nothing listens there: start it with `ipfs daemon`"):
        IpfsStore(f"/unix{tmp_path}/api.sock", attempts=1).get(DIGEST, 100)


# --- TLS


@pytest.fixture
def tls_daemon(staged_daemon: StagedDaemon, tmp_path: Path) -> Path:
    """Makes the staged daemon speak TLS; the file of its certificate, which nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubo")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = tmp_path / "key.pem"
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    staged_daemon.socket = context.wrap_socket(staged_daemon.socket, server_side=True)
    staged_daemon.answers = [reply(CONTENT)]
    return file


def test_get__https_with_a_path__is_asked_there_with_the_password(
    staged_daemon: StagedDaemon, tls_daemon: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls_daemon))
    store = staged_daemon.store(address=f"https://alice:{QUOTED}@127.0.0.1:{staged_daemon.port}/behind/api/v0")
    assert store.get(DIGEST, 100) == CONTENT
    assert staged_daemon.calls[0].startswith("/behind/api/v0/block/get?")
    assert staged_daemon.authorizations == [f"Basic {BASIC}"]


@pytest.mark.usefixtures("tls_daemon")
def test_get__certificate_of_nobody_known__is_not_asked(staged_daemon: StagedDaemon) -> None:
    with pytest.raises(Unavailable, match=r"isn't trusted: self.signed certificate; REQUESTS_CA_BUNDLE can"):
        staged_daemon.store(address=f"https://127.0.0.1:{staged_daemon.port}", secret="bearer:tok").get(DIGEST, 100)
    assert not staged_daemon.authorizations


def test_get__https_to_a_daemon_without_tls__says_so(staged_daemon: StagedDaemon) -> None:
    staged_daemon.answers = [reply(CONTENT)]
    with pytest.raises(Unavailable, match="doesn't speak TLS as it should: http instead of https"):
        staged_daemon.store(address=f"https://127.0.0.1:{staged_daemon.port}", attempts=1).get(DIGEST, 100)
