"""Where a store is, in a word: what the programs' settings and flags say.

| location | store |
|---|---|
| `PATH`, `folder:PATH` | the embedded store in a folder, made if it doesn't exist |
| `/ip4/127.0.0.1/tcp/5001`, also `/ip6`, `/dns`, `/dns4`, `/dns6`, `/unix` | the Kubo daemon whose RPC is there |
| `http://HOST:PORT`, `https://HOST:PORT` | the same, written as a URL |
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import LocationError
from offchain.storage.store import Store

__all__ = ["open_store"]

_MULTIADDRESS = re.compile(r"/(ip4|ip6|dns|dns4|dns6|unix)/")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_FOLDER = "folder:"


def open_store(location: str) -> Store:
    """The store at a location. Raises LocationError for other texts, OSError for a folder that can't be made."""
    if _MULTIADDRESS.match(location):
        return _ipfs(location)
    if location.startswith(("http://", "https://")):
        return _ipfs(_multiaddress(location))
    path = location.removeprefix(_FOLDER)
    if not path or (path == location and _SCHEME.match(location)):
        raise LocationError(
            f"no store at {location!r}: give a folder, a multiaddress as /ip4/127.0.0.1/tcp/5001, or http://HOST:PORT"
        )
    return EmbeddedStore(Path(path).expanduser())


def _ipfs(address: str) -> Store:
    from offchain.storage.ipfs import IpfsStore  # the client is loaded by those who use it

    return IpfsStore(address)


def _multiaddress(url: str) -> str:
    """The multiaddress of a URL's host and port. Raises LocationError, without the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise LocationError("not the URL of a Kubo daemon") from None
    if not parts.hostname or parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise LocationError("the URL of a Kubo daemon has a host and a port, and nothing else")
    try:
        kind = f"ip{ipaddress.ip_address(parts.hostname).version}"
    except ValueError:
        kind = "dns"
    return f"/{kind}/{parts.hostname}/tcp/{port}/{parts.scheme}"
