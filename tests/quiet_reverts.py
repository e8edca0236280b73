"""A revert that a test expects needs no call trace.

Ape draws one for every revert, with the lines of source: seconds of work, and the tests expect hundreds of reverts.
Inside `ape.reverts` only the message is read. A revert that nobody expects is traced as ever.
"""

from __future__ import annotations

from typing import Any

from ape.exceptions import ContractLogicError, TransactionError
from ape.pytest.contextmanagers import RevertsContextManager
from ape_foundry.provider import FoundryProvider


def install() -> None:
    """Once a test run, before the first test."""
    expected = 0
    enter, leave = RevertsContextManager.__enter__, RevertsContextManager.__exit__
    explain, search = FoundryProvider._handle_execution_reverted, FoundryProvider._extract_custom_error

    def begin(self: RevertsContextManager) -> Any:
        nonlocal expected
        expected += 1
        return enter(self)

    def end(self: RevertsContextManager, *exception: Any) -> Any:
        nonlocal expected
        expected -= 1
        return leave(self, *exception)

    def read(self: FoundryProvider, exception: Exception, revert_message: str | None = None, **context: Any) -> Any:
        if not expected:
            return explain(self, exception, revert_message, **context)
        message = TransactionError.DEFAULT_MESSAGE if revert_message in (None, "", "0x") else revert_message
        message = message.removeprefix("revert: ")
        return ContractLogicError(message, base_err=exception, **context | {"set_ape_traceback": False})

    def find(self: FoundryProvider, **context: Any) -> str:
        return "" if expected else search(self, **context)

    RevertsContextManager.__enter__, RevertsContextManager.__exit__ = begin, end
    FoundryProvider._handle_execution_reverted, FoundryProvider._extract_custom_error = read, find
