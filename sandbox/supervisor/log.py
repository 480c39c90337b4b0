"""One line per event, on stderr, which xtask sends to D/logs/supervisor.log."""

from __future__ import annotations

import sys
import time


def say(text: str) -> None:
    now = time.time()
    stamp = time.strftime("%H:%M:%S", time.gmtime(now))
    print(f"{stamp}.{int(now % 1 * 1000):03d} {text}", file=sys.stderr, flush=True)
