"""What the known catalogues promise: good rows keep it, and each promise is broken by rows that do not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support.described import FORMATS, Columns, described, generated, write_native
from vo_server.errors import IngestError
from vo_server.resources import schema_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ingest.conftest import Site

N_ROWS = 60
BAD = slice(5, 8)
"""The rows that are spoilt."""


def put(**values: Any) -> Callable[[Columns], None]:
    """Return what puts values into the bad rows of columns."""

    def spoil(columns: Columns) -> None:
        for name, value in values.items():
            columns[name][BAD] = value

    return spoil


def repeat(*names: str) -> Callable[[Columns], None]:
    """Return what makes the bad rows the same in some columns."""

    def spoil(columns: Columns) -> None:
        for name in names:
            columns[name][BAD] = columns[name][BAD.start]

    return spoil


CASES: list[tuple[str, str, Callable[[Columns], None]]] = [
    ("vexas.desw", "probabilities_in_range", put(p_STAR=1.2, p_QSO=-0.1, p_GALAXY=-0.1)),
    ("vexas.psw", "probabilities_sum_to_1", put(p_STAR=0.5, p_QSO=0.3, p_GALAXY=0.1, CLASS="STAR")),
    ("vexas.smw", "class_is_most_probable", put(p_STAR=0.2, p_QSO=0.3, p_GALAXY=0.5, CLASS="STAR")),
    ("vexas.smw", "class_25_is_most_probable", put(p_STAR_25=0.2, p_QSO_25=0.3, p_GALAXY_25=0.5, CLASS_25="QSO")),
    ("vexas.desw", "class_is_known", put(CLASS="STARS")),
    ("vexas.psw", "no_row_twice", repeat("SOURCEID_VISTA", "objID_PS", "SLAVEOBJID_WISE", "ID_WISE")),
    ("vexas.spec_good", "match_is_close", put(**{"Separation-VISTA-SPEC": 3.0})),
    ("ls_psc.main", "score_in_range", put(score=2.5)),
    ("ls_psc.main", "release_is_known", put(ls_id=np.array([8000 * 2**40 + row for row in (1, 2, 3)]))),
    ("ls_dr10.tractor", "weights_not_negative", put(FLUX_IVAR_G=-1.0)),
    ("jplus.ClassBANNJOS", "percentiles_of_galaxy_ascend", put(CLASS_GALAXY_prob_pc16=-0.5)),
    ("jplus.ClassBANNJOS", "percentiles_of_qso_ascend", put(CLASS_QSO_prob_pc50=1.5)),
    ("jplus.ClassBANNJOS", "percentiles_of_star_ascend", put(CLASS_STAR_prob_pc98=-0.5)),
    ("jplus.ClassBANNJOS", "scatter_not_negative", put(CLASS_QSO_prob_std=-0.1)),
    ("jplus.ClassBANNJOS", "correlations_in_range", put(CLASS_GALAXY_CLASS_QSO_prob_corr=1.01)),
    ("jplus.ClassBANNJOS", "weights_sum_to_1", put(comp1_weight=0.2, comp2_weight=0.3, comp3_weight=0.50001)),
    ("jplus.ClassBANNJOS", "covariance_2_is_positive", put(comp2_cov_11=0.01, comp2_cov_22=0.01, comp2_cov_12=0.011)),
    ("jplus.ClassBANNJOS", "objects_seldom_repeat", repeat("TILE_ID", "NUMBER")),
    ("dp1.Object", "extendedness_is_0_or_1", put(refExtendedness=0.5)),
    ("filaments.branches", "galactic_in_range", put(glat=95.0)),
    ("compactsources.higal250", "galactic_in_range", put(GLON=-5.0)),
    ("caesar.islands", "beam_is_positive", put(beamArea=0.0)),
    ("caesar.components", "codes_are_known", put(fitQuality=9)),
    ("caesar.components", "no_row_twice", repeat("name", "componentId")),
]


@pytest.mark.parametrize(("table", "check", "spoil"), CASES, ids=[f"{table}-{check}" for table, check, _ in CASES])
def test_a_promise_that_is_broken_refuses_the_file(
    duckdb_site: Site, tmp_path: Path, table: str, check: str, spoil: Callable[[Columns], None]
) -> None:
    columns = generated(table, N_ROWS)
    spoil(columns)
    path = write_native(table, tmp_path, columns)
    words: list[str | Path] = [path, "--table", table, "--schema-file", schema_file(table.partition(".")[0])]
    error = duckdb_site.run("load", *words).exception
    assert isinstance(error, IngestError), error
    lines = [line for line in error.message.splitlines() if line.startswith(f"check {check} of {table}: ")]
    assert lines, error.message
    told = 2 if ("twice" in check or "repeat" in check) else BAD.stop - BAD.start
    assert f": {told} of {N_ROWS} rows " in lines[0]


def test_rounding_of_six_decimals_breaks_no_promise(duckdb_site: Site, tmp_path: Path) -> None:
    columns = generated("jplus.ClassBANNJOS", N_ROWS)
    put(comp1_weight=0.333333, comp2_weight=0.333333, comp3_weight=0.333333)(columns)
    put(comp1_cov_11=0.0, comp1_cov_22=0.000002, comp1_cov_12=0.000001)(columns)
    for name in ("GALAXY", "QSO", "STAR"):
        columns[f"CLASS_{name}_prob_mean"][:] = 0.9
    path = write_native("jplus.ClassBANNJOS", tmp_path, columns)
    words: list[str | Path] = ["--table", "jplus.ClassBANNJOS", "--schema-file", schema_file("jplus")]
    told = duckdb_site.load(path, *words).stdout
    assert "weights_sum_to_1 passed" in told
    assert "covariance_1_is_positive passed" in told


def test_a_complete_release_has_its_number_of_rows(duckdb_site: Site, tmp_path: Path) -> None:
    path = write_native("ls_psc.main", tmp_path, generated("ls_psc.main", N_ROWS))
    words: list[str | Path] = ["--table", "ls_psc.main", "--schema-file", schema_file("ls_psc")]
    error = duckdb_site.run("load", path, *words, "--full").exception
    assert isinstance(error, IngestError)
    assert "check complete of ls_psc.main: there are 60 rows; a complete release has 3146299509" in error.message
    duckdb_site.load(path, *words)


def test_every_catalogue_with_promises_is_among_the_files() -> None:
    promised = {table for table in FORMATS if described(table).checks}
    assert {table for table, _, _ in CASES} <= promised
