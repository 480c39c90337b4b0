"""What a sandbox can say when it cannot go on."""

from __future__ import annotations


class SandboxError(Exception):
    """Ends the sandbox; its text is all that the user sees."""
