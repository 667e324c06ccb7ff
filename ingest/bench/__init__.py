"""Benchmarks: how fast parts of the house are, measured on the spot."""
