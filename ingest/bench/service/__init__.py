"""Benchmark of the whole service: a table of known shape, a real server process, HTTP on loopback, and raw limits."""
