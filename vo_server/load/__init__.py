"""Loads files as releases of tables: describe, convert, check, stage, publish."""
