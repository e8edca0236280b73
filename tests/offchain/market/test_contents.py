"""An auditor's look at contents that others have named."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from offchain.market.audit.contents import Contents, Unreadable
from offchain.storage.embedded import EmbeddedStore
from tests.offchain.market.test_member import MODEL, Granting


def test_model__nonsense_and_false_grants_beside_a_right_one__is_had(tmp_path: Path) -> None:
    """Any aggregator that has accepted can name one."""
    granting = Granting(EmbeddedStore(tmp_path))
    contents = Contents(cast(Any, granting), granting.store, cast(Any, None), granting.member)
    granting.grant("aggregator", bytes(32), granting.member.public)
    granting.named += [("another", granting.store.put(b"nonsense").digest), ("third", b"\x07" * 32)]
    with pytest.raises(Unreadable, match="no grant is for this key"):
        contents.model(granting.grants_to_try())
    granting.grant("fourth", granting.key, granting.member.public)
    assert np.array_equal(contents.model(list(reversed(granting.grants_to_try()))), MODEL)
