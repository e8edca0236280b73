"""What goes wrong between parties."""

from __future__ import annotations

from offchain.errors import FatalError, PassingError

__all__ = [
    "DescriptionError",
    "FalseAggregate",
    "JournalError",
    "MarketError",
    "NodeError",
    "Reverted",
    "SettingsError",
    "Unaffordable",
    "UntrustedCode",
    "UnusablePayload",
    "Waiting",
]


class MarketError(PassingError):
    """A step that can't be taken now, or a project that a party should not be in."""


class NodeError(MarketError):
    """No node answers, or none as it should."""


class Waiting(MarketError):
    """Nothing is wrong: something isn't there yet. The message says what is waited for, and until when."""


class FalseAggregate(MarketError):
    """A published aggregate that is not the one the contract has a commitment to."""


class UnusablePayload(MarketError):
    """A payload that doesn't open the commitment that it was delivered with."""


class Reverted(MarketError):
    """A call that the contract refuses, or has refused."""


class Unaffordable(MarketError):
    """What an account, or the limit of its fees, doesn't bear."""


class JournalError(FatalError):
    """A state folder that can't be used, or holds another program's state."""


class SettingsError(FatalError):
    """A setting that is missing, unknown or out of range."""


class DescriptionError(FatalError):
    """What a project's owner has published of its task, or asks for by its terms, is nothing that anybody should act
    on.
    """


class UntrustedCode(FatalError):
    """A contract whose code is not the one that this package was built with."""
