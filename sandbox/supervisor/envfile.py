"""`D/sandbox.env`: what a shell, Terraform or a test needs to reach this sandbox."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def write(file: Path, values: dict[str, str]) -> None:
    """Whole or not at all: whoever waits for the file may read it at once."""
    text = "".join(f"export {name}={_quote(value)}\n" for name, value in values.items())
    making = file.with_name(file.name + ".making")
    making.write_text(text)
    os.replace(making, file)


def _quote(value: str) -> str:
    # Always in quotes, so that a reader needs only one rule.
    quoted = shlex.quote(value)
    return quoted if quoted.startswith("'") else f"'{quoted}'"
