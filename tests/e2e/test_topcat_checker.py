"""The functions that a service declares are understood by the checker of TOPCAT, and by STILTS before it asks.

TOPCAT 4.8 and the STILTS of that time check ADQL 2.0 only: a point needs a coordinate system there, and nothing can be
cast. The examples are written in that way here; what they call is not changed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.demo import Demo, running
from tests.support.process import run_command
from vo_server.adql.functions import FUNCTIONS, Family, Function

pytestmark = [pytest.mark.e2e, pytest.mark.stilts]

CHECKER = Path(__file__).parents[1] / "support" / "AdqlChecker.java"
JARS = tuple(Path("/usr/share/java", name) for name in ("starlink-vo.jar", "adql.jar", "starlink-util.jar"))
UDFS = [function for function in FUNCTIONS if function.family is Family.UDF]

_CAST = re.compile(r"CAST\('[^']*' AS TIMESTAMP\)")
_POINT = re.compile(r"\b(POINT|CIRCLE|POLYGON|BOX)\((?!')")


def in_adql_20(text: str, instant: str) -> str:
    """Write an example in ADQL 2.0, with another value of a timestamp."""
    return _POINT.sub(r"\1('', ", _CAST.sub(instant, text))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("checked")
    command = [
        sys.executable,
        "-m",
        "vo_server",
        "demo",
        "--rows",
        "200",
        "--data",
        str(folder / "data"),
        "--port",
        "0",
    ]
    with running(command, folder / "log") as started:
        # The demo has no timestamps.
        (folder / "moments.csv").write_text("n,seen\n1,2015-01-01T00:00:00\n")
        database = f"duckdb:///{folder / 'data'}"
        run_command("ingest", "load", str(folder / "moments.csv"), "--table", "test.moments", "--database", database)
        yield started


@pytest.fixture(scope="module")
def declared(demo: Demo) -> list[str]:
    """The signatures in the capabilities of the running service."""
    root = ET.fromstring(httpx.get(f"{demo.url}/capabilities", timeout=60).content)
    groups = root.findall(".//languageFeatures")
    return [
        str(form.text)
        for group in groups
        if group.get("type", "").lower().endswith("#features-udf")
        for form in group.findall("feature/form")
    ]


def checked(lines: list[str]) -> list[str]:
    """Return what TOPCAT's checker says to each line."""
    java = shutil.which("java")
    missing = [str(jar) for jar in JARS if not jar.exists()]
    if java is None or shutil.which("javac") is None or missing:
        pytest.skip(f"no Java compiler, or without {', '.join(missing)}")
    done = subprocess.run(
        [java, "-cp", ":".join(map(str, JARS)), str(CHECKER)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_topcat_reads_every_declared_signature(declared: list[str]) -> None:
    assert sorted(declared) == sorted(function.signature for function in UDFS)
    answers = checked([f"S {signature}" for signature in declared])
    assert dict(zip(declared, answers, strict=True)) == dict.fromkeys(declared, "ok")


def test_topcat_accepts_a_call_of_every_declared_function_and_no_other(declared: list[str]) -> None:
    calls = [f"SELECT {in_adql_20(one.example, 'seen')} AS v FROM test.moments" for one in UDFS]
    calls.append("SELECT ivo_nothing(n) AS v FROM test.moments")
    answers = checked([*(f"S {signature}" for signature in declared), *(f"Q {call}" for call in calls)])
    *found, unknown = answers[len(declared) :]
    assert "ivo_nothing" in unknown
    wrong = {call: answer for call, answer in zip(calls, found, strict=False) if answer != "ok"}
    assert not wrong


@pytest.mark.parametrize("is_aggregate", [False, True], ids=["functions", "set functions"])
def test_stilts_parses_and_runs_a_query_with_every_declared_function(
    demo: Demo, stilts: str, *, is_aggregate: bool
) -> None:
    chosen = [function for function in UDFS if function.is_aggregate is is_aggregate]
    done = _tapquery(stilts, demo.url, ", ".join(f"{_called(one)} AS v{at}" for at, one in enumerate(chosen)))
    assert done.returncode == 0, done.stderr
    names, *rows = done.stdout.splitlines()
    assert names.split(",") == [f"v{at}" for at in range(len(chosen))]
    assert len(rows) == 1


def test_stilts_refuses_what_is_no_adql_before_it_asks(demo: Demo, stilts: str) -> None:
    done = _tapquery(stilts, demo.url, "ivo_to_jd(")
    assert done.returncode != 0
    assert "Encountered" in done.stderr


def _called(function: Function) -> str:
    return in_adql_20(function.example, "MAX(seen)" if function.is_aggregate else "seen")


def _tapquery(stilts: str, url: str, items: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [stilts, "tapquery", f"tapurl={url}", "parse=true", "sync=true", "ofmt=csv",
         f"adql=SELECT {items} FROM test.moments"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )  # fmt: skip
