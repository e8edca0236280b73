"""ape run simulate: a whole market on a development chain, from funding to payout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import click
from ape import accounts, project
from ape.cli import ConnectedProviderCommand
from ape.logging import LogLevel
from ape.logging import logger as ape_logger
from eth_utils import is_hex_address, to_checksum_address
from rich.console import Console
from rich.table import Table

from offchain import progress
from offchain.errors import MeedError
from offchain.market.money import as_units, shown
from offchain.node import without_traces
from offchain.proving.kernels.build import is_compiled
from offchain.scoring.policy import ALL_RULES
from offchain.simulation.adversaries import ADVERSARIES
from offchain.simulation.market import Market, RoundResult
from offchain.simulation.money import OWN_DECIMALS, HeldToken
from offchain.simulation.options import DEFAULT_ADVERSARIES, MAX_TRAINERS, MarketOptions
from offchain.storage.open import open_store
from offchain.training.registry import task_names

without_traces()  # before Ape connects
DEFAULT = MarketOptions()
REWARD = "1000"  # tokens


def address(_context: Any, parameter: click.Parameter, value: str | None) -> str | None:
    """A checksummed address of an option."""
    if value is None:
        return None
    if not is_hex_address(value):
        raise click.BadParameter(f"not an address: {value}", param=parameter)
    return str(to_checksum_address(value))


@click.command(cls=ConnectedProviderCommand, context_settings={"show_default": True})
@click.option(
    "--trainers", type=click.IntRange(3, MAX_TRAINERS), default=DEFAULT.trainers, help="How many, adversaries included."
)
@click.option("--rounds", type=click.IntRange(1, 64), default=DEFAULT.rounds)
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=DEFAULT.seed, help="Of data shares, initial model and training."
)
@click.option("--policy", "rule", type=click.Choice(ALL_RULES), default=DEFAULT.rule, help="How outliers are removed.")
@click.option("--byzantine", type=click.IntRange(0, 14), default=DEFAULT.byzantine, help="f: how many may be hostile.")
@click.option(
    "--agreement-floor",
    type=click.FloatRange(0, 1),
    default=DEFAULT.agreement_floor,
    help="Below this mean cosine the rate decays.",
)
@click.option("--decay", type=click.FloatRange(0, 1), default=DEFAULT.decay, help="Of the learning rate.")
@click.option("--least-rate", type=click.FloatRange(0, 100), default=DEFAULT.least_rate, help="Where decay stops.")
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, 100, min_open=True),
    default=DEFAULT.learning_rate,
    help="Of the first round.",
)
@click.option("--data", "task", default=DEFAULT.task, help=f"{', '.join(task_names())}, or a CSV file.")
@click.option("--label", default=None, help="The label column of a CSV file.")
@click.option(
    "--adversary",
    "adversaries",
    type=click.Choice([*ADVERSARIES, "none"]),
    multiple=True,
    default=DEFAULT_ADVERSARIES,
    help="Repeat for several; they take the last seats.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0.01, 1_000),
    default=DEFAULT.alpha,
    help="Dirichlet shares: smaller is more uneven.",
)
@click.option("--epochs", type=click.IntRange(1), default=DEFAULT.epochs, help="Of local training, each round.")
@click.option("--batch-size", type=click.IntRange(1), default=DEFAULT.batch_size)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("runs/demo"), help="Where results go."
)
@click.option(
    "--store", "location", default=None, help="A folder, or the RPC of a Kubo daemon.  [default: store, in OUT]"
)
@click.option("--reward", default=REWARD, help="Of each round, in tokens.")
@click.option(
    "--token", callback=address, default=None, help="An existing ERC-20 as the reward.  [default: one made here]"
)
@click.option("--holder", callback=address, default=None, help="Whose tokens are given away: impersonated, on a fork.")
def cli(
    provider: Any,
    out: Path,
    adversaries: tuple[str, ...],
    location: str | None,
    reward: str,
    token: str | None,
    holder: str | None,
    **chosen: Any,
) -> None:
    """Plays a whole market on one machine: real contracts, training and proofs.

    With `--network ethereum:mainnet-fork:foundry` on a fork, where the reward may be a token that exists.
    """
    if not provider.network.is_dev:
        raise click.UsageError(
            f"a simulated market is for development chains and forks, and {provider.network.choice} is neither"
        )
    if token is not None and holder is None:
        raise click.UsageError("--token needs --holder: an account with enough of it, which is impersonated")
    if holder is not None and token is None:
        raise click.UsageError("--holder goes with --token: a token made here has no holder")
    console = Console(width=100)
    if ape_logger.level == LogLevel.INFO:
        ape_logger.set_level(LogLevel.WARNING)  # a line for each of a hundred transactions tells a person nothing
    try:
        money = None if token is None or holder is None else HeldToken(token, holder, provider)
        options = MarketOptions(
            adversaries=tuple(a for a in adversaries if a != "none"),
            round_reward=as_units(reward, OWN_DECIMALS if money is None else money.decimals, "reward"),
            **chosen,
        )
        out.mkdir(parents=True, exist_ok=True)
        if location is None:
            fresh(out / "store")
        with progress.show(console) as display:
            if not is_compiled():
                progress.note("Compiling the prover's kernels: once, about a minute in all")
            store = open_store(location) if location is not None else None
            market = Market(options, project, accounts.test_accounts, out, say=display.say, store=store, money=money)
            market.open()
            locked = tokens(market, market.project.terms.funds)
            console.print(
                f"Project [bold]{market.project.address}[/]: {options.trainers} trainers, {options.rounds} rounds, "
                f"{locked} tokens locked, accuracy {100 * market.accuracy_before:.1f} %"
            )
            for _ in range(options.rounds):
                console.print(round_table(market, market.play_round()))
            result = market.close()
    except MeedError as error:
        raise click.ClickException(str(error)) from error
    console.print(payout_table(market, result))
    # drawn last, and imported here: figures take longer to load than the rest of the command
    from offchain.simulation.report import render

    (out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "report.html").write_text(render(result))
    console.print(f"Results: {out / 'result.json'}, {out / 'report.html'}")


def fresh(folder: Path) -> None:
    """Removes what an earlier run left on its own store."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def round_table(market: Market, result: RoundResult) -> Table:
    gas = ", ".join(f"{call} {amount:,}" for call, amount in result.gas.items())
    accuracy = f"test accuracy {100 * result.accuracy:.1f} %"
    table = Table(
        title=f"Round {result.number + 1}: {accuracy}, rate {result.learning_rate:.4g}",
        caption=f"proof {result.prove_s:.2f} s; gas: {gas}",
        title_justify="left",
        caption_justify="left",
        min_width=84,
    )
    for column, justify in (
        ("trainer", "left"),
        ("role", "left"),
        ("kept", "left"),
        ("contribution", "right"),
        ("credit", "right"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    total = sum(result.contributions) or 1
    for i, trainer in enumerate(market.trainers):
        table.add_row(
            f"trainer-{i + 1}",
            trainer.role,
            "yes" if result.kept[i] else "[red]removed[/]",
            f"{100 * result.contributions[i] / total:.1f} %",
            tokens(market, result.credits[i]),
        )
    return table


def payout_table(market: Market, result: dict[str, Any]) -> Table:
    table = Table(
        title="Withdrawn from the escrow",
        caption=f"sunk {tokens(market, result['sunk'])}, left in the escrow {tokens(market, result['left_in_escrow'])}",
        title_justify="left",
        caption_justify="left",
        min_width=84,
    )
    for column in ("party", "role", "rows of data"):
        table.add_column(column)
    for column in ("paid", "stake returned"):
        table.add_column(column, justify="right")
    for t in result["trainers"]:
        table.add_row(
            t["name"], t["role"], str(t["rows"]), tokens(market, t["paid"]), tokens(market, t["stake_returned"])
        )
    table.add_section()
    table.add_row("aggregator", "", "", tokens(market, result["aggregator_fees"]), "")
    table.add_row("owner", "", "", "", tokens(market, result["refunded"]))
    return table


def tokens(market: Market, amount: int | str) -> str:
    return shown(amount, market.stage.money.decimals, market.options.round_reward)
