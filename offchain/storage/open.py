"""Where a store is, in a word: what the programs' settings and flags say.

| location | store |
|---|---|
| `PATH`, `folder:PATH` | the embedded store in a folder, made if it doesn't exist |
| `/ip4/127.0.0.1/tcp/5001`, `/unix/run/kubo.sock` and the like | the Kubo daemon whose RPC is there |
| `http://HOST:PORT`, `https://USER:PASSWORD@HOST/PATH` | the same, written as a URL |

`rpc.py` has all forms of an RPC's address. Its credentials, if they aren't in the address, are in the environment:
IPFS_API_AUTH, which holds what Kubo's own `--api-auth` takes, `bearer:TOKEN` or `basic:USER:PASSWORD`.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from offchain.storage.embedded import EmbeddedStore
from offchain.storage.errors import LocationError
from offchain.storage.rpc import is_multiaddress
from offchain.storage.store import Store

__all__ = ["SECRET", "folder_of", "open_store"]

logger = logging.getLogger(__name__)

SECRET = "IPFS_API_AUTH"
_URL = re.compile(r"https?://", re.IGNORECASE)
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|[^/]*:[0-9]+$")  # another scheme, or HOST:PORT
_FOLDER = "folder:"


def folder_of(location: str) -> str | None:
    """The path that a location names, as it is written; None if it means something else than a folder."""
    path = location.removeprefix(_FOLDER)
    if path == location and (is_multiaddress(location) or _ELSEWHERE.match(location)):
        return None
    return path or None


def open_store(location: str, *, is_own: bool = True, has_secret: bool = True) -> Store:
    """The store at a location. Raises LocationError for other texts, and for a folder that can't be a store.

    is_own: a folder is made if it doesn't exist, and has to be writable. has_secret: a Kubo RPC without credentials in
    its address gets those in the environment; not for a daemon of somebody else's.
    """
    if is_multiaddress(location) or _URL.match(location):
        from offchain.storage.ipfs import IpfsStore  # loaded by those who use it

        return IpfsStore(location, secret=os.environ.get(SECRET, "") if has_secret else "")
    path = folder_of(location)
    if path is None:
        shown = "" if "@" in location else f" at {location!r}"  # someone's password may be in it
        raise LocationError(
            f"no store{shown}: give a folder, a multiaddress as /ip4/127.0.0.1/tcp/5001, or http://HOST:PORT"
        )
    try:
        folder = Path(path).expanduser()
    except RuntimeError as error:  # ~ of nobody
        raise LocationError(f"no store at {location!r}: {error}") from None
    if not is_own and not os.path.isdir(folder):
        logger.warning("there is no store in %s, or none yet", folder)
    return EmbeddedStore(folder, is_own=is_own)
