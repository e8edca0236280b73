"""Takes secrets out of text before anybody reads it.

The key of an RPC is a part of its URL: user-info, path or query, and exceptions quote URLs. So of every URL the scheme,
the host and the port are all that is shown. `MeedError` does this to its own text, `Redacting` to whatever is logged.
"""

from __future__ import annotations

import logging
import re

__all__ = ["Redacting", "redacted"]

_GONE = "***"
_EXAMPLE = "USER:PASSWORD@HOST"  # what errors say of where credentials go
_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)([^\s\"<>]+)")
_END = re.compile(r"[)\]}'.,;:!?]*$")  # of the sentence around a URL
_KEY_LABEL = re.compile(r"(?i)\b(?=[a-z]*\d)[a-z0-9]{20,}\b")  # some providers have the key in the host
_RULES = (
    (re.compile(r"(?i)(\burl: ?)/[^\s\"]+"), rf"\1/{_GONE}"),  # urllib3: "Max retries exceeded with url: /v3/KEY"
    # user-info without a scheme
    (re.compile(rf"(?<![^\s/@:'\"])(?!{_EXAMPLE})[^\s/@:'\"]+:[^\s/@'\"]+@(?=[\w.-])"), f"{_GONE}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w+/=.~-]{6,}"), rf"\1 {_GONE}"),
    (
        re.compile(
            r"(?i)\b((?:api|secret|access|private)[-_ ]?key|(?:access|auth)[-_ ]?token|password|passwd)"
            r"([\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+"
        ),
        rf"\1\2{_GONE}",
    ),
)


def redacted(text: str) -> str:
    """The text without what may be a secret in it: user-info, path and query of URLs, and passwords by name."""
    text = _URL.sub(_shown, text)
    text = re.sub(r"(\bhost=')([^']+)", lambda found: found[1] + _KEY_LABEL.sub(_GONE, found[2]), text)
    for pattern, shown in _RULES:
        text = pattern.sub(shown, text)
    return text


class Redacting(logging.Filter):
    """Of a handler or a logger: takes the secrets out of each record, its stack trace included."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True


def _shown(url: re.Match[str]) -> str:
    scheme, rest = url.groups()
    if rest.startswith(_EXAMPLE):
        return url[0]
    end = _END.search(rest)
    end_text = end[0] if end else ""
    rest = rest.removesuffix(end_text)
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if "@" in rest[len(authority) :]:
        return scheme + _GONE + end_text  # a "/" in a password: where the host begins isn't known
    host = _KEY_LABEL.sub(_GONE, authority.rpartition("@")[2])
    return scheme + host + (f"/{_GONE}" if len(rest) > len(authority) + 1 else "") + end_text
