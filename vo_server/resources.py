"""Where the files are that come with the project and are not Python: schema descriptions, recipes, SQL.

In a checkout they lie in ``sql/`` beside the packages, in an installed wheel in ``vo_server/sql``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vo_server.errors import ConfigurationError, MissingError

__all__ = [
    "expected_files",
    "postgres_files",
    "recipe_files",
    "rows_file",
    "schema_file",
    "schema_files",
    "sql_directory",
]

_PACKAGE: Final = Path(__file__).resolve().parent


def sql_directory() -> Path:
    """Return the directory with ``schemas``, ``recipes`` and ``postgres``.

    Raises
    ------
    ConfigurationError
        If the installation is incomplete.
    """
    for directory in (_PACKAGE / "sql", _PACKAGE.parent / "sql"):
        if (directory / "schemas").is_dir():
            return directory
    raise ConfigurationError(
        f"the installation in {_PACKAGE} has no schema files", hint="install vo-server again; `vo-server doctor` checks"
    )


def schema_files() -> Path:
    """Return the directory of Felis descriptions of known catalogues, one ``<schema>.yaml`` each."""
    return sql_directory() / "schemas"


def schema_file(schema: str) -> Path:
    """Return the Felis description of a known catalogue.

    Raises
    ------
    MissingError
        If there is none of that name; the message names those there are.
    """
    directory = schema_files()
    known = sorted(path.stem for path in directory.glob("*.yaml"))
    if schema not in known:
        raise MissingError(f"no schema file for {schema!r}", hint=f"there are {', '.join(known)}")
    return directory / f"{schema}.yaml"


def rows_file(table: str) -> Path:
    """Return the rows of a small table that come with the project, as CSV.

    Raises
    ------
    MissingError
        If there are none for it; the message names those there are.
    """
    directory = sql_directory() / "rows"
    known = sorted(path.stem for path in directory.glob("*.csv"))
    if table not in known:
        raise MissingError(f"no rows of {table} come with the project", hint=f"there are those of {', '.join(known)}")
    return directory / f"{table}.csv"


def expected_files() -> Path:
    """Return the directory of numbers that documents of catalogues print, one ``<schema>.yaml`` each."""
    return sql_directory() / "expected"


def recipe_files() -> Path:
    """Return the directory of stored selections, ``<catalogue>/<name>.adql``; it may not exist."""
    return sql_directory() / "recipes"


def postgres_files() -> Path:
    """Return the directory of numbered SQL files for PostgreSQL; it may not exist."""
    return sql_directory() / "postgres"
