"""What each recipe has to select, worked out with pandas: independent of ADQL, of the engines and of the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ORACLES", "Oracle", "Tables"]

Tables: TypeAlias = "Mapping[str, pd.DataFrame]"
"""All rows of the tables by their full names."""

Select: TypeAlias = Callable[[Tables], pd.DataFrame]


@dataclass(frozen=True)
class Oracle:
    """What a recipe has to give."""

    select: Select
    """The rows, with at least the compared columns; as a rule one row for each that the recipe gives."""
    columns: tuple[str, ...]
    """Columns that are compared, by the names of the recipe."""
    given: Callable[[Tables], Mapping[str, str]] = lambda _: {}
    """Values of its parameters, where the defaults select nothing of the mock sky."""
    rtol: float = 1e-9
    """How far numbers may differ."""


OTHERS = {"GALAXY": ("QSO", "STAR"), "QSO": ("GALAXY", "STAR"), "STAR": ("GALAXY", "QSO")}
ID = ("TILE_ID", "NUMBER")


def _probability(rows: pd.DataFrame, kind: str, percentile: str) -> pd.Series[float]:
    return rows[f"CLASS_{kind}_prob_pc{percentile}"]


def _classified(tables: Tables) -> pd.DataFrame:
    """Return what BANNJOS says of each row that has photometry."""
    return tables["jplus.ClassBANNJOS"].merge(
        tables["jplus.MagABDualObj"][[*ID, "ALPHA_J2000", "DELTA_J2000", "MAG_PSFCOR"]], on=list(ID)
    )


def _at_sigma(kind: str, low: str, high: str, *, is_strict: bool = True, count: bool = False) -> Select:
    def select(tables: Tables) -> pd.DataFrame:
        rows = tables["jplus.ClassBANNJOS"] if count else _classified(tables)
        chosen = _probability(rows, kind, low) >= 0.333
        for other in OTHERS[kind] if is_strict else ():
            chosen &= _probability(rows, other, high) < 0.333
        return pd.DataFrame({"n": [int(chosen.sum())]}) if count else rows[chosen]

    return select


def _highest_median(kind: str) -> Select:
    def select(tables: Tables) -> pd.DataFrame:
        rows = _classified(tables)
        own = _probability(rows, kind, "50")
        return rows[
            (own > _probability(rows, OTHERS[kind][0], "50")) & (own > _probability(rows, OTHERS[kind][1], "50"))
        ]

    return select


def _clean_qso(*correlations: str) -> Select:
    def select(tables: Tables) -> pd.DataFrame:
        rows = _at_sigma("QSO", "02", "98")(tables)
        for pair in correlations:
            rows = rows[rows[f"CLASS_{pair}_prob_corr"] <= 0]
        return rows

    return select


def _above(kind: str, percentile: str, threshold: float) -> Select:
    return lambda tables: (rows := _classified(tables))[_probability(rows, kind, percentile) > threshold]


def _active(tables: Tables) -> pd.DataFrame:
    rows = _classified(tables)
    return rows[
        (_probability(rows, "STAR", "98") < 0.333)
        & (_probability(rows, "GALAXY", "50") > 0.2)
        & (_probability(rows, "QSO", "50") > 0.2)
        & (rows.CLASS_GALAXY_CLASS_QSO_prob_corr < -0.5)
    ]


def _without_caveats(tables: Tables) -> pd.DataFrame:
    rows = _at_sigma("QSO", "02", "98")(tables)
    return rows[~rows.TILE_ID.isin(tables["jplus.bannjos_caveats"].TILE_ID)]


def _caveats(tables: Tables) -> pd.DataFrame:
    counts = tables["jplus.ClassBANNJOS"].groupby("TILE_ID").size()
    rows = tables["jplus.bannjos_caveats"].copy()
    rows["n"] = rows.TILE_ID.map(counts).fillna(0).astype(int)
    return rows


def _followup_qso(tables: Tables) -> pd.DataFrame:
    rows = _clean_qso("QSO_CLASS_STAR")(tables)
    first = rows.MAG_PSFCOR.map(lambda mags: np.nan if mags is None or mags[0] is None else mags[0])
    rows = rows.assign(name=rows.TILE_ID.astype(str) + "-" + rows.NUMBER.astype(str), ra=rows.ALPHA_J2000)
    return rows[first < 20]


def _fullest_tile(tables: Tables) -> int:
    return int(tables["jplus.FLambdaDualObj"].TILE_ID.mode()[0])


def _training(tables: Tables) -> pd.DataFrame:
    tile = {name: rows[_fullest_tile(tables) == rows.TILE_ID] for name, rows in tables.items() if "TILE_ID" in rows}
    rows = tile["jplus.FLambdaDualObj"][list(ID)]
    for name in ("jplus.MagABDualObj", "jplus.FNuDualObj", "jplus.MWExtinction"):
        rows = rows.merge(tile[name][list(ID)], on=list(ID), how="left")
    rows = rows.merge(tile["jplus.xmatch_gaia_dr3"][[*ID, "plx"]], on=list(ID), how="left")
    rows = rows.merge(tile["jplus.xmatch_allwise"][[*ID, "Jmag"]], on=list(ID), how="left")
    near = tile["jplus.xmatch_catwise2020"].query("angDist <= 1.5")
    matched: pd.DataFrame = rows.merge(near[[*ID, "W1mproPM"]], on=list(ID), how="left")
    return matched


def _separation_deg(ra: pd.Series[float], dec: pd.Series[float], ra0: float, dec0: float) -> np.ndarray:
    """Return distances from a place by vectors [deg]."""

    def vector(lon: pd.Series[float] | float, lat: pd.Series[float] | float) -> np.ndarray:
        lon_rad, lat_rad = np.radians(np.asarray(lon, float)), np.radians(np.asarray(lat, float))
        return np.stack(
            [np.cos(lat_rad) * np.cos(lon_rad), np.cos(lat_rad) * np.sin(lon_rad), np.sin(lat_rad)], axis=-1
        )

    chord = np.linalg.norm(vector(ra, dec) - vector(ra0, dec0), axis=-1)
    distance: np.ndarray = np.degrees(2 * np.arcsin(chord / 2))
    return distance


LS = "ls_psc.main"
ALERT = (152.0, 32.2)


def _nearest(tables: Tables) -> pd.DataFrame:
    rows = tables[LS].assign(sep_arcsec=3600 * _separation_deg(tables[LS].ra, tables[LS].dec, *ALERT))
    rows = rows[rows.sep_arcsec <= 300].nsmallest(3, "sep_arcsec")
    return rows.assign(is_a=np.where(rows.score > 0.5, "star", "host"))


def _hostless(tables: Tables) -> pd.DataFrame:
    """Return the verdict on the middle of the field, where no source is near."""
    near = tables[LS][_separation_deg(tables[LS].ra, tables[LS].dec, *_empty_place(tables)) <= 30 / 3600]
    assert len(near) == 0
    return pd.DataFrame({"verdict": ["hostless"], "n_near": [0], "observed": [1]})


def _empty_place(tables: Tables) -> tuple[float, float]:
    """Return a place near the middle of the field without a source within 30 arcsec."""
    rows = tables[LS]
    for step in range(1000):
        place = (ALERT[0] + 0.01 * step, ALERT[1])
        if (_separation_deg(rows.ra, rows.dec, *place) > 30 / 3600).all():
            return place
    raise AssertionError("the mock sky is full of sources")


def _counted(condition: str) -> Select:
    return lambda tables: pd.DataFrame({"n": [len(tables[LS].query(condition))]})


def _where(table: str, condition: str) -> Select:
    return lambda tables: tables[table].query(condition)


def _features(tables: Tables) -> pd.DataFrame:
    rows = tables["ls_dr10.tractor"]
    return rows[rows.type != "DUP"].merge(tables["ls_dr10.apflux"][["ls_id", "apflux_z_5"]], on="ls_id")


def _delta(tables: Tables) -> pd.DataFrame:
    rows = tables["ls_dr10.tractor"].query(
        "snr_g > 0 and snr_r > 0 and snr_z > 0 and snr_i != snr_i and dchisq_1 > 0 and dchisq_2 > 0"
    )
    snr2 = rows.snr_g.astype(float) ** 2 + rows.snr_r.astype(float) ** 2 + rows.snr_z.astype(float) ** 2
    return rows.assign(delta_rex=4 * (rows.dchisq_2.astype(float) - rows.dchisq_1) / snr2)


def _bailout(tables: Tables) -> pd.DataFrame:
    rows = tables["ls_dr10.tractor"]
    return rows[(rows.maskbits.fillna(0).astype(np.int64) & 1024) == 1024]


def _secure(table: str, kind: str, p: float, more: str = "") -> Select:
    return _where(f"vexas.{table}", f"CLASS == '{kind}' and p_{kind} >= {p}{more}")


def _confusion(table: str) -> Select:
    def select(tables: Tables) -> pd.DataFrame:
        spec = tables["vexas.spec_good"]
        near = spec[spec["Separation-VISTA-SPEC"] <= 1.5]
        pairs = near.merge(tables[f"vexas.{table}"][["SOURCEID_VISTA", "CLASS"]], on="SOURCEID_VISTA")
        counted = pairs.groupby(["CLASS_Spec", "CLASS"]).SOURCEID_VISTA.nunique()
        return counted.rename("n").reset_index()

    return select


def _cautious(table: str) -> Select:
    def select(tables: Tables) -> pd.DataFrame:
        rows = tables[f"vexas.{table}"]
        return rows[(rows.Warning_flag > 0) | rows.Imputation_flag.notna()]

    return select


def _field(radius_deg: float, *, is_good: bool = False) -> Select:
    def select(tables: Tables) -> pd.DataFrame:
        rows = tables["dp1.Object"]
        rows = rows[_separation_deg(rows.coord_ra, rows.coord_dec, 53.16, -28.1) <= radius_deg]
        if not is_good:
            return rows
        flags = [rows[f"{band}_psfFlux_flag"] == 0 for band in "ugrizy"]
        bright = (rows.g_psfMag > 15.70) & (rows.r_psfMag > 15.08) & (rows.i_psfMag > 15.19)
        chosen: pd.DataFrame = rows[np.logical_and.reduce(flags) & bright]
        return chosen

    return select


def _colours(tables: Tables) -> pd.DataFrame:
    rows = _field(0.66666667)(tables)
    return rows.assign(u_g=rows.u_psfMag.astype(float) - rows.g_psfMag - (4.145 - 3.237) * rows.ebv)


def _filaments(tables: Tables) -> pd.DataFrame:
    rows = tables["filaments.filaments"].query("9.5 <= glon <= 10.5 and -0.5 <= glat <= 0.5")
    return rows[["idfil_mos"]].merge(tables["filaments.branches"][["idfil_mos"]], on="idfil_mos")


def _xyz(condition: str) -> Select:
    def select(tables: Tables) -> pd.DataFrame:
        rows = tables["compactsources.props_dist"].query(condition)
        return rows.assign(x=rows.dist * np.cos(np.radians(rows.glon) + np.pi / 2))

    return select


FLUXES = "compactsources.sed_view_final"
BOX = "9.5 <= {lon} <= 10.5 and -0.5 <= {lat} <= 0.5"


def _oracles() -> dict[str, Oracle]:
    found: dict[str, Oracle] = {}
    clean = _clean_qso("QSO_CLASS_STAR")
    cleaner = _clean_qso("QSO_CLASS_STAR", "GALAXY_CLASS_QSO")
    for suffix in ("", "_subscript", "_macro"):
        found |= {
            f"bannjos/stars_1sigma_lenient{suffix}": Oracle(_at_sigma("STAR", "16", "84", is_strict=False), ID),
            f"bannjos/stars_1sigma_strict{suffix}": Oracle(_at_sigma("STAR", "16", "84"), ID),
            f"bannjos/qso_2sigma{suffix}": Oracle(clean, ID),
            f"bannjos/qso_2sigma_cleaner{suffix}": Oracle(cleaner, ID),
        }
    for kind in OTHERS:
        name = kind.lower()
        for sigma, low, high in ((1, "16", "84"), (2, "02", "98")):
            found[f"bannjos/{name}_{sigma}sigma_class"] = Oracle(_at_sigma(kind, low, high), ID)
            found[f"bannjos/count_{name}_{sigma}sigma"] = Oracle(_at_sigma(kind, low, high, count=True), ("n",))
        found[f"bannjos/{name}_highest_median"] = Oracle(_highest_median(kind), ID)
    found |= {
        "bannjos/training_tile": Oracle(
            _training, (*ID, "plx", "Jmag", "W1mproPM"), lambda tables: {"tile": str(_fullest_tile(tables))}
        ),
        "bannjos/qso_complete": Oracle(_above("QSO", "98", 0.33), ID),
        "bannjos/qso_pure": Oracle(_above("QSO", "02", 0.33), ID),
        "bannjos/star_pure": Oracle(_above("STAR", "02", 0.33), ID),
        "bannjos/active_galaxies": Oracle(_active, ID),
        "bannjos/without_caveats": Oracle(_without_caveats, ID),
        "bannjos/caveat_tiles": Oracle(_caveats, ("TILE_ID", "reason", "n")),
        "bannjos/followup_qso": Oracle(_followup_qso, ("name", "ra")),
    }
    alert = {"ra": str(ALERT[0]), "dec": str(ALERT[1])}
    found |= {
        "ls_psc/nearest3": Oracle(_nearest, ("ls_id", "sep_arcsec"), lambda _: {**alert, "radius": str(300 / 3600)}),
        "ls_psc/broker": Oracle(
            _hostless,
            ("verdict", "n_near", "observed"),
            lambda tables: dict(zip(("ra", "dec"), map(str, _empty_place(tables)), strict=True)),
        ),
        "ls_psc/neighbours": Oracle(_nearest, ("ls_id", "is_a"), lambda _: {**alert, "radius_arcsec": "300"}),
        "ls_psc/point_sources": Oracle(_counted("score > 0.5"), ("n",)),
        "ls_psc/gaia_bonus": Oracle(_counted("score > 1"), ("n",)),
        "ls_psc/features": Oracle(_features, ("ls_id", "apflux_z_5")),
        "ls_psc/delta_dchisq": Oracle(_delta, ("ls_id", "delta_rex"), rtol=1e-6),
        "ls_psc/stars": Oracle(_where(LS, "score > 0.5 and white_mag < 22"), ("ls_id",)),
        "ls_psc/model_and_gaia_disagree": Oracle(_where(LS, "is_gaia_star == 1 and ml_score < 0.5"), ("ls_id",)),
        "ls_psc/stars_at_fpr_all": Oracle(_where(LS, "score > 0.374"), ("ls_id",)),
        "ls_psc/stars_at_fpr_24": Oracle(_where(LS, "score > 0.295 and white_mag < 24"), ("ls_id",)),
        "ls_psc/stars_at_fpr_22": Oracle(_where(LS, "score > 0.064 and white_mag < 22"), ("ls_id",)),
        "ls_psc/bailout": Oracle(_bailout, ("ls_id",)),
        "ls_psc/fill_in": Oracle(_where(LS, "from_dr9 == 1"), ("ls_id",)),
        "ls_psc/followup_stars": Oracle(_where(LS, "score > 0.5 and 14 <= white_mag <= 18"), ("ra", "dec")),
    }
    for table in ("desw", "psw", "smw"):
        for kind in OTHERS:
            found[f"vexas/{table}_{kind.lower()}"] = Oracle(_secure(table, kind, 0.7), ("SOURCEID_VISTA",))
        found[f"vexas/{table}_cautious"] = Oracle(_cautious(table), ("SOURCEID_VISTA",))
        name = "vexas/confusion" if table == "desw" else f"vexas/confusion_{table}"
        found[name] = Oracle(_confusion(table), ("CLASS_Spec", "CLASS", "n"))
    found |= {
        "vexas/secure_qso": Oracle(_secure("desw", "QSO", 0.9, " and Warning_flag == 0"), ("SOURCEID_VISTA",)),
        "vexas/smw_class_change": Oracle(_where("vexas.smw", "CLASS != CLASS_25"), ("SOURCEID_VISTA",)),
        "vexas/followup_qso": Oracle(
            lambda tables: _secure("desw", "QSO", 0.9, " and Warning_flag == 0 and mag_auto_r_DES < 20")(tables).rename(
                columns={"RA_DES": "ra", "DEC_DES": "dec"}
            ),
            ("ra", "dec"),
        ),
        "dp1/printed": Oracle(_field(1.0), ("objectId",)),
        "dp1/40arcmin": Oracle(_field(0.66666667), ("objectId",)),
        "dp1/quality": Oracle(_field(0.66666667, is_good=True), ("objectId",)),
        "dp1/colours": Oracle(_colours, ("objectId", "u_g")),
        "dp1/stars": Oracle(_where("dp1.Object", "refExtendedness == 0 and r_psfMag < 24"), ("objectId",)),
        "vlkb/slide": Oracle(lambda tables: tables[FLUXES].head(1000)[[]], ()),
        "vlkb/bandmerged_box": Oracle(
            _where(FLUXES, BOX.format(lon="glonft", lat="glatft")), ("designationft", "glonft")
        ),
        "vlkb/bandmerged_wrapped": Oracle(
            _where(FLUXES, "(glonft >= 350 or glonft <= 10) and -0.5 <= glatft <= 0.5"), ("designationft", "glonft")
        ),
        "vlkb/band_box": Oracle(
            _where("compactsources.higal250", BOX.format(lon="GLON", lat="GLAT")), ("GLON", "GLAT")
        ),
        "vlkb/xyz": Oracle(_xyz(BOX.format(lon="glon", lat="glat")), ("x", "glon")),
        "vlkb/xyz_tolerant": Oracle(_xyz("9.5 <= glon <= 10.5"), ("x", "glon")),
        "vlkb/filaments": Oracle(_filaments, ("idfil_mos",)),
        "vlkb/sed_models": Oracle(_where("compactsources.sed_models", "100 <= clump_mass <= 200"), ("clump_mass",)),
        "vlkb/sed_models_tolerant": Oracle(
            _where("compactsources.sed_models", "100 <= clump_mass <= 200"), ("clump_mass",)
        ),
        "vlkb/distance": Oracle(_where(FLUXES, "distance > 2"), ("designationft", "distance")),
    }
    return found


ORACLES = _oracles()
"""By the names of the recipes."""
