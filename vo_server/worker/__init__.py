"""Runs asynchronous jobs and sweeps what has expired."""
