-- Shapes on the sphere: polygons and boxes, and texts that are shapes. Names and meanings are those of the macros in
-- vo_server/engine/duckdb/shapes.py, formulas those of vo_server/sky/polygon.py. A polygon is an array of its corners,
-- longitude and latitude in turn [deg]. What is asked of it is asked of its edges, which are computed once when the
-- polygon is a constant: one row of ten numbers for each, both ends, the normal and its length.
-- A function whose type changes gets a new name: CREATE OR REPLACE could not replace it.

-- Unit vector of a position [deg]; NULL for what is no position.
CREATE OR REPLACE FUNCTION vo_functions.vector(lon double precision, lat double precision)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  a double precision; d double precision;
BEGIN
  IF lat - lat <> 0 OR abs(lat) > 90 OR lon - lon <> 0 THEN
    RETURN NULL;
  END IF;
  a := radians(lon - 360 * floor(lon / 360));
  d := radians(lat);
  RETURN ARRAY[cos(d) * cos(a), cos(d) * sin(a), sin(d)];
END
$$;

-- Edges of a polygon, one row of [start, end, normal, length of the normal] each; NULL for what is no polygon.
CREATE OR REPLACE FUNCTION vo_functions.edges(shape double precision[])
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  n integer := cardinality(shape) / 2;
  v double precision[][] := ARRAY[]::double precision[][];
  b double precision[]; c double precision[]; x double precision; y double precision; z double precision;
  nx double precision; ny double precision; nz double precision;
  edges double precision[][] := ARRAY[]::double precision[][];
BEGIN
  IF cardinality(shape) < 6 OR cardinality(shape) % 2 = 1 THEN
    RETURN NULL;
  END IF;
  FOR i IN 1..n LOOP
    c := vo_functions.vector(shape[2 * i - 1], shape[2 * i]);
    IF c IS NULL THEN
      RETURN NULL;
    END IF;
    v := v || ARRAY[c];
  END LOOP;
  FOR i IN 1..n LOOP
    b := ARRAY[v[i][1], v[i][2], v[i][3]];
    c := ARRAY[v[i % n + 1][1], v[i % n + 1][2], v[i % n + 1][3]];
    x := c[1] - b[1]; y := c[2] - b[2]; z := c[3] - b[3];
    nx := b[2] * z - b[3] * y; ny := b[3] * x - b[1] * z; nz := b[1] * y - b[2] * x;
    edges := edges || ARRAY[ARRAY[
      b[1], b[2], b[3], c[1], c[2], c[3], nx, ny, nz, sqrt(nx * nx + ny * ny + nz * nz)]];
  END LOOP;
  RETURN edges;
END
$$;

-- Whether a unit vector points into a polygon, its edges included.
CREATE OR REPLACE FUNCTION vo_functions.in_edges(place double precision[], edges double precision[])
RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  x double precision := place[1]; y double precision := place[2]; z double precision := place[3];
  e double precision[]; sine double precision; cosine double precision; turn double precision := 0;
BEGIN
  FOREACH e SLICE 1 IN ARRAY edges LOOP
    sine := x * e[7] + y * e[8] + z * e[9];
    cosine := (e[1] - x) * (e[4] - x) + (e[2] - y) * (e[5] - y) + (e[3] - z) * (e[6] - z);
    IF abs(sine) <= 2e-15 * e[10] AND cosine <= 2e-15 * e[10] THEN
      RETURN true;
    END IF;
    turn := turn + atan2(sine, cosine);
  END LOOP;
  RETURN abs(turn) > pi();
END
$$;

CREATE OR REPLACE FUNCTION vo_functions.in_polygon(
  lon double precision, lat double precision, edges double precision[])
RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT vo_functions.in_edges(vo_functions.vector(lon, lat), edges)
$$;

-- Angle between two unit vectors [rad].
CREATE OR REPLACE FUNCTION vo_functions.angle(
  x double precision, y double precision, z double precision, a double precision, b double precision, c double precision)
RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT 2 * atan2(sqrt((x - a) * (x - a) + (y - b) * (y - b) + (z - c) * (z - c)),
                   sqrt((x + a) * (x + a) + (y + b) * (y + b) + (z + c) * (z + c)))
$$;

-- Distance of a unit vector from an edge [rad].
CREATE OR REPLACE FUNCTION vo_functions.arc_distance(place double precision[], e double precision[])
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  x double precision := place[1]; y double precision := place[2]; z double precision := place[3];
  past_start double precision; before_end double precision;
BEGIN
  past_start := x * (e[8] * e[3] - e[9] * e[2]) + y * (e[9] * e[1] - e[7] * e[3]) + z * (e[7] * e[2] - e[8] * e[1]);
  before_end := x * (e[5] * e[9] - e[6] * e[8]) + y * (e[6] * e[7] - e[4] * e[9]) + z * (e[4] * e[8] - e[5] * e[7]);
  IF e[10] > 0 AND past_start >= 0 AND before_end >= 0 THEN
    RETURN atan2(abs(x * e[7] + y * e[8] + z * e[9]) / e[10],
                 sqrt(power(past_start / e[10], 2) + power(x * e[1] + y * e[2] + z * e[3], 2)));
  END IF;
  RETURN least(vo_functions.angle(x, y, z, e[1], e[2], e[3]), vo_functions.angle(x, y, z, e[4], e[5], e[6]));
END
$$;

-- Distance of a unit vector from the nearest edge [deg].
CREATE OR REPLACE FUNCTION vo_functions.edge_distance(place double precision[], edges double precision[])
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  e double precision[]; nearest double precision := pi();
BEGIN
  FOREACH e SLICE 1 IN ARRAY edges LOOP
    nearest := least(nearest, vo_functions.arc_distance(place, e));
  END LOOP;
  RETURN vo_functions.degrees(nearest);
END
$$;

-- How deep a position lies in a polygon [deg]: its distance from the nearest edge, negative outside.
CREATE OR REPLACE FUNCTION vo_functions.margin(lon double precision, lat double precision, edges double precision[])
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  place double precision[] := vo_functions.vector(lon, lat);
BEGIN
  IF vo_functions.in_edges(place, edges) THEN
    RETURN vo_functions.edge_distance(place, edges);
  END IF;
  RETURN -vo_functions.edge_distance(place, edges);
END
$$;

-- Distance of the farthest place of a polygon from a position [deg]; seen from the opposite place, the farthest place
-- of an edge is the nearest one.
CREATE OR REPLACE FUNCTION vo_functions.farthest(lon double precision, lat double precision, edges double precision[])
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  place double precision[] := vo_functions.vector(lon, lat);
  opposite double precision[] := ARRAY[-place[1], -place[2], -place[3]];
  e double precision[]; reach double precision := 0;
BEGIN
  IF place IS NULL THEN
    RETURN NULL;
  END IF;
  IF vo_functions.in_edges(opposite, edges) THEN
    RETURN 180;
  END IF;
  FOREACH e SLICE 1 IN ARRAY edges LOOP
    reach := greatest(reach, pi() - vo_functions.arc_distance(opposite, e));
  END LOOP;
  RETURN vo_functions.degrees(reach);
END
$$;

-- Area to the left of the edges, within (-2 pi, 2 pi] [sr]: negative for clockwise corners.
CREATE OR REPLACE FUNCTION vo_functions.signed_area(edges double precision[])
RETURNS double precision LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  ax double precision := edges[1][1]; ay double precision := edges[1][2]; az double precision := edges[1][3];
  e double precision[]; s double precision := 0;
BEGIN
  FOREACH e SLICE 1 IN ARRAY edges LOOP
    s := s + 2 * atan2(
      ax * ((e[2] - ay) * (e[6] - az) - (e[3] - az) * (e[5] - ay))
      + ay * ((e[3] - az) * (e[4] - ax) - (e[1] - ax) * (e[6] - az))
      + az * ((e[1] - ax) * (e[5] - ay) - (e[2] - ay) * (e[4] - ax)),
      1 + (e[1] * ax + e[2] * ay + e[3] * az) + (e[4] * ax + e[5] * ay + e[6] * az)
      + (e[1] * e[4] + e[2] * e[5] + e[3] * e[6]));
  END LOOP;
  RETURN s - 4 * pi() * ceil((s - 2 * pi()) / (4 * pi()));
END
$$;

CREATE OR REPLACE FUNCTION vo_functions.polygon_area(edges double precision[])
RETURNS double precision LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT abs(vo_functions.signed_area(edges)) * power(vo_functions.degrees(1), 2)
$$;

-- Centre of mass of the area of a polygon [deg], as a point; a polygon of small edges is taken for a flat one.
CREATE OR REPLACE FUNCTION vo_functions.polygon_centroid(edges double precision[])
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  e double precision[]; weight double precision; longest double precision := 0; total double precision := 0;
  ax double precision := edges[1][1]; ay double precision := edges[1][2]; az double precision := edges[1][3];
  ux double precision; uy double precision; uz double precision;
  wx double precision; wy double precision; wz double precision;
  x double precision := 0; y double precision := 0; z double precision := 0;
  is_centre boolean;
BEGIN
  FOREACH e SLICE 1 IN ARRAY edges LOOP
    longest := greatest(longest, e[10]);
  END LOOP;
  FOREACH e SLICE 1 IN ARRAY edges LOOP
    IF longest < 1e-4 THEN
      ux := e[1] - ax; uy := e[2] - ay; uz := e[3] - az;
      wx := e[4] - ax; wy := e[5] - ay; wz := e[6] - az;
      weight := (uy * wz - uz * wy) * ax + (uz * wx - ux * wz) * ay + (ux * wy - uy * wx) * az;
      total := total + weight;
      x := x + weight * (ux + wx); y := y + weight * (uy + wy); z := z + weight * (uz + wz);
    ELSE
      weight := CASE WHEN e[10] > 0 THEN atan2(e[10], e[1] * e[4] + e[2] * e[5] + e[3] * e[6]) / e[10] ELSE 0 END;
      x := x + weight * e[7]; y := y + weight * e[8]; z := z + weight * e[9];
    END IF;
  END LOOP;
  IF longest < 1e-4 THEN
    is_centre := abs(total) > 2e-15 * longest;
    IF is_centre THEN
      x := ax + x / 3 / total; y := ay + y / 3 / total; z := az + z / 3 / total;
    END IF;
  ELSE
    is_centre := x * x + y * y + z * z > power(2e-15, 2);
    IF vo_functions.signed_area(edges) < 0 THEN
      x := -x; y := -y; z := -z;
    END IF;
  END IF;
  IF is_centre THEN
    RETURN vo_functions.place(x, y, z);
  END IF;
  x := 0; y := 0; z := 0;
  FOREACH e SLICE 1 IN ARRAY edges LOOP
    x := x + e[1]; y := y + e[2]; z := z + e[3];
  END LOOP;
  RETURN vo_functions.place(x, y, z);
END
$$;

-- A circle around a polygon: longitude and latitude of its centroid, and the distance of the farthest corner [deg].
CREATE OR REPLACE FUNCTION vo_functions.bounding_circle(edges double precision[])
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  centre double precision[] := vo_functions.polygon_centroid(edges);
BEGIN
  RETURN centre || vo_functions.farthest(centre[1], centre[2], edges);
END
$$;

-- A box of PostgreSQL's own around a circle (three numbers) or a polygon, in longitude and latitude [deg]. The longitude
-- begins in [0, 360) and goes on past 360; a shape that holds a pole, or comes within 1e-5 deg of it, has all of them.
-- What is no shape gets the whole sphere, so that a filter by boxes never decides about it.
-- Indexes of tables are made of this function: another meaning needs another name.
CREATE OR REPLACE FUNCTION vo_functions.bounds(shape double precision[])
RETURNS box LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  margin CONSTANT double precision := 1e-5;
  everything CONSTANT box := box(point(0, -90), point(360, 90));
  edges double precision[]; reach double precision; low double precision; high double precision;
  first double precision; last double precision; here double precision; step double precision;
  n integer := cardinality(shape) / 2;
BEGIN
  IF cardinality(shape) = 3 THEN
    reach := shape[3] + margin;
    IF shape[1] - shape[1] <> 0 OR NOT (abs(shape[2]) <= 90 AND reach >= 0 AND reach <= 180) THEN
      RETURN everything;
    END IF;
    low := shape[2] - reach;
    high := shape[2] + reach;
    first := 0;
    last := 360;
    IF low > -90 AND high < 90 THEN
      step := vo_functions.degrees(asin(least(1, sin(radians(reach)) / cos(radians(shape[2]))))) + margin;
      first := shape[1] - step;
      last := shape[1] + step;
    END IF;
  ELSE
    edges := vo_functions.edges(shape);
    IF edges IS NULL THEN
      RETURN everything;
    END IF;
    -- On its way to the nearer pole a place inside meets an edge, unless the pole is inside as well.
    low := vo_functions.edge_distance(ARRAY[0, 0, -1], edges) - 90 - margin;
    high := 90 - vo_functions.edge_distance(ARRAY[0, 0, 1], edges) + margin;
    IF vo_functions.in_edges(ARRAY[0, 0, -1], edges) THEN
      low := -90;
    END IF;
    IF vo_functions.in_edges(ARRAY[0, 0, 1], edges) THEN
      high := 90;
    END IF;
    here := shape[1];
    first := here;
    last := here;
    FOR i IN 1..n LOOP
      step := shape[2 * (i % n) + 1] - shape[2 * i - 1];
      step := step - 360 * round(step / 360);
      -- Half a turn: an edge near a pole, or corners that are opposite each other.
      IF abs(step) > 179 THEN
        last := first + 360;
      END IF;
      here := here + step;
      first := least(first, here);
      last := greatest(last, here);
    END LOOP;
    first := first - margin;
    last := last + margin;
    IF low <= -90 OR high >= 90 THEN
      first := 0;
      last := 360;
    END IF;
  END IF;
  IF last - first >= 360 THEN
    first := 0;
    last := 360;
  END IF;
  step := 360 * floor(first / 360);
  RETURN box(point(first - step, greatest(low, -90)), point(last - step, least(high, 90)));
END
$$;

-- The same box, so many degrees of longitude further.
CREATE OR REPLACE FUNCTION vo_functions.shifted(bounds box, lon double precision)
RETURNS box LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT bounds + point(lon, 0)
$$;

-- Whether an edge of one polygon goes through an edge of another one.
CREATE OR REPLACE FUNCTION vo_functions.edges_cross(one double precision[], other double precision[])
RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  e double precision[]; f double precision[];
  b double precision; c double precision; g double precision; h double precision;
BEGIN
  FOREACH e SLICE 1 IN ARRAY one LOOP
    FOREACH f SLICE 1 IN ARRAY other LOOP
      b := e[1] * f[7] + e[2] * f[8] + e[3] * f[9];
      c := e[4] * f[7] + e[5] * f[8] + e[6] * f[9];
      IF (b < -2e-15 * f[10] AND c > 2e-15 * f[10]) OR (b > 2e-15 * f[10] AND c < -2e-15 * f[10]) THEN
        g := f[1] * e[7] + f[2] * e[8] + f[3] * e[9];
        h := f[4] * e[7] + f[5] * e[8] + f[6] * e[9];
        IF (b < 0 AND g > 2e-15 * e[10] AND h < -2e-15 * e[10])
          OR (b > 0 AND g < -2e-15 * e[10] AND h > 2e-15 * e[10]) THEN
          RETURN true;
        END IF;
      END IF;
    END LOOP;
  END LOOP;
  RETURN false;
END
$$;

-- Whether two polygons have a place in common.
CREATE OR REPLACE FUNCTION vo_functions.polygons_meet(one double precision[], other double precision[])
RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  e double precision[];
BEGIN
  FOREACH e SLICE 1 IN ARRAY one LOOP
    IF vo_functions.in_edges(e[1:3], other) THEN
      RETURN true;
    END IF;
  END LOOP;
  FOREACH e SLICE 1 IN ARRAY other LOOP
    IF vo_functions.in_edges(e[1:3], one) THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN vo_functions.edges_cross(one, other);
END
$$;

-- Whether every place of one polygon lies in another one.
CREATE OR REPLACE FUNCTION vo_functions.polygon_within(one double precision[], other double precision[])
RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  e double precision[]; n double precision;
  x double precision; y double precision; z double precision;
BEGIN
  FOREACH e SLICE 1 IN ARRAY one LOOP
    x := e[1] + e[4]; y := e[2] + e[5]; z := e[3] + e[6];
    n := sqrt(x * x + y * y + z * z);
    IF NOT vo_functions.in_edges(e[1:3], other) OR NOT vo_functions.in_edges(ARRAY[x / n, y / n, z / n], other) THEN
      RETURN false;
    END IF;
  END LOOP;
  IF vo_functions.edges_cross(one, other) THEN
    RETURN false;
  END IF;
  FOREACH e SLICE 1 IN ARRAY other LOOP
    IF vo_functions.in_edges(e[1:3], one) AND vo_functions.edge_distance(e[1:3], one) > vo_functions.degrees(2e-15) THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END
$$;

-- Box around a position: great circles perpendicular to the ends of its arms (ADQL 2.1, section 4.2.9).
CREATE OR REPLACE FUNCTION vo_functions.box_corner(
  lon double precision, lat double precision, half double precision, tilt double precision)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  up double precision := cos(tilt) * cos(half); east double precision := cos(tilt) * sin(half);
  north double precision := sin(tilt);
BEGIN
  RETURN vo_functions.place(
    up * cos(lat) * cos(lon) - east * sin(lon) - north * sin(lat) * cos(lon),
    up * cos(lat) * sin(lon) + east * cos(lon) - north * sin(lat) * sin(lon),
    up * sin(lat) + north * cos(lat));
END
$$;

CREATE OR REPLACE FUNCTION vo_functions.box(
  lon double precision, lat double precision, width double precision, height double precision)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  a double precision; d double precision; half double precision; tilt double precision;
BEGIN
  IF NOT (width > 0 AND width < 180 AND height > 0 AND height < 180) OR lat - lat <> 0 OR abs(lat) > 90
    OR lon - lon <> 0 THEN
    RETURN NULL;
  END IF;
  a := radians(lon); d := radians(lat);
  half := radians(width) / 2;
  tilt := atan(cos(half) * tan(radians(height) / 2));
  RETURN vo_functions.box_corner(a, d, -half, -tilt) || vo_functions.box_corner(a, d, half, -tilt)
    || vo_functions.box_corner(a, d, half, tilt) || vo_functions.box_corner(a, d, -half, tilt);
END
$$;

-- A shape as text: its numbers with blanks between them (DALI 1.1, section 3.3).
CREATE OR REPLACE FUNCTION vo_functions.shape_text(shape double precision[])
RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT string_agg(vo_functions.real_text(x), ' ' ORDER BY at) FROM unnest(shape) WITH ORDINALITY AS s(x, at)
$$;

-- The numbers of a point (n is 2), a circle (3) or a polygon (0) that is written as a text (DALI 1.1, section 3.3).
CREATE OR REPLACE FUNCTION vo_functions.shape_of(text_ text, n integer)
RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  words text[] := regexp_split_to_array(regexp_replace(text_, '^\s+|\s+$', '', 'g'), '\s+');
  word text; s double precision[] := ARRAY[]::double precision[];
BEGIN
  FOREACH word IN ARRAY words LOOP
    IF word !~ '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$' THEN
      RAISE EXCEPTION 'a text that is cast to a shape must be numbers with blanks between them' USING ERRCODE = '22P02';
    END IF;
    s := s || word::double precision;
  END LOOP;
  IF (n > 0 AND cardinality(s) <> n) OR (n = 0 AND (cardinality(s) < 6 OR cardinality(s) % 2 = 1)) THEN
    RAISE EXCEPTION 'a text that is cast to a shape has the wrong count of numbers' USING ERRCODE = '22P02';
  END IF;
  FOR i IN 1..cardinality(s) LOOP
    IF n = 3 AND i = 3 THEN
      IF s[3] < 0 OR s[3] > 180 THEN
        RAISE EXCEPTION 'a text that is cast to a shape has an angle out of range' USING ERRCODE = '22003';
      END IF;
    ELSIF i % 2 = 1 THEN
      s[i] := s[i] - 360 * floor(s[i] / 360);
    ELSIF abs(s[i]) > 90 THEN
      RAISE EXCEPTION 'a text that is cast to a shape has an angle out of range' USING ERRCODE = '22003';
    END IF;
  END LOOP;
  RETURN s;
END
$$;
