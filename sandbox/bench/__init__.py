"""Benchmarks of the sandbox. They assert ratios, which hold on any machine, and print the rest."""
