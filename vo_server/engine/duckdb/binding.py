"""Names for values inside an expression of DuckDB."""

from __future__ import annotations

__all__ = ["let"]


def let(name: str, value: str, body: str) -> str:
    """Write an expression in which a value has a name; DuckDB computes the value once a row and in vectors."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"
