"""Benchmarks: each prints a figure, the bound that it should keep, and whether it does."""
