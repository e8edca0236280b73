"""What people look at: `owner status` and `close`, `project`, `projects`, `model`, `evaluate`, over a project on a
table that was played to its end by real programs, and another that nobody has joined.
"""

from __future__ import annotations

import csv
import json
import logging
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from offchain.market.deployment import deploy as deploy_all
from offchain.market.journal import Journal, kept_fact
from offchain.market.member import ModelCopy
from offchain.market.model import Model, model_hash
from offchain.market.programs.base import KEY, Program, Surroundings
from offchain.market.programs.command import agree
from offchain.market.programs.owner import create
from offchain.market.programs.trainer import TrainerProgram
from offchain.market.project import Phase, Project
from offchain.market.settings import OwnerSettings, TrainerSettings
from offchain.proving.srs import Srs
from offchain.storage.sealing import SealingKey
from offchain.training.local import evaluate
from offchain.training.tabular import Tabular
from offchain.training.vector import to_vector
from scripts import evaluate as evaluate_script
from scripts import model as model_script
from scripts import owner as owner_script
from scripts import project as project_script
from scripts import projects as projects_script
from tests.offchain.market.company import Company

ROUNDS, SEATS, MILLION = 2, 3, 10**6
NAMES = ["owner", "aggregator-0", *(f"trainer-{k}" for k in range(SEATS))]
ROWS = 120


def write_table(file: Path, seed: int) -> Path:
    random = np.random.default_rng(seed)
    age, colour = random.normal(40, 10, ROWS), random.choice(["red", "green", "blue"], ROWS)
    bought = np.where(age / 10 + (colour == "red") > 4.3, "yes", "no")
    lines = [f"{a:.2f},{c},{b}" for a, c, b in zip(age, colour, bought, strict=True)]
    file.write_text("\n".join(["age,colour,bought", *lines]) + "\n")
    return file


class TableCompany(Company):
    """Whose trainers have a table each, and train on it."""

    def _make(self, name: str, around: Surroundings) -> Program:
        if not name.startswith("trainer"):
            return super()._make(name, around)
        project = Project(self.contracts.Escrow.at(self.address, detect_proxy=False))
        path = str(write_table(self.folder / f"{name}.csv", int(name[-1])))
        return TrainerProgram(TrainerSettings(poll=0.05, path=path), project, around)


@pytest.fixture(scope="module")
def said() -> list[str]:
    """Lines that the programs have logged."""
    return []


@pytest.fixture(scope="module")
def company(
    project: Any,
    chain: Any,
    accounts: Any,
    deploy: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    said: list[str],
) -> Iterator[Company]:
    """Of the played project; `other` is the address of the one that nobody has joined."""
    folder = tmp_path_factory.mktemp("company")
    srs = Srs.insecure_cached(1 << 17)
    deployment = deploy_all(project, accounts[5], srs).as_dict()
    coin = deploy("SixDecimalsToken")
    by_name = dict(zip([*NAMES, "owner-2"], accounts[10:], strict=False))
    for account in by_name.values():
        coin.mint(account, 1_000 * MILLION, sender=account)
    company = TableCompany(project, chain.provider, by_name, srs, folder)
    settings: dict[str, Any] = {
        "token": str(coin.address),
        "aggregators": (by_name["aggregator-0"].address,),
        "path": str(write_table(folder / "owner.csv", 99)),
        "label": "bought",
        "rounds": ROUNDS,
        "seats": SEATS,
        "max_excluded": 0,
        "byzantine": 0,
    }
    (folder / "deployment.json").write_text(json.dumps(deployment))
    patch = pytest.MonkeyPatch()
    patch.setattr(Program, "say", lambda program, text: said.append(f"{program.role}: {text}"))
    company.create(OwnerSettings(round_reward="100", **settings), deployment)
    company.play(NAMES, lambda: the_project(company).status().phase == Phase.CLOSED)
    for _ in range(10):
        for name in NAMES:
            company.turn(name)
    around = company.surroundings("owner-2")
    company.other = create(OwnerSettings(round_reward="0.5", **settings), around, deployment).address
    around.journal.close()
    yield company
    patch.undo()
    for name in list(company.programs):
        company.stop(name)


def the_project(company: Company) -> Project:
    return Project(company.contracts.Escrow.at(company.address, detect_proxy=False))


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """80 columns; and the log is as it was afterwards."""
    monkeypatch.setenv("COLUMNS", "80")
    log = logging.getLogger("offchain")
    before = log.handlers, log.level, log.propagate
    yield
    log.handlers, log.level, log.propagate = before


class Screen:
    """Runs commands, and keeps what was printed."""

    def __init__(self, company: Company, capsys: pytest.CaptureFixture[str]) -> None:
        self._company, self._capsys = company, capsys

    def run(self, command: Any, **options: Any) -> str:
        provider = {} if command is evaluate_script.cli else {"provider": self._company.provider}
        command.callback(**provider, **options)
        return self._capsys.readouterr().out

    def status(self, **options: Any) -> str:
        return self.run(owner_script.cli.commands["status"], **flags(**options))

    def model(self, out: Path, overwrite: bool = False, last_good: bool = False, **options: Any) -> str:
        options = flags(**({"store": (f"folder:{self._company.folder / 'store'}",)} | options))
        return self.run(model_script.cli, out=out, overwrite=overwrite, last_good=last_good, ptau=None, **options)


def flags(**given: Any) -> dict[str, Any]:
    return {"config": None, "project": None, "store": (), "state": None} | given


@pytest.fixture
def screen(company: Company, capsys: pytest.CaptureFixture[str]) -> Screen:
    return Screen(company, capsys)


def line_with(text: str, *words: str) -> str:
    """The one line that has all these words."""
    (line,) = (line for line in text.splitlines() if all(word in line for word in words))
    return line


# --- status


def test_status__played_project__each_address_and_command_in_one_piece_at_80_columns(
    company: Company, screen: Screen
) -> None:
    text = screen.status(state=str(company.folder / "owner"))
    for name in NAMES:
        assert company.accounts[name].address in text
    assert line_with(text, "Project").split() == ["Project", company.address]
    for line in text.splitlines():
        assert len(line) <= 80 or line.startswith("  ape run "), line
    assert f"  ape run audit {company.address} --store STORE --network ethereum:local" in text.splitlines()
    for told in ("closed: everything is decided", "2 of 2", "aggregator 0", "amounts in PLAIN", "pot", "0 PLAIN"):
        assert told in text


def test_status__owners_folder__shows_how_good_the_model_is_after_each_round(company: Company, screen: Screen) -> None:
    text = screen.status(state=str(company.folder / "owner"))
    start = text.splitlines().index("The model, on the owner's test rows")
    rows = [line.split() for line in text.splitlines()[start : start + 10]]
    losses = {row[0]: float(row[1]) for row in rows if len(row) == 3 and row[0].isdigit()}
    assert list(losses) == ["0", "1", "2"]
    assert losses["2"] < losses["0"]


def test_accuracy__after_each_round__is_that_of_the_model_on_the_tables_test_rows(company: Company) -> None:
    kept = kept_fact(company.folder / "owner", "accuracy")
    task = Tabular(company.folder / "owner.csv", label="bought")
    copy = ModelCopy(the_project(company), company.store, company.srs, SealingKey.load(company.folder / "owner" / KEY))
    assert kept["0"] == list(evaluate(task, copy.vector, task.load().test))
    copy.follow()
    assert kept[str(ROUNDS)] == list(evaluate(task, copy.vector, task.load().test))


def test_status__by_address_alone__has_no_accuracy(company: Company, screen: Screen) -> None:
    assert "test rows" not in screen.status(project=company.address)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("foo", "project: 'foo' is no address; an address is 0x and 40 hex digits"),
        ("0x" + "11" * 20, "project: there is no contract at 0x1111.* on ethereum:local.*: is it another network's"),
        (None, "project: give its --project, or the --state folder that it was created from"),
    ],
)
def test_status__no_project__one_line(screen: Screen, address: str | None, message: str) -> None:
    with pytest.raises(click.ClickException, match=message) as raised:
        screen.status(project=address)
    assert "\n" not in raised.value.message


def test_status__contract_of_somebody__is_no_project(company: Company, screen: Screen) -> None:
    token = str(the_project(company).terms.token)
    with pytest.raises(click.ClickException, match="is no project: its code isn't a registry's proxy"):
        screen.status(project=token)
    with pytest.raises(click.ClickException, match="is no project: its code isn't a registry's proxy"):
        screen.run(project_script.cli, address=token, stores=())


def test_status__no_state_folder__says_so(screen: Screen, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=f"{tmp_path} is no state folder"):
        screen.status(state=str(tmp_path))


# --- project, projects


def test_project__nobody_has_joined__terms_task_and_commands(company: Company, screen: Screen) -> None:
    store = f"folder:{company.folder / 'store'}"
    text = screen.run(project_script.cli, address=company.other, stores=(store,))
    lines = text.splitlines()
    end = f"--store {store}"
    network = "--network ethereum:local --account NAME"
    assert f"  ape run trainer --project {company.other} {end} --path YOUR.csv {network}" in lines
    assert f"  ape run aggregator --project {company.other} {end} {network}" in lines
    for line in lines:
        assert len(line) <= 80 or line.startswith("  ape run "), line
    words = re.sub(r"\s+", " ", text)
    for told in (
        "accepting: aggregators accept",
        "0 of 3 taken",
        "0.5 PLAIN a round, 2 rounds; locked by the owner: 1.3 PLAIN",  # 2 (0.5 + 0.1) + 0.1
        "0.333332 PLAIN at stake: 0.166666 PLAIN for each round",
        "0.1 PLAIN a round; 0.5 PLAIN at stake",
        "it has 6 decimals",
        "shown, made for up to 0 hostile",
        "accept 1:00:00",
        "batch size 32, epochs 2",
        "A trainer needs 0.333332 PLAIN",
        str(the_project(company).terms.token),
    ):
        assert told in words, told
    assert line_with(text, "age", "number", "about ")
    assert line_with(text, "colour", "one of 3", "blue, green, red")
    assert line_with(text, "bought", "the label, one of 2", "no, yes")
    assert "NOT" not in text


def test_project__without_store__says_where_the_task_is_described(company: Company, screen: Screen) -> None:
    text = screen.run(project_script.cli, address=company.other, stores=())
    assert "give its --store to see it" in text
    assert "--store STORE --network" in text


def test_project__store_without_the_task__says_that_nobody_could_train(
    company: Company, screen: Screen, tmp_path: Path
) -> None:
    text = screen.run(project_script.cli, address=company.other, stores=(str(tmp_path),))
    assert "The task can't be read, and so nobody could train it here: no block" in text.replace("\n", " ")


def test_project__played_to_its_end__nobody_can_join(company: Company, screen: Screen) -> None:
    text = screen.run(project_script.cli, address=company.address, stores=())
    assert "Enrolment is over" in text
    assert "ape run trainer" not in text


def test_projects__deployment__newest_first_with_phase_seats_and_reward(company: Company, screen: Screen) -> None:
    options = {"registry": None, "deployment": company.folder / "deployment.json", "newest": 20}
    lines = screen.run(projects_script.cli, joinable=False, **options).splitlines()
    assert lines[2].split() == [company.other, "accepting", "3", "of", "3", "2", "x", "0.5", "PLAIN"]
    assert lines[3].split() == [company.address, "closed", "0", "of", "3", "2", "x", "100", "PLAIN"]
    assert all(len(line) <= 80 for line in lines)
    assert "none that can be joined" in screen.run(projects_script.cli, joinable=True, **options)


def test_projects__fewer_than_there_are__says_so(company: Company, screen: Screen) -> None:
    registry = json.loads((company.folder / "deployment.json").read_text())["registry"]
    text = screen.run(projects_script.cli, registry=registry, deployment=Path("none"), newest=1, joinable=False)
    assert company.other in text
    assert company.address not in text
    assert "The newest 1; --newest N shows more." in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "deployment: can't use .*: No such file or directory; `ape run deploy` writes it"),
        ("{}", "not a deployment's record, KeyError.*registry"),
        ("[1]", "not a deployment's record"),
        ("{", "not a deployment's record"),
        ('{"registry": "0x12", "round_policy": "", "consensus_policy": ""}', "registry of .*: '0x12' is no address"),
    ],
)
def test_projects__no_deployment__says_what_is_wrong(
    screen: Screen, tmp_path: Path, content: str | None, message: str
) -> None:
    file = tmp_path / "deployment.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(click.ClickException, match=message):
        screen.run(projects_script.cli, registry=None, deployment=file, newest=20, joinable=False)


def test_projects__contract_that_is_no_registry__refused(company: Company, screen: Screen) -> None:
    with pytest.raises(click.ClickException, match="isn't Registry's of this package"):
        screen.run(projects_script.cli, registry=company.address, deployment=Path("none"), newest=20, joinable=False)


# --- the model


@pytest.fixture(scope="module")
def vector(company: Company) -> Any:
    """What everybody's model has to be: followed afresh."""
    copy = ModelCopy(the_project(company), company.store, company.srs, SealingKey.load(company.folder / "owner" / KEY))
    copy.follow()
    return copy.vector


@pytest.mark.parametrize("member", ["owner", "aggregator-0", "trainer-1"])
def test_model__each_member__while_its_program_runs__the_same(
    company: Company, screen: Screen, vector: Any, tmp_path: Path, member: str
) -> None:
    out = tmp_path / "new" / "model.safetensors"
    text = screen.model(out, state=str(company.folder / member))
    assert line_with(text, "Wrote", "model.safetensors") == f"Wrote {out}"
    assert line_with(text, model_hash(vector)).strip() == model_hash(vector)
    module = Tabular(company.folder / "owner.csv", label="bought").build(7)
    module.load_state_dict(load_file(out))
    np.testing.assert_array_equal(to_vector(module), vector.astype(np.float32))
    with safe_open(out, "pt") as file:
        metadata = file.metadata()
    assert metadata["project"] == company.address
    assert (metadata["rounds"], metadata["chain_id"]) == (str(ROUNDS), "31337")
    schema = json.loads(out.with_suffix(".schema.json").read_text())
    assert (schema["label"], schema["classes"]) == ("bought", ["no", "yes"])
    assert ("test rows: loss" in text) == (member == "owner")


def test_model__file_exists__is_not_overwritten_unless_asked(company: Company, screen: Screen, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    out.write_text("precious")
    with pytest.raises(click.ClickException, match=f"out: {out} exists"):
        screen.model(out, state=str(company.folder / "owner"))
    assert out.read_text() == "precious"
    screen.model(out, overwrite=True, state=str(company.folder / "owner"))
    assert Model.load(out).about["rounds"] == str(ROUNDS)


def test_model__stranger__is_told_that_it_is_sealed(company: Company, screen: Screen, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="sealed to members, and there is no key"):
        screen.model(tmp_path / "model.safetensors", project=company.address)
    with pytest.raises(click.ClickException, match="give the --state folder of a member"):
        screen.model(tmp_path / "model.safetensors")


def test_model__folder_of_another_project__refused(company: Company, screen: Screen, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match=f"is of the project {company.address}, not {company.other}"):
        screen.model(tmp_path / "m.safetensors", state=str(company.folder / "trainer-0"), project=company.other)


@pytest.fixture
def newcomer(company: Company, tmp_path: Path) -> Path:
    """A member's folder with nothing but the key."""
    folder = tmp_path / "newcomer"
    journal = Journal(folder)
    journal.claim(chain=31337, project=company.address, role="trainer", account=company.accounts["trainer-0"].address)
    journal.close()
    shutil.copy(company.folder / "trainer-0" / KEY, folder / KEY)
    return folder


def test_model__last_aggregate_is_gone__says_which_and_gives_the_one_before_if_asked(
    company: Company, screen: Screen, newcomer: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(company.folder / "store", tmp_path / "store"))
    last = the_project(company).settlements()[-1].cid.hex()
    (store / last[:2] / last).unlink()
    options: dict[str, Any] = {"state": str(newcomer), "store": (f"folder:{store}",)}
    out = tmp_path / "model.safetensors"
    with pytest.raises(
        click.ClickException, match=r"the aggregate of round 2 of 2 is not to be had: no block .*--last-"
    ):
        screen.model(out, **options)
    assert not out.exists()
    assert "1 of 2 settled rounds are in it" in screen.model(out, last_good=True, **options)
    assert Model.load(out).about["rounds"] == "1"


def test_model__false_bytes_for_an_aggregate__never_enter_it(
    company: Company, screen: Screen, newcomer: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(company.folder / "store", tmp_path / "store"))
    first = the_project(company).settlements()[0].cid.hex()
    block = store / first[:2] / first
    block.write_bytes(block.read_bytes()[:-1] + b"?")
    with pytest.raises(click.ClickException, match="the aggregate of round 1 of 2 is not to be had: the block"):
        screen.model(tmp_path / "model.safetensors", state=str(newcomer), store=(f"folder:{store}",))


@pytest.fixture
def model_file(company: Company, screen: Screen, tmp_path: Path) -> Path:
    screen.model(tmp_path / "model.safetensors", state=str(company.folder / "owner"))
    return tmp_path / "model.safetensors"


def test_evaluate__table__all_its_rows_and_a_prediction_for_each_in_its_order(
    company: Company, screen: Screen, model_file: Path, vector: Any, tmp_path: Path
) -> None:
    data, found = write_table(tmp_path / "fresh.csv", 5), tmp_path / "predictions.csv"
    text = screen.run(evaluate_script.cli, model_file=model_file, data=str(data), predictions=found)
    with data.open() as rows, found.open() as predictions:
        expected, written = list(csv.DictReader(rows)), list(csv.DictReader(predictions))
    assert [row["bought"] for row in written] == [row["bought"] for row in expected]
    assert [row["row"] for row in written] == [str(k) for k in range(1, ROWS + 1)]
    right = sum(row["bought"] == row["prediction"] for row in written) / ROWS
    assert line_with(text, "metric") == text.splitlines()[-1]
    assert f"{ROWS} rows: loss " in text
    assert f"metric {right:.4f}" in text
    assert right > 0.7
    # by hand: the probability of the first row's prediction
    task = Tabular(company.folder / "owner.csv", label="bought")
    age, colour = float(expected[0]["age"]), expected[0]["colour"]
    (column,) = (c for c in task.schema.columns if c.name == "age")
    values = next(c.values for c in task.schema.columns if c.name == "colour")
    inputs = [(age - column.mean) / column.deviation, *(float(colour == value) for value in values)]
    with torch.no_grad():
        chances = Model.load(model_file).module(torch.tensor([inputs], dtype=torch.float32)).softmax(dim=1)[0]
    assert written[0]["prediction"] == task.schema.classes[int(chances.argmax())]
    assert float(written[0]["probability"]) == pytest.approx(float(chances.max()), abs=1e-4)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is no model that `ape run model` has written"), (b"{}", "is no model"), (None, "task")],
)
def test_evaluate__file_that_is_no_model__refused(
    screen: Screen, tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "other.safetensors"
    if content is None:
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(1)}, file)
    else:
        file.write_bytes(content)
    with pytest.raises(click.ClickException, match=message):
        screen.run(evaluate_script.cli, model_file=file, data=None, predictions=None)


def test_evaluate__table_without_a_file__asks_for_one(screen: Screen, model_file: Path) -> None:
    with pytest.raises(click.ClickException, match="name a CSV file with the columns of the task"):
        screen.run(evaluate_script.cli, model_file=model_file, data=None, predictions=None)


# --- the end


def test_withdrawals__of_all_roles__are_logged_in_tokens(company: Company, said: list[str]) -> None:
    project, paid = the_project(company), []
    for event in project._events("Withdrawn"):
        paid.append(f"withdrew {project.token.exact(int(event.amount))} to {event.account}")
    assert len(paid) >= SEATS + 2
    for text in paid:
        assert any(line.endswith(text) for line in said), text


def test_close__closed_project__says_what_there_was_and_how_to_have_the_model(
    company: Company, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.stop("owner")
    account = company.accounts["owner"]
    monkeypatch.setattr(owner_script, "contracts", company.contracts)
    text = screen.run(
        owner_script.cli.commands["close"],
        account=account,
        reject=False,
        **flags(state=str(company.folder / "owner"), store=(f"folder:{company.folder / 'store'}",)),
    )
    state = company.folder / "owner"
    command = f"  ape run model --state {state} --out model.safetensors --network ethereum:local"
    assert command in text.splitlines()
    withdrawn = the_project(company).token.told(the_project(company).withdrawn(account.address))
    assert f"Withdrawn in all: {withdrawn}" in text.replace("\n", " ")
    assert "The model has 2 settled rounds in it, each checked" in text


def test_owner__folder_without_a_project__says_so(company: Company, screen: Screen, tmp_path: Path) -> None:
    run = owner_script.cli.commands["run"]
    with pytest.raises(click.ClickException, match="has no project: create one first, or give its --state"):
        screen.run(run, account=company.accounts["owner"], **flags(state=str(tmp_path / "empty")))


def test_create__what_is_locked__is_said_in_tokens_and_no_is_no(
    company: Company, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = the_project(company)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "n")
    owner_script.ask(project.terms, project.token, "0xabc on ethereum:local", True)
    with pytest.raises(click.Abort):
        owner_script.ask(project.terms, project.token, "0xabc on ethereum:mainnet", False)
    text = capsys.readouterr().out
    assert "Locks 260 PLAIN of 0xabc on ethereum:mainnet: 2 rounds, each 100 PLAIN to trainers and 20 PLAIN" in text
    assert "3 seats, 66.666666 PLAIN at stake for each" in text


def test_agree__what_joining_costs__is_said_in_tokens(company: Company, capsys: pytest.CaptureFixture[str]) -> None:
    project = the_project(company)
    agree(project, company.provider, project.terms.trainer_stake)
    text = capsys.readouterr().out
    assert "2 rounds, reward 100 PLAIN a round, 3 seats, stake 66.666666 PLAIN" in text
    assert str(project.terms.token) in text
