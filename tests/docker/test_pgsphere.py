"""The script of pgSphere that the tests load, without what newer servers refuse."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.docker.conftest import DOCKER

SCRIPT = DOCKER / "pgsphere-script.sh"

PACKAGED = r"""\echo Use "CREATE EXTENSION pg_sphere" to load this file. \quit
CREATE FUNCTION f(smoc) RETURNS bool AS 'MODULE_PATHNAME', 'f' LANGUAGE C;

CREATE OPERATOR @ (
   LEFTARG    = spoint,
   RIGHTARG   = scircle
);

CREATE OPERATOR @ (
   LEFTARG    = spoint,
   RIGHTARG   = smoc
);

CREATE OPERATOR <@ (
   LEFTARG    = spoint,
   RIGHTARG   = smoc
);
"""

LOADED = """CREATE FUNCTION f(smoc) RETURNS bool AS '$libdir/pg_sphere', 'f' LANGUAGE C;

CREATE OPERATOR @ (
   LEFTARG    = spoint,
   RIGHTARG   = scircle
);


CREATE OPERATOR <@ (
   LEFTARG    = spoint,
   RIGHTARG   = smoc
);
"""


def test_only_the_two_operators_that_repeat_a_commutator_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "script.sql").write_text(PACKAGED)
    environment = {"PATH": "/usr/bin:/bin", "VO_PGSPHERE_SCRIPT": str(tmp_path / "script.sql")}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == LOADED


def test_without_the_package_its_name_is_told(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "VO_PGSPHERE_SCRIPT": str(tmp_path / "none.sql")}
    done = subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "postgresql-15-pgsphere" in done.stderr


@pytest.mark.pgsphere
def test_a_database_of_the_tests_has_its_types_and_operators(pgsphere_dsn: str) -> None:
    with psycopg.connect(pgsphere_dsn) as connection:
        asked = "SELECT spoint(0, 0.1) <@ scircle(spoint(0, 0), 0.2), spoly '{(0,0),(1,0),(1,1)}' @> spoint(0.8, 0.5)"
        assert connection.execute(asked).fetchone() == (True, True)


@pytest.mark.pgsphere
def test_the_usual_database_does_without(postgres_dsn: str, pgsphere_dsn: str) -> None:
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT to_regtype('spoint')").fetchone() == (None,)
