"""What `ape run deploy` sees to before it spends anything."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from offchain.proving.errors import SrsError
from offchain.proving.srs import Srs
from scripts import deploy as command


@pytest.fixture(autouse=True)
def no_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "use_nodes", lambda *_: None)


def run(out: Path, account: Any = None, dev: bool = True, **options: Any) -> None:
    network = SimpleNamespace(is_dev=dev, choice="ethereum:local")
    given = {"ptau": None, "ptau_digest": None, "insecure_srs": True, "size": 64, "kept": None} | options
    command.cli.callback(account=account, provider=SimpleNamespace(network=network, chain_id=1), out=out, **given)


def test_deploy__record_of_an_earlier_one__nothing_is_sent_and_it_stays(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("earlier")
    with pytest.raises(click.ClickException, match=r"record\.json is the record of an earlier deployment: give --out"):
        run(tmp_path / "record.json")
    assert (tmp_path / "record.json").read_text() == "earlier"


def test_deploy__record_could_not_be_written__nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(click.ClickException, match=r"can't write .*/file/record\.json: .* Give --out another file"):
        run(tmp_path / "file" / "record.json")


def test_deploy__account_with_a_passphrase__is_unlocked_once_before_it_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def deploy(*_: Any) -> Any:
        seen.append("deployed")
        return SimpleNamespace(as_dict=dict)

    account = SimpleNamespace(address="0x11", set_autosign=seen.append)
    monkeypatch.setattr(command, "deploy", deploy)
    monkeypatch.setattr(command, "record", lambda *_: {"chain_id": 1})
    monkeypatch.setattr(
        command, "project", SimpleNamespace(config=SimpleNamespace(foundry=SimpleNamespace(evm_version="")))
    )
    monkeypatch.setattr(Srs, "insecure_cached", lambda size: None)
    run(tmp_path / "new" / "record.json", account)
    assert seen == [True, "deployed"]
    assert json.loads((tmp_path / "new" / "record.json").read_text()) == {"chain_id": 1}


def test_write__a_record_appeared_meanwhile__it_stays_and_ours_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "record.json"
    out.write_text("another's")
    with pytest.raises(click.ClickException, match="Keep the record above"):
        command.write({"registry": "0x12"}, out)
    assert out.read_text() == "another's"
    assert json.loads(capsys.readouterr().out) == {"registry": "0x12"}


@pytest.fixture
def ptau(tmp_path: Path) -> Path:
    path = tmp_path / "some.ptau"
    path.write_bytes(b"powers")
    return path


def test_checked_digest__as_the_ceremony_prints_it__is_accepted(ptau: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = hashlib.blake2b(b"powers").hexdigest()
    grouped = " ".join(digest[k : k + 8] for k in range(0, 128, 8)).upper()
    assert command.checked_digest(ptau, grouped) == digest
    assert f"{digest}, as --ptau-digest says" in capsys.readouterr().out


def test_checked_digest__nothing_to_compare_with__says_what_to_do(
    ptau: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.checked_digest(ptau, None)
    assert "compare it with what the ceremony has published" in capsys.readouterr().out


@pytest.mark.parametrize("expected", ["", "00", hashlib.sha512(b"powers").hexdigest()])
def test_checked_digest__another__is_refused(ptau: Path, expected: str) -> None:
    with pytest.raises(command.DeployError, match="and not the one of --ptau-digest: get the file anew"):
        command.checked_digest(ptau, expected)


def test_checked_digest__no_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(SrsError, match="No such file"):
        command.checked_digest(tmp_path / "none.ptau", None)


def test_deploy__digest_without_a_file__usage_error(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="--ptau-digest goes with --ptau"):
        run(tmp_path / "record.json", ptau_digest="00")
