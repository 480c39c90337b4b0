"""What the benchmark calls wrong (sandbox/bench/full_load.py); the benchmark itself is run by hand."""

from __future__ import annotations

from sandbox.bench.full_load import Measured, verdict


def test_memory_and_speed_are_compared_as_ratios() -> None:
    small = Measured(100_000, 1, 100_000)
    assert verdict(small, Measured(1_000_000, 10, 149_000)) == []
    assert verdict(small, Measured(1_000_000, 5, 100_000)) == [], "faster is no fault"
    (memory,) = verdict(small, Measured(1_000_000, 10, 160_000))
    assert "1.60 times the memory" in memory
    (speed,) = verdict(small, Measured(1_000_000, 20, 100_000))
    assert "0.50 times the speed" in speed
