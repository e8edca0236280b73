"""ape run simulate: a whole market on a development chain, from funding to payout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape import accounts, project
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ApeException
from eth_utils import is_hex_address, to_checksum_address
from rich.console import Console
from rich.table import Table

from offchain import progress
from offchain.errors import MeedError
from offchain.market.money import as_units, shown
from offchain.node import stoppable, watched, without_traces
from offchain.proving.kernels.build import is_compiled
from offchain.quiet import quiet_ape
from offchain.scoring.policy import ALL_RULES
from offchain.simulation.adversaries import ADVERSARIES
from offchain.simulation.market import Market, RoundResult
from offchain.simulation.money import OWN_DECIMALS, HeldToken
from offchain.simulation.options import DEFAULT_ADVERSARIES, MAX_ROUNDS, MAX_TRAINERS, MarketOptions
from offchain.simulation.results import Results, own_folder
from offchain.storage.errors import Unavailable
from offchain.storage.open import open_store
from offchain.storage.store import Store
from offchain.training.registry import task_names, use

without_traces()  # before Ape connects
DEFAULT = MarketOptions()
REWARD = "1000"  # tokens
WIDTH = 84  # of tables, where the terminal has it
INTERRUPTED = 130  # as shells have it


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
@click.option("--rounds", type=click.IntRange(1, MAX_ROUNDS), default=DEFAULT.rounds)
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
@click.option(
    "--cap", type=click.FloatRange(0.01, 256), default=DEFAULT.cap, help="By shown: of what a seat has shown, at most."
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
@click.option("--task", "own", default=None, help="A task of your own: FILE.py:CLASS or PACKAGE.MODULE:CLASS.")
@click.option("--label", default=None, help="The label column of a CSV file.")
@click.option("--categories", multiple=True, help="A column of a CSV file whose texts are values; may be repeated.")
@click.option(
    "--numbers", multiple=True, help="A column of a CSV file that holds numbers, though they look like codes."
)
@click.option("--ignore", multiple=True, help="A column of a CSV file that nothing is learned from, such as an ID.")
@click.option("--separator", default="", help="Between the cells of a CSV file; `tab` for a tab.  [default: found]")
@click.option("--decimal", default="", help="The decimal sign of a CSV file, `.` or `,`.  [default: found]")
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
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/demo"),
    help="Where results go. Those that are there already are kept, in OUT/earlier-1 and so on.",
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
    own: str | None = None,
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
    console = Console()
    quiet_ape()
    try:
        if own is not None:
            chosen["task"] = use(own)
        money = None if token is None or holder is None else HeldToken(token, holder, provider)
        options = MarketOptions(
            adversaries=tuple(a for a in adversaries if a != "none"),
            round_reward=as_units(reward, OWN_DECIMALS if money is None else money.decimals, "reward"),
            **chosen,
        )
        store = _store(location)
        with own_folder(out), progress.show(console) as display:
            market = Market(options, project, accounts.test_accounts, out, say=display.say, store=store, money=money)
            play(market, Results(out), console, provider)
    except (MeedError, ApeException, OSError) as error:
        raise click.ClickException(one_line(error)) from error


def _store(location: str | None) -> Store | None:
    try:
        return open_store(location) if location is not None else None
    except OSError as error:
        raise click.ClickException(f"--store: can't use {location}: {error.strerror or error}") from error


def play(market: Market, results: Results, console: Console, provider: Any) -> None:
    """The market to its end. If it is stopped on the way, results are of what was played, and the command fails."""
    rounds = market.options.rounds
    try:
        with stoppable(), watched(provider):
            if not is_compiled():
                progress.note("Compiling the prover's kernels: once, about a minute in all")
            market.open()
            for line in market.task.notes():
                console.print(f"Note: {line}", style="yellow", markup=False, highlight=False)
            locked = tokens(market, market.project.terms.funds)
            console.print(
                f"Project [bold]{market.project.address}[/]\n{market.options.trainers} trainers, {rounds} rounds, "
                f"{locked} tokens locked, accuracy {100 * market.accuracy_before:.1f} %"
            )
            for _ in range(rounds):
                console.print(round_table(market, market.play_round(), console.width))
                results.write(market.so_far())
            result = market.close()
    except KeyboardInterrupt:
        click.echo(what_was_played(market, results), err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except (MeedError, ApeException, OSError) as error:
        raise click.ClickException(f"{one_line(error)}\n{what_was_played(market, results)}") from error
    results.write(result, last=True)
    console.print(payout_table(market, result, console.width))
    console.print(f"Results: {results}", markup=False, soft_wrap=True)


def what_was_played(market: Market, results: Results) -> str:
    """Written down once more, and said."""
    played, rounds = len(market.rounds), market.options.rounds
    if not played:
        return "Stopped before the first round was played: there are no results"
    results.write(market.so_far(), last=True)
    after = f"round {played} of {rounds}" if played < rounds else "the last round, before the handover was over"
    return f"Stopped after {after}; what was played is in {results}"


def one_line(error: Exception) -> str:
    """What went wrong, in one line, and what to do about it."""
    if isinstance(error, Unavailable):
        return f"{error}. Is a Kubo daemon running there? Start it with `ipfs daemon`, or leave --store out"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def round_table(market: Market, result: RoundResult, width: int) -> Table:
    gas = ", ".join(f"{call} {amount:,}" for call, amount in result.gas.items())
    accuracy = f"test accuracy {100 * result.accuracy:.1f} %"
    table = Table(
        title=f"Round {result.number + 1}: {accuracy}, rate {result.learning_rate:.4g}",
        caption=f"proof {result.prove_s:.2f} s; gas: {gas}",
        title_justify="left",
        caption_justify="left",
        min_width=min(WIDTH, width),
    )
    for column in ("trainer", "role", "kept"):
        table.add_column(column)
    for column in ("contribution", "credit"):
        table.add_column(column, justify="right", overflow="fold")
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


def payout_table(market: Market, result: dict[str, Any], width: int) -> Table:
    table = Table(
        title="Withdrawn from the escrow",
        caption=f"sunk {tokens(market, result['sunk'])}, left in the escrow {tokens(market, result['left_in_escrow'])}",
        title_justify="left",
        caption_justify="left",
        min_width=min(WIDTH, width),
    )
    for column in ("party", "role", "rows of data"):
        table.add_column(column)
    for column in ("paid", "stake returned"):
        table.add_column(column, justify="right", overflow="fold")
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
