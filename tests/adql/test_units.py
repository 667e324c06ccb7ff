"""Units of calculated values, notes about units that do not go together, and IN_UNIT."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import pytest
from astropy import units as astropy_units
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.adql.samples import CATALOGUE
from vo_server.adql.front import check_open, compile_query
from vo_server.adql.resolved import ResolvedQuery
from vo_server.adql.units import Unit, are_convertible, are_equal, read_unit
from vo_server.engine.duckdb.sql import generate
from vo_server.errors import AdqlError, Problem, ProblemKind


def compiled(text: str) -> ResolvedQuery:
    return compile_query(text, CATALOGUE)


def unit_of(expression: str) -> str | None:
    (found,) = compiled(f"SELECT {expression} AS x FROM sky.stars").columns
    return found.unit


def notes(condition: str) -> list[Problem]:
    found = compile_query(f"SELECT ra FROM sky.stars WHERE {condition}", CATALOGUE, strict=True).notes
    return [note for note in found if note.kind is ProblemKind.UNIT]


# ----------------------------------------------------------------------------------------------------- algebra


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deg", "deg"),
        ("mas/yr", "mas.yr**-1"),
        ("mas.yr**-1", "mas.yr**-1"),
        ("km/s", "km.s**-1"),
        ("m^2", "m**2"),
        ("m s", "m.s"),
        ("m**(1/2)", "m**(0.5)"),
        ("m**(0.5)", "m**(0.5)"),
        ("J/(m**2.s)", "J.m**-2.s**-1"),
        ("10**-16erg.s**-1", "10**-16erg.s**-1"),
        ("1/s", "s**-1"),
        ("/s", "s**-1"),
        ("m.m", "m**2"),
        ("m/m", None),
    ],
)
def test_units_are_read_and_written(text: str, expected: str | None) -> None:
    unit = read_unit(text)
    assert unit is not None
    assert unit.text == expected


@pytest.mark.parametrize("text", ["", "furlong", "log(Jy)", "mag(AB)", "m/s/kg", "m**", "1e-17erg", "deg?", "m" * 999])
def test_what_is_not_understood_is_no_unit(text: str) -> None:
    assert read_unit(text) is None


def test_equal_units_may_be_written_differently() -> None:
    assert are_equal("km/s", "km.s**-1")
    assert are_equal("mas/yr", "a**-1.mas")
    assert are_equal("furlong", "furlong ")
    assert not are_equal("deg", "arcsec")
    assert not are_equal("furlong", "smoot")


def test_convertible_units_measure_the_same() -> None:
    assert are_convertible("deg", "mas")
    assert are_convertible("km/s", "AU.d**-1")
    assert not are_convertible("deg", "mag")
    assert not are_convertible("furlong", "m")


symbols = st.sampled_from(
    ["m", "s", "mas", "deg", "mag", "kg", "Jy", "km", "uarcsec", "yr", "MHz", "keV", "pc", "mJy", "a"]
)
powers = st.builds(Fraction, st.integers(-6, 6), st.integers(1, 4)).filter(bool)
units = st.builds(
    lambda powers, exponent: Unit(tuple(powers.items()), exponent),
    st.dictionaries(symbols, powers, min_size=1, max_size=4),
    st.integers(-20, 20),
)


@given(units, units)
def test_what_is_written_is_valid_and_read_back(one: Unit, other: Unit) -> None:
    product = one.times(other)
    # The oracle keeps the scale of a unit in a double, which 1e-26 to the tenth power is not.
    scales = {
        symbol: math.log10(astropy_units.Unit(symbol).si.scale) for symbol, _ in product.powers if symbol != "mag"
    }
    assume(sum(abs(float(power) * scales.get(symbol, 0)) for symbol, power in product.powers) < 250)
    assert product.times(other, -1).normal == one.normal
    if product.text is not None:
        assert read_unit(product.text) == product
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            astropy_units.Unit(product.text, format="vounit", parse_strict="raise")


@given(st.text(st.sampled_from("msdegk10*^-/.()' "), max_size=12))
def test_every_unit_that_is_read_is_one_of_the_standard(text: str) -> None:
    found = read_unit(text)
    if found is not None and found.text is not None:
        astropy_units.Unit(found.text, format="vounit", parse_strict="raise")


# --------------------------------------------------------------------------------------------------- inference


@pytest.mark.parametrize(
    ("expression", "unit"),
    [
        ("mag - mag", "mag"),
        ("mag + 1", "mag"),
        ("1 - mag", "mag"),
        ("mag + (2 * PI() - SQRT(3))", "mag"),
        ("mag + size", None),
        ("mag + ra", None),
        ("ra * mag", "deg.mag"),
        ("ra * ra", "deg**2"),
        ("ra / mag", "deg.mag**-1"),
        ("1 / ra", "deg**-1"),
        ("ra / ra", None),
        ("(ra / ra) * dec", "deg"),
        ("0.5 * (ra + dec)", "deg"),
        ("ra * COS(RADIANS(dec))", "deg"),
        ("-2 * mag", "mag"),
        ("3600 * DISTANCE(ra, dec, 1, 2)", None),
        ("ra * PI() / 180", None),
        ("-2.5 * LOG10(mag)", None),
        ("ra * size", None),
        ("ra % 2", None),
        ("SQRT(ra * ra)", "deg"),
        ("SQRT(ra)", "deg**(0.5)"),
        ("POWER(ra, 2)", "deg**2"),
        ("POWER(ra, -0.5)", "deg**(-0.5)"),
        ("POWER(ra, size)", None),
        ("POWER(ra, 100)", None),
        ("MOD(ra, 360)", "deg"),
        ("ROUND(mag, 2)", "mag"),
        ("SUM(mag) / COUNT(*)", "mag"),
        ("AVG(mag * mag)", "mag**2"),
        ("MAX(mag) - MIN(mag)", "mag"),
        ("COALESCE(mag, 99)", "mag"),
        ("COALESCE(ra, dec, NULL)", "deg"),
        ("COALESCE(ra, size)", None),
        ("COALESCE(ra, mag)", None),
        ("CASE WHEN ra > 1 THEN ra ELSE dec END", "deg"),
        ("CASE WHEN ra > 1 THEN ra ELSE mag END", None),
        ("CAST(mag AS DOUBLE PRECISION)", "mag"),
        ("AREA(CIRCLE(ra, dec, 1)) / ra", "deg"),
        ("mags[1] - mags[2]", "mag"),
        ("IN_UNIT(ra, 'arcsec')", "arcsec"),
        ("(SELECT MAX(dist) FROM matches)", "arcsec"),
    ],
)
def test_a_calculated_value_has_a_unit_when_it_is_sure(expression: str, unit: str | None) -> None:
    assert unit_of(expression) == unit


def test_a_value_of_unknown_type_does_no_harm() -> None:
    check_open("SELECT a * b + SQRT(c) / 2, COALESCE(d, 1), SIN(e) FROM t WHERE a + b > c")


# ------------------------------------------------------------------------------------------------------- notes


@pytest.mark.parametrize(
    ("condition", "message", "token", "hint"),
    [
        ("ra + mag > 1", "adding mag to deg", "ra + mag", None),
        ("1 + ra + 2 - mag > 1", "subtracting mag from deg", "ra + 2 - mag", None),
        ("ra > mag", "comparing deg with mag", "ra > mag", None),
        (
            '"Dist-VISTA" < DISTANCE(ra, dec, 1, 2)',
            "comparing arcsec with deg",
            '"Dist-VISTA" < DISTANCE(ra, dec, 1, 2)',
            "write IN_UNIT(DISTANCE(ra, dec, 1, 2), 'arcsec')",
        ),
        ("ra BETWEEN dec AND mag", "comparing deg with mag", "ra BETWEEN dec AND mag", None),
        ("ra IN (1, dec, mag)", "comparing deg with mag", "ra IN (1, dec, mag", None),
        ("COALESCE(ra, mag) > 1", "mixing deg and mag", "ra, mag", None),
        ("SIN(ra) > 1", "SIN takes rad, not deg", "SIN(ra)", "write SIN(RADIANS(ra))"),
        ("RADIANS(mag) > 1", "RADIANS takes deg, not mag", "RADIANS(mag)", None),
    ],
)
def test_units_that_do_not_go_together_are_noted(condition: str, message: str, token: str, hint: str | None) -> None:
    (note,) = notes(condition)
    assert (note.message, note.token, note.hint) == (message, token, hint)


@pytest.mark.parametrize(
    "condition", ["ra > dec", "ra > 1", "ra + 1 > small", "ra = NULL", "SIN(RADIANS(ra)) > ra / dec"]
)
def test_units_that_go_together_or_are_not_known_are_not_noted(condition: str) -> None:
    assert notes(condition) == []


def test_operands_of_a_set_operation_in_other_units_are_noted() -> None:
    query = compile_query("SELECT ra FROM sky.stars UNION SELECT dist FROM matches", CATALOGUE, strict=True)
    assert [note.message for note in query.notes] == ["column 1 is in deg on one side and in arcsec on the other"]
    assert query.columns[0].unit == "deg"


# ----------------------------------------------------------------------------------------------------- IN_UNIT


@pytest.mark.parametrize(
    ("call", "factor"),
    [
        ("IN_UNIT(ra, 'arcsec')", 3600.0),
        ("IN_UNIT(\"Dist-VISTA\", 'deg')", 1 / 3600),
        ("IN_UNIT(ra, 'deg')", 1.0),
        ("IN_UNIT(mag, 'mmag')", 1000.0),
        ("IN_UNIT(ra * ra, 'sr')", 0.00030461741978670857),
        ("IN_UNIT(DISTANCE(ra, dec, 1, 2), 'mas')", 3_600_000.0),
    ],
)
def test_in_unit_multiplies_by_a_constant(call: str, factor: float) -> None:
    query = compiled(f"SELECT {call} AS x FROM sky.stars")
    (found,) = query.factors.values()
    assert found == pytest.approx(factor, rel=1e-15)
    assert str(found)[:12] in generate(query, limit=None, relation=lambda table: table.name)


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        ("IN_UNIT(ra, 'furlong')", "'furlong' is no unit of the VOUnits standard", None),
        ("IN_UNIT(ra, 'AA')", "'AA' is no unit", "did you mean aA?"),
        ("IN_UNIT(ra, 'm/s/kg')", "is no unit", None),
        ("IN_UNIT(ra, '')", "cannot convert to no unit", None),
        ("IN_UNIT(ra, 'kg')", "ra is in deg, which cannot be converted to kg", None),
        ("IN_UNIT(42, 'kg')", "42 is a number without a unit", None),
        ("IN_UNIT(-(4 + 2), 'kg')", "is a number without a unit", None),
        ("IN_UNIT(LOG(mag), 'kg')", "the unit of LOG(mag) is not known", None),
        ("IN_UNIT(size, 'kg')", "the unit of size is not known", None),
        ("IN_UNIT(ra, name)", "IN_UNIT takes a literal string for unit", None),
        ("IN_UNIT(name, 'deg')", "IN_UNIT takes a number for x", None),
    ],
)
def test_in_unit_refuses_what_has_no_factor(call: str, message: str, hint: str | None) -> None:
    with pytest.raises(AdqlError) as caught:
        compiled(f"SELECT {call} FROM sky.stars")
    (problem,) = caught.value.problems
    assert problem.kind is ProblemKind.TYPE
    assert message in problem.message
    if hint is not None:
        assert problem.hint == hint


def test_in_unit_is_checked_without_a_catalogue_as_far_as_possible() -> None:
    check_open("SELECT IN_UNIT(a, 'km/s') FROM t")
    for wrong in ("IN_UNIT(a, 'foo')", "IN_UNIT(1, 'deg')"):
        with pytest.raises(AdqlError):
            check_open(f"SELECT {wrong} FROM t")
