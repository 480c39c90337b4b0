"""The names of warehouses. They compute nothing here, but a name that does not exist is refused as a typing error would be.

That the cloud refuses it when the task is made, and in which words, is a guess (sandbox/FIDELITY.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from sandbox.databend.errors import BAD_ARGUMENTS, DatabendError

DEFAULT = ("default", "large", "other")


class Warehouses:
    """All warehouses of the account, each running."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names) or DEFAULT

    def require(self, name: str | None) -> None:
        if name is not None and name not in self._names:
            raise DatabendError(BAD_ARGUMENTS, f"warehouse '{name}' does not exist; there are: {', '.join(self._names)}")

    def table(self) -> pa.Table:
        """SHOW WAREHOUSES."""
        return pa.table({
            "warehouse": list(self._names),
            "type": ["System-Managed"] * len(self._names),
            "status": ["Running"] * len(self._names),
        })  # fmt: skip
