"""Tables to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of lines, a text or bytes."""

    def write_file(content: list[str] | str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        text = "\n".join(content) + "\n" if isinstance(content, list) else content
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file
