"""Errors as Databend answers them: a code and a text."""

from __future__ import annotations

import re


class DatabendError(Exception):
    """What a client sees as ``[code]message``."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


# Codes are Databend's (its exception_code.rs), as far as the sandbox raises them itself.
BAD_ARGUMENTS = 1006
INTERNAL = 1001
SYNTAX = 1005
SEMANTIC = 1065
UNKNOWN_DATABASE = 1003
UNKNOWN_TABLE = 1025
UNKNOWN_SETTING = 2801
UNIMPLEMENTED = 1002
TABLE_ALREADY_EXISTS = 2302
UNKNOWN_TASK = 2611
TASK_ALREADY_EXISTS = 2612
UNKNOWN_STREAM = 2730
STREAM_ALREADY_EXISTS = 2732
ILLEGAL_STREAM = 2733
CONFLICT = 4001
TRANSACTION_ABORTED = 4002
ABORTED_QUERY = 1043
UNKNOWN_SESSION = 1053
PERMISSION_DENIED = 1063
INVALID_ROLE = 2206
AUTHENTICATION = 5100

FAULT = 1104
"""Of an injected fault whose rule names no code."""

_ENGINE_TEXT = re.compile(
    r"(?:DataFrame collect error|Error): (\w+)\. Code: (\d+), Text = (.*?)\.?\s*(?:\n\n\s*0: .*|<Backtrace.*)?$", re.S
)


def from_engine(error: BaseException) -> DatabendError:
    """The embedded engine raises one text; a server would send its code and message apart, without a backtrace."""
    text = str(error)
    match = _ENGINE_TEXT.match(text)
    if match:
        return DatabendError(int(match[2]), match[3])
    # A panic inside the engine has no code; a server answers it as an internal error.
    return DatabendError(INTERNAL, f"{type(error).__name__}: {text.splitlines()[0] if text else ''}")
