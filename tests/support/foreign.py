"""A catalogue that other software made in PostgreSQL: a schema with tables that this project did not load."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

__all__ = ["Foreign", "foreign_schema"]


class Foreign:
    """A schema of somebody else.

    Parameters
    ----------
    connection
        Of its owner.
    schema
        Its name.
    """

    def __init__(self, connection: psycopg.Connection[Any], schema: str) -> None:
        self.connection = connection
        self.schema = schema

    def make(self, statements: str) -> None:
        """Run SQL in the schema."""
        self.connection.execute(statements.encode())

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query in SQL."""
        return self.connection.execute(query.encode()).fetchall()


@contextmanager
def foreign_schema(dsn: str) -> Iterator[Foreign]:
    """Make a schema, which is gone afterwards, and find its tables and pgSphere by their bare names."""
    schema = f"survey_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"SET search_path = {schema}, public".encode())
        connection.execute("CREATE EXTENSION IF NOT EXISTS q3c SCHEMA public")
        try:
            yield Foreign(connection, schema)
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
