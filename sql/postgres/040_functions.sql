-- Functions of the query language that are more than one expression. Names and meanings are those of the macros in
-- vo_server/engine/duckdb/functions.py: the same formulas in the same order, so that both engines give the same digits.
-- A function whose type changes gets a new name: CREATE OR REPLACE could not replace it.
DO $$
BEGIN
  IF to_regnamespace('vo_functions') IS NULL THEN
    CREATE SCHEMA vo_functions;
    GRANT USAGE ON SCHEMA vo_functions TO PUBLIC;
  END IF;
END
$$;

-- Radians to degrees as DuckDB does it: the database's own function divides, which rounds in another way.
CREATE OR REPLACE FUNCTION vo_functions.degrees(x double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT x * 57.29577951308232::double precision
$$;

-- ---------------------------------------------------------------------------------------------------------- HEALPix

-- NESTED cell of a position [deg]; NULL off the sky and for orders outside 0 to 29.
-- The polar caps use sqrt(6) sin(colatitude / 2), which keeps its digits at the poles, where 1 - sin(lat) loses them.
CREATE OR REPLACE FUNCTION vo_functions.healpix_index(hpx_order bigint, lon double precision, lat double precision)
RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  n bigint; turn double precision; z double precision; jp bigint; jm bigint; face bigint; x bigint; quarter bigint;
BEGIN
  IF hpx_order < 0 OR hpx_order > 29 OR lat < -90 OR lat > 90 OR lon - lon <> 0 THEN
    RETURN NULL;
  END IF;
  n := 1::bigint << hpx_order::integer;
  -- What is next to nothing is nothing: PostgreSQL takes an underflow for an error.
  lon := CASE WHEN abs(lon) < 1e-290 THEN 0 ELSE lon END;
  lat := CASE WHEN abs(lat) < 1e-290 THEN 0 ELSE lat END;
  turn := (lon - 360 * floor(lon / 360)) / 90;
  IF turn >= 4 THEN
    turn := 0;
  END IF;
  z := sin(radians(lat));
  IF abs(z) <= 2.0::double precision / 3 THEN
    jp := greatest(floor(n * (0.5 + turn) - n * (0.75 * z)), 0);
    jm := greatest(floor(n * (0.5 + turn) + n * (0.75 * z)), 0);
    face := (jp >> hpx_order::integer) - (jm >> hpx_order::integer);
    face := CASE WHEN face = 0 THEN ((jp >> hpx_order::integer) & 3) + 4
                 WHEN face < 0 THEN (jp >> hpx_order::integer) & 3
                 ELSE ((jm >> hpx_order::integer) & 3) + 8 END;
    x := (jm & (n - 1)) | ((n - 1 - (jp & (n - 1))) << 32);
  ELSE
    quarter := floor(turn);
    turn := turn - quarter;
    z := n * (sqrt(6::double precision) * sin(radians((90 - abs(lat)) / 2)));
    jp := least(floor(turn * z), n - 1);
    jm := least(floor((1 - turn) * z), n - 1);
    IF lat >= 0 THEN
      face := quarter;
      x := (n - 1 - jm) | ((n - 1 - jp) << 32);
    ELSE
      face := quarter + 8;
      x := jp | (jm << 32);
    END IF;
  END IF;
  -- Interleave the bits of both halves of x (Warren, Hacker's Delight, section 7-2).
  x := x # ((x # (x >> 16)) & 4294901760) # (((x # (x >> 16)) & 4294901760) << 16);
  x := x # ((x # (x >> 8)) & 280375465148160) # (((x # (x >> 8)) & 280375465148160) << 8);
  x := x # ((x # (x >> 4)) & 67555025218437360) # (((x # (x >> 4)) & 67555025218437360) << 4);
  x := x # ((x # (x >> 2)) & 868082074056920076) # (((x # (x >> 2)) & 868082074056920076) << 2);
  x := x # ((x # (x >> 1)) & 2459565876494606882) # (((x # (x >> 1)) & 2459565876494606882) << 1);
  RETURN (face << (2 * hpx_order)::integer) | x;
END
$$;

CREATE OR REPLACE FUNCTION vo_functions.healpix_index_of(hpx_order bigint, place double precision[])
RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT vo_functions.healpix_index(hpx_order, place[1], place[2])
$$;

-- Centre of a NESTED cell [deg]; NULL where there is no such cell.
CREATE OR REPLACE FUNCTION vo_functions.healpix_center(hpx_order bigint, hpx_index bigint)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  n bigint; x bigint; face bigint; ix bigint; iy bigint; ring bigint; nr bigint; step bigint;
BEGIN
  IF hpx_order < 0 OR hpx_order > 29 OR hpx_index < 0 OR hpx_index >= 12::bigint << (2 * hpx_order)::integer THEN
    RETURN NULL;
  END IF;
  n := 1::bigint << hpx_order::integer;
  face := hpx_index >> (2 * hpx_order)::integer;
  x := hpx_index & (n * n - 1);
  x := x # ((x # (x >> 1)) & 2459565876494606882) # (((x # (x >> 1)) & 2459565876494606882) << 1);
  x := x # ((x # (x >> 2)) & 868082074056920076) # (((x # (x >> 2)) & 868082074056920076) << 2);
  x := x # ((x # (x >> 4)) & 67555025218437360) # (((x # (x >> 4)) & 67555025218437360) << 4);
  x := x # ((x # (x >> 8)) & 280375465148160) # (((x # (x >> 8)) & 280375465148160) << 8);
  x := x # ((x # (x >> 16)) & 4294901760) # (((x # (x >> 16)) & 4294901760) << 16);
  ix := x & 4294967295;
  iy := x >> 32;
  ring := (2 + face / 4) * n - ix - iy - 1;
  nr := least(ring, n, 4 * n - ring);
  step := (2 * (face % 4) + 1 - (face / 4) % 2) * nr + ix - iy;
  RETURN ARRAY[
    45 * (CASE WHEN step < 0 THEN step + 8 * nr ELSE step END)::double precision / nr,
    CASE WHEN ring < n THEN 90 - 2 * vo_functions.degrees(asin(nr / (n * sqrt(6::double precision))))
         WHEN ring > 3 * n THEN 2 * vo_functions.degrees(asin(nr / (n * sqrt(6::double precision)))) - 90
         ELSE vo_functions.degrees(asin((2 * n - ring) * 2 / (3 * n::double precision))) END];
END
$$;

-- ------------------------------------------------------------------------------------------------------------ sky

-- Position of a source at another epoch: linear motion in space (Lindegren, Hipparcos catalogue, vol. 1, section 1.5.5).
CREATE OR REPLACE FUNCTION vo_functions.epoch_position(
  ra double precision, "dec" double precision, parallax double precision, pmra double precision,
  pmdec double precision, radial_velocity double precision, ref_epoch double precision, out_epoch double precision)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  years double precision := out_epoch - ref_epoch;
  mas CONSTANT double precision := 4.84813681109536e-09;
  ca double precision := cos(radians(ra)); sa double precision := sin(radians(ra));
  cd double precision := cos(radians("dec")); sd double precision := sin(radians("dec"));
  along double precision; east double precision; north double precision;
  x double precision; y double precision; z double precision;
BEGIN
  IF ra IS NULL OR "dec" IS NULL OR ref_epoch IS NULL OR out_epoch IS NULL THEN
    RAISE EXCEPTION 'ivo_epoch_prop_pos is undefined for values that are NULL' USING ERRCODE = '22023';
  END IF;
  IF (ra + "dec" + years) - (ra + "dec" + years) <> 0 THEN
    RETURN NULL;
  END IF;
  along := coalesce(nullif(radial_velocity, 'NaN') * nullif(parallax, 'NaN'), 0) / 4.740470463533349;
  along := 1 + along * mas * years;
  east := coalesce(nullif(pmra, 'NaN'), 0) * mas * years;
  north := coalesce(nullif(pmdec, 'NaN'), 0) * mas * years;
  x := cd * ca * along - sa * east - sd * ca * north;
  y := cd * sa * along + ca * east - sd * sa * north;
  z := sd * along + cd * north;
  RETURN vo_functions.place(x, y, z);
END
$$;

-- Direction of a vector [deg], as a point.
CREATE OR REPLACE FUNCTION vo_functions.place(x double precision, y double precision, z double precision)
RETURNS double precision[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT ARRAY[
    CASE WHEN vo_functions.degrees(atan2(y, x)) < 0 THEN vo_functions.degrees(atan2(y, x)) + 360 ELSE vo_functions.degrees(atan2(y, x)) END,
    vo_functions.degrees(atan2(z, sqrt(x * x + y * y)))]
$$;

-- Point or circle in another frame; the matrix is given row by row.
CREATE OR REPLACE FUNCTION vo_functions.rotated(shape double precision[], m double precision[])
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  x double precision; y double precision; z double precision;
  a double precision; b double precision; c double precision;
BEGIN
  IF shape[1] IS NULL OR shape[2] IS NULL OR (shape[1] + shape[2]) - (shape[1] + shape[2]) <> 0 THEN
    RETURN NULL;
  END IF;
  x := cos(radians(shape[2])) * cos(radians(shape[1]));
  y := cos(radians(shape[2])) * sin(radians(shape[1]));
  z := sin(radians(shape[2]));
  -- Variables, because a function is written out in place only when its arguments are cheap.
  a := m[1] * x + m[2] * y + m[3] * z;
  b := m[4] * x + m[5] * y + m[6] * z;
  c := m[7] * x + m[8] * y + m[9] * z;
  RETURN vo_functions.place(a, b, c) || shape[3:];
END
$$;

-- Polygon in another frame, corner by corner.
CREATE OR REPLACE FUNCTION vo_functions.rotated_polygon(shape double precision[], m double precision[])
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  corners double precision[] := ARRAY[]::double precision[];
BEGIN
  FOR i IN 1..cardinality(shape) / 2 LOOP
    corners := corners || vo_functions.rotated(ARRAY[shape[2 * i - 1], shape[2 * i]], m);
  END LOOP;
  RETURN corners;
END
$$;

-- ----------------------------------------------------------------------------------------------------------- text

-- A text in lower case, each character by itself: a sigma at the end of a word is no other sigma.
CREATE OR REPLACE FUNCTION vo_functions.lower_case(text_ text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT lower(replace(text_, 'Σ', 'σ') COLLATE "und-x-icu")
$$;

-- What ILIKE compares. Lower case alone tells a sigma from one at the end of a word, and a capital I with a dot from an i.
CREATE OR REPLACE FUNCTION vo_functions.caseless(text_ text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT replace(replace(vo_functions.lower_case(text_), 'ς', 'σ'), U&'i\0307', 'i')
$$;

CREATE OR REPLACE FUNCTION vo_functions.upper_case(text_ text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT upper(text_ COLLATE "und-x-icu")
$$;

-- Text of a timestamp, without the digits beyond microseconds, for a cast; for other texts one that cannot be cast.
CREATE OR REPLACE FUNCTION vo_functions.instant_text(text_ text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN btrim(text_) ~ ('^(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-[0-9]{2}-[0-9]{2}'
                                   '([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?Z?)?$')
              THEN left(btrim(text_), 26)
              WHEN text_ IS NOT NULL THEN 'no timestamp' END
$$;

-- Time in a DALI text; NULL when it is none.
CREATE OR REPLACE FUNCTION vo_functions.time_in(text_ text)
RETURNS timestamp LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RETURN CAST(vo_functions.instant_text(text_) AS timestamp);
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
  RETURN NULL;
END
$$;

-- Number of units in a sexagesimal text of three parts; NULL when it is none. Marks are the letters behind the parts.
CREATE OR REPLACE FUNCTION vo_functions.sexagesimal(text_ text, marks text)
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  parts text[];
BEGIN
  parts := regexp_match(regexp_replace(regexp_replace(text_,
      '^([+-]?[0-9]{2})([0-9]{2})([0-9]{2}([.][0-9]*)?)$', '\1:\2:\3'),
      '^([+-]?[0-9]{1,3})' || left(marks, 1) || '([0-9]{1,2})' || substr(marks, 2, 1) || '([0-9]{1,2}([.][0-9]*)?)'
      || right(marks, 1) || '$', '\1:\2:\3', 'i'),
    '^([+-]?)([0-9]{1,3}):([0-5]?[0-9]):([0-5]?[0-9]([.][0-9]*)?)$');
  RETURN (CASE WHEN parts[1] = '-' THEN -1 ELSE 1 END) * (CAST(parts[2] AS double precision)
    + CAST(parts[3] AS double precision) / 60 + CAST(parts[4] AS double precision) / 3600);
END
$$;

-- Words of a text, with one blank before, between and behind; only ASCII letters have cases here.
CREATE OR REPLACE FUNCTION vo_functions.spaced_words(text_ text)
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT ' ' || translate(text_ COLLATE "C",
    E'ABCDEFGHIJKLMNOPQRSTUVWXYZ\t\n\r\f\v!"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~',
    'abcdefghijklmnopqrstuvwxyz                                     ') || ' '
$$;

CREATE OR REPLACE FUNCTION vo_functions.has_words(haystack text, needle text)
RETURNS integer LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  hay text := vo_functions.spaced_words(haystack);
  word text;
  found_one boolean := false;
BEGIN
  FOREACH word IN ARRAY string_to_array(vo_functions.spaced_words(needle), ' ') LOOP
    IF word <> '' THEN
      IF position(' ' || word || ' ' IN hay) = 0 THEN
        RETURN 0;
      END IF;
      found_one := true;
    END IF;
  END LOOP;
  RETURN CAST(found_one AS integer);
END
$$;

CREATE OR REPLACE FUNCTION vo_functions.hashlist_has(hashlist text, item text)
RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT CAST(hashlist <> '' AND
    lower(item COLLATE "und-x-icu") = ANY (string_to_array(lower(hashlist COLLATE "und-x-icu"), '#')) AS integer)
$$;

-- -------------------------------------------------------------------------------------------------------- numbers

-- Exact remainder of a division, by long division in powers of two: each step is exact.
CREATE OR REPLACE FUNCTION vo_functions.remainder(x double precision, y double precision)
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  rest double precision := abs(x);
  divisor double precision := abs(y);
  step double precision := abs(y);
BEGIN
  IF divisor = 0 OR rest = 'Infinity' THEN
    RETURN NULL;
  ELSIF x = 'NaN' OR y = 'NaN' THEN
    RETURN 'NaN';
  ELSIF rest <= 9007199254740992 AND divisor <= 9007199254740992 AND rest = trunc(rest) AND divisor = trunc(divisor) THEN
    rest := rest::bigint % divisor::bigint;
  ELSIF rest >= divisor THEN
    WHILE rest - step >= step LOOP
      step := step + step;
    END LOOP;
    LOOP
      IF rest >= step THEN
        rest := rest - step;
      END IF;
      EXIT WHEN step <= divisor;
      step := step / 2;
    END LOOP;
  END IF;
  RETURN CASE WHEN x < 0 AND rest > 0 THEN -rest ELSE rest END;
END
$$;

-- A double as a real. The cast fails for what is too small, and 2**-150 is the first that is.
CREATE OR REPLACE FUNCTION vo_functions.narrowed(x double precision)
RETURNS real LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN abs(x) <= 7.006492321624085e-46 THEN CAST(x * 0 AS real) ELSE CAST(x AS real) END
$$;

-- The shortest text of a number, with an exponent from 1e16 on only.
CREATE OR REPLACE FUNCTION vo_functions.real_text(x double precision)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN abs(x) >= 1e15 AND abs(x) < 1e16 THEN CAST(CAST(CAST(x AS text) AS numeric) AS text)
              ELSE CAST(x AS text) END
$$;

CREATE OR REPLACE FUNCTION vo_functions.real_text(x real)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN abs(x) >= 1e6 AND abs(x) < 1e16 THEN CAST(CAST(CAST(x AS text) AS numeric) AS text)
              ELSE CAST(x AS text) END
$$;

-- --------------------------------------------------------------------------------------------------------- matching

-- Whether places are within a radius [deg] that differs from row to row; far_lon and far_lat are looked up in Q3C's
-- index. It is q3c_join but for the limit: that one compares with <, by which 180 degrees lose the antipode. Beyond
-- 45 degrees its ranges are the whole sky. The operator tells the planner how few rows are left. Not PARALLEL SAFE, as
-- q3c_join is not: the planner takes the ranges for large, and would rather scan with several processes.
CREATE OR REPLACE FUNCTION vo_functions.near(
  lon double precision, lat double precision, far_lon double precision, far_lat double precision,
  radius double precision)
RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT (q3c_ang2ipix(far_lon, far_lat)
            BETWEEN q3c_nearby_it(lon, lat, radius, 0) AND q3c_nearby_it(lon, lat, radius, 1)
       OR q3c_ang2ipix(far_lon, far_lat)
            BETWEEN q3c_nearby_it(lon, lat, radius, 2) AND q3c_nearby_it(lon, lat, radius, 3)
       OR q3c_ang2ipix(far_lon, far_lat)
            BETWEEN q3c_nearby_it(lon, lat, radius, 4) AND q3c_nearby_it(lon, lat, radius, 5)
       OR q3c_ang2ipix(far_lon, far_lat)
            BETWEEN q3c_nearby_it(lon, lat, radius, 6) AND q3c_nearby_it(lon, lat, radius, 7))
     AND q3c_sindist(lon, lat, far_lon, far_lat) <= power(sin(radians(radius) / 2), 2) + 1e-15
     AND radius ==<<>>== (lon, lat, far_lon, far_lat)::q3c_type
$$;

-- ------------------------------------------------------------------------------------------------------ histogram

-- Bin of a value: 0 below and for NULL and NaN, n + 1 from the upper end on; NULL when the bins are none.
CREATE OR REPLACE FUNCTION vo_functions.bin_of(
  val double precision, low double precision, high double precision, n integer)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN NOT coalesce(low < high AND high - low < 'Infinity', false) THEN NULL
              WHEN val IS NULL OR val = 'NaN' OR val < low THEN 0
              WHEN val >= high THEN n + 1
              ELSE least(floor((val - low) / (high - low) * n), n - 1)::integer + 1 END
$$;

CREATE OR REPLACE FUNCTION vo_functions.counted(counts integer[], bin integer, n integer)
RETURNS integer[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF counts IS NULL THEN
    counts := array_fill(0, ARRAY[n + 2]);
  END IF;
  IF bin IS NOT NULL THEN
    counts[bin + 1] := counts[bin + 1] + 1;
  END IF;
  RETURN counts;
END
$$;

CREATE OR REPLACE FUNCTION vo_functions.added(one integer[], other integer[])
RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN one IS NULL THEN other WHEN other IS NULL THEN one
              ELSE (SELECT array_agg(a + b ORDER BY at) FROM unnest(one, other) WITH ORDINALITY AS t (a, b, at)) END
$$;

CREATE OR REPLACE AGGREGATE vo_functions.tally(bin integer, n integer) (
  SFUNC = vo_functions.counted, STYPE = integer[], COMBINEFUNC = vo_functions.added, PARALLEL = SAFE
);
