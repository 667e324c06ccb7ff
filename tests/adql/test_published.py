"""The 39 queries that the project answers to: all resolve, with these columns and types.

They are resolved against the descriptions that come with the project. Expectations are written by hand; ``*table``
stands for all columns that are described of a table, in their order. No query needs another one;
``compactsources.sed_view_final`` has 103 of its 203 columns there, so that a star on it gives 103.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.adql.published import catalogue, queries
from vo_server.adql.front import compile_query
from vo_server.errors import ProblemKind
from vo_server.model.datatype import DataType
from vo_server.model.table import Table

_QUERIES: Final = queries()
_BANDS: Final = "ugrizy"
_PHOTOMETRY: Final = " ".join(f"{b}_psfMag:float {b}_psfMagErr:float {b}_psfFlux_flag:boolean" for b in _BANDS)
_DP1: Final = f"objectId:long coord_ra:double coord_dec:double ebv:float refExtendedness:float {_PHOTOMETRY}"
_BANNJOS: Final = "ALPHA_J2000:double DELTA_J2000:double {} *jplus.ClassBANNJOS"
_APERTURES: Final = ("0_8", "1_0", "1_2", "1_5", "2_0", "3_0", "4_0", "6_0")


def _twelve(pattern: str) -> str:
    """Return the arrays of twelve filters of the total and of all apertures."""
    return " ".join(pattern.format(one) + ":float[12]" for one in ("auto", *(f"aper_{a}" for a in _APERTURES)))


def _upper(text: str) -> str:
    return " ".join(f"{one.rpartition(':')[0].upper()}:float[12]" for one in text.split())


_TRAINING: Final = " ".join(
    (
        "*jplus.FLambdaDualObj MU_MAX:float[12] APER3_WORSTPSF:float[12]",
        _twelve("fnu_flux_{}"), _upper(_twelve("mag_{}")), _twelve("fnu_flux_relerr_{}"), _upper(_twelve("mag_err_{}")),
        "ax:float[12] ax_err:float[12] ebv:float ebv_err:float gaia_angdist:float gaia_pmra:float gaia_pmde:float",
        "plx:float ruwe:float fg:float fbp:float frp:float gaia_e_pmra:float gaia_e_pmde:float e_plx:float e_fg:float",
        "e_fbp:float e_frp:float allwise_angdist:float Jmag:float Hmag:float Kmag:float e_Jmag:float e_Hmag:float",
        "e_Kmag:float catwise_angdist:float catwise_pmra:float catwise_e_pmra:float catwise_pmde:float",
        "catwise_e_pmde:float W1mproPM:float e_W1mproPM:float W2mproPM:float e_W2mproPM:float",
    )
)  # fmt: skip

_RECIPES: Final = ("stars_1sigma_lenient", "stars_1sigma_strict", "qso_2sigma", "qso_2sigma_cleaner")
_COUNTS: Final = tuple(f"count_{kind}_{n}sigma" for kind in ("galaxy", "qso", "star") for n in (1, 2))

EXPECTED: Final = {
    **{f"bannjos.{one}": _BANNJOS.format("MAG_PSFCOR:float[12]") for one in _RECIPES},
    **{f"bannjos.{one}.subscript": _BANNJOS.format("r_mag:float") for one in _RECIPES},
    **{f"bannjos.{one}.macro": _BANNJOS.format("r_mag:float") for one in _RECIPES},
    **{f"bannjos.{one}": "n:long" for one in _COUNTS},
    "bannjos.training_tile": _TRAINING,
    "dp1.printed": _DP1,
    "dp1.40arcmin": _DP1,
    "dp1.quality": _DP1,
    "ls_psc.nearest3": "ls_id:long white_mag:float score:float sep_arcsec:double",
    "ls_psc.point_sources": "n:long",
    "ls_psc.gaia_bonus": "n:long",
    "ls_psc.features": (
        "ls_id:long type:char[3] fitbits:short dchisq_1:float dchisq_2:float dchisq_3:float dchisq_4:float "
        "dchisq_5:float snr_g:float snr_r:float snr_i:float snr_z:float apflux_z_5:float apflux_z_6:float "
        "apflux_ivar_z_5:float apflux_ivar_z_6:float"
    ),
    # An integer times a real is a double, as on both engines.
    "ls_psc.delta_dchisq": "ls_id:long delta_rex:double",
    "vexas.secure_qso": "SOURCEID_VISTA:long RA_DES:double DEC_DES:double p_QSO:float",
    "vexas.smw_class_change": (
        "SOURCEID_VISTA:long CLASS:char[*] CLASS_25:char[*] p_QSO:float p_QSO_25:float Imputation_flag:char[*]"
    ),
    "vexas.confusion": "CLASS_Spec:char[*] CLASS:char[*] n:long",
    "vlkb.slide": "*compactsources.sed_view_final",
    "vlkb.bandmerged_box": "*compactsources.sed_view_final",
    "vlkb.band_box": "*compactsources.higal250",
    "vlkb.xyz": "x:double y:double z:double glon:double glat:double dist:double",
    "vlkb.xyz.tolerant": "x:double glon:double glat:double dist:double",
    "vlkb.filaments": "idfil_mos:int glon:double glat:double idfil_mos_2:int glon_2:double glat_2:double",
    "vlkb.sed_models": "*compactsources.sed_models",
    "vlkb.sed_models.tolerant": "*compactsources.sed_models",
    "vlkb.distance": "designationft:char[*] distance:float",
}

UNITS: Final[dict[str, dict[str, str | None]]] = {
    "bannjos.stars_1sigma_lenient.macro": {"ALPHA_J2000": "deg", "r_mag": "mag"},
    "bannjos.stars_1sigma_lenient.subscript": {"DELTA_J2000": "deg", "r_mag": "mag"},
    "bannjos.training_tile": {"ax": "mag", "gaia_pmra": "mas.yr**-1", "catwise_pmra": "arcsec.yr**-1"},
    "vexas.secure_qso": {"RA_DES": "deg", "p_QSO": None},
    "vlkb.xyz": {"x": "kpc", "y": "kpc", "z": "kpc", "glon": "deg"},
    "vlkb.distance": {"distance": "kpc"},
    "bannjos.count_star_1sigma": {"n": None},
}


def shown(datatype: DataType) -> str:
    size = "" if datatype.arraysize is None else f"[{datatype.arraysize}]"
    return f"{datatype.primitive.value}{size}"


def expanded(wanted: str) -> list[str]:
    tables: dict[str, Table] = {table.full_name: table for table in catalogue().tables}
    found: list[str] = []
    for one in wanted.split():
        if one.startswith("*"):
            found.extend(f"{column.name}:{shown(column.datatype)}" for column in tables[one[1:]].visible_columns)
        else:
            found.append(one)
    return found


@pytest.mark.catalogues
def test_every_published_query_has_an_expectation(catalogues_dir: Path) -> None:
    assert catalogues_dir.is_dir()
    assert len(_QUERIES) == 39
    assert set(EXPECTED) == set(_QUERIES)


@pytest.mark.skipif(not _QUERIES, reason="no published queries beside the project")
@pytest.mark.parametrize("name", EXPECTED)
def test_a_published_query_gives_these_columns_strictly_where_it_is_standard(name: str) -> None:
    level, text = _QUERIES[name]
    found = compile_query(text, catalogue(), strict=level == "standard")
    assert [f"{one.name}:{shown(one.datatype)}" for one in found.columns] == expanded(EXPECTED[name])
    units = {one.name: one.unit for one in found.columns}
    assert {column: units[column] for column in UNITS.get(name, {})} == UNITS.get(name, {})


@pytest.mark.skipif(not _QUERIES, reason="no published queries beside the project")
@pytest.mark.parametrize("name", [name for name, (level, _) in _QUERIES.items() if level != "standard"])
def test_a_published_query_beyond_the_standard_says_so_in_a_note_with_a_hint(name: str) -> None:
    notes = compile_query(_QUERIES[name][1], catalogue()).notes
    beyond = [note for note in notes if note.kind is ProblemKind.NONSTANDARD]
    assert beyond
    assert all(note.hint for note in beyond)
