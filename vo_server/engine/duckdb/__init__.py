"""The embedded engine: one immutable DuckDB file per release."""
