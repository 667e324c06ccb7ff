# ruff: noqa: RUF001 - typographic characters are the mistakes
"""Wrong queries, one per kind of mistake, with everything that is said about the first of its problems.

Words and hint must be enough for an astronomer to mend the query. The place is
marked by » and «.
"""

from __future__ import annotations

import pytest

from tests.adql.samples import CATALOGUE
from vo_server.adql.front import compile_query
from vo_server.errors import AdqlError

TAUGHT: list[tuple[str, str, str | None]] = [
    (
        "SELECT »FROM« sky.stars",
        "expected a column or value after SELECT, found FROM",
        "name the columns, or write * for all of them",
    ),
    ("SELECT ra, »FROM« sky.stars", "expected a column or value after ',', found FROM", "remove the comma before FROM"),
    (
        "SELECT ra dec »mag« FROM sky.stars",
        "expected a comma or FROM after 'dec', found 'mag'",
        "is a comma or an operator missing before 'mag'?",
    ),
    (
        "SELECT ra FORM »sky«.stars",
        "expected a comma or FROM after 'FORM', found 'sky'",
        "did you mean FROM instead of FORM?",
    ),
    ("»SELCT« ra FROM sky.stars", "a query begins with SELECT or WITH, not with 'SELCT'", "did you mean SELECT?"),
    ("SELECT ra FROM sky.stars WHER »ra« = 1", "unexpected 'ra' after 'WHER'", "did you mean WHERE instead of WHER?"),
    (
        "SELECT ra FROM sky.stars WHERE»«",
        "expected a condition after WHERE, found the end of the query",
        "the query stops in the middle",
    ),
    ("SELECT ra FROM sky.stars GROUP »ra«", "expected BY after GROUP, found 'ra'", "write GROUP BY ra"),
    ("SELECT ra FROM sky.stars ORDER »ra«", "expected BY after ORDER, found 'ra'", "write ORDER BY ra"),
    (
        "SELECT ra FROM sky.stars ORDER BY ra »WHERE« ra = 1",
        "unexpected WHERE after 'ra'",
        "the order is SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, OFFSET",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra = 1 »FROM« sky.matches",
        "unexpected FROM after '1'",
        "the order is SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, OFFSET",
    ),
    (
        "SELECT ra »WHERE« ra > 1",
        "expected a comma or FROM after 'ra', found WHERE",
        "FROM and the tables come before this",
    ),
    (
        "SELECT ra FROM sky.stars HAVING ra > 1 »GROUP« BY ra",
        "unexpected GROUP after '1'",
        "the order is SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, OFFSET",
    ),
    ("»DROP« TABLE sky.stars", "DROP is not possible: only SELECT statements can be run", "the service is read-only"),
    (
        "»UPDATE« sky.stars SET ra = 1",
        "UPDATE is not possible: only SELECT statements can be run",
        "the service is read-only",
    ),
    (
        "»EXPLAIN« SELECT ra FROM sky.stars",
        "EXPLAIN is not possible: only SELECT statements can be run",
        "the service is read-only",
    ),
    ("»FROM« sky.stars SELECT ra", "a query begins with SELECT or WITH, not with FROM", None),
    (
        "SELECT ra FROM sky.stars; »SELECT« dec FROM sky.stars",
        "a second statement: only one query can be run at a time",
        "send the queries one by one",
    ),
    ("SELECT ra FROM sky.stars;»;«", "more than one semicolon at the end", "remove it"),
    ("SELECT ra FROM sky.stars WHERE name = »‘«x’", "a typographic quote ‘", "write straight quotes: ' instead of ‘"),
    ("SELECT »“«ra” FROM sky.stars", "a typographic quote “", 'write straight quotes: " instead of “'),
    ("SELECT ra FROM sky.stars WHERE dec > »–«28", "a typographic dash –", "write the minus sign -"),
    (
        "SELECT CIRCLE(53.1, »--28.1, 1.0) FROM sky.stars«",
        "-- starts a comment, so the rest of the line is not read, and the query stops after ','",
        "write -28.1, or -(-28.1) for the opposite of a negative number",
    ),
    (
        "SELECT - »-«28.1 FROM sky.stars",
        "expected a column or value after '-', found '-'",
        "a value has at most one sign; use parentheses: -(-x)",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra =»=« 1",
        "expected a column or value after '=', found '='",
        "write = instead of ==",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra =»<« 1",
        "expected a column or value after '=', found '<'",
        "write <= instead of =<",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra =»>« 1",
        "expected a column or value after '=', found '>'",
        "write >= instead of =>",
    ),
    ("SELECT ra FROM sky.stars WHERE ra = 1 »&&« dec = 2", "&& is no operator", "conditions are joined by AND"),
    (
        "SELECT ra FROM sky.stars WHERE ra = 1 »|« dec = 2",
        "the character '|' has no meaning here",
        "conditions are joined by OR, strings by ||; for bits use a function of the service",
    ),
    (
        "SELECT size »&« 4 FROM sky.stars",
        "the character '&' has no meaning here",
        "conditions are joined by AND; for bits use a function of the service",
    ),
    ("SELECT ra »^« 2 FROM sky.stars", "the character '^' has no meaning here", "use POWER(x, y)"),
    (
        "SELECT ra FROM sky.stars WHERE »(«ra = 1",
        "this parenthesis is still open where the query ends (line 1, column 39)",
        "add the missing )",
    ),
    (
        "SELECT COUNT»(«* FROM sky.stars",
        "this parenthesis is still open where FROM follows (line 1, column 16)",
        "add the missing )",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra = 1»)«",
        "a closing parenthesis without an opening one",
        "remove it, or open one before",
    ),
    (
        "SELECT ra FROM sky.stars JOIN sky.matches»«",
        "expected ON or USING after 'matches', found the end of the query",
        "a JOIN needs ON condition, USING (columns), or NATURAL before it",
    ),
    (
        "SELECT ra FROM sky.stars LEFT JOIN sky.matches »WHERE« ra > 1",
        "expected ON or USING after 'matches', found WHERE",
        "a JOIN needs ON condition, USING (columns), or NATURAL before it",
    ),
    (
        "SELECT ra FROM sky.stars NATURAL JOIN sky.matches »ON« 1 = 1",
        "unexpected ON after 'matches'",
        "a JOIN takes one ON or one USING; NATURAL and CROSS JOIN take neither",
    ),
    ("SELECT ra FROM sky.stars JOIN sky.matches USING »id«", "expected ( after USING, found 'id'", "write USING (id)"),
    (
        "SELECT ra FROM sky.stars »OUTER« JOIN sky.matches USING (id)",
        "unexpected OUTER after 'stars'",
        "write LEFT, RIGHT or FULL before OUTER JOIN",
    ),
    (
        "SELECT ra FROM sky.stars JOIN »ON« ra = 1",
        "expected a table after JOIN, found ON",
        "name a table between JOIN and ON",
    ),
    (
        "SELECT TOP »-«5 ra FROM sky.stars",
        "expected an unsigned integer after TOP, found '-'",
        "TOP takes an unsigned integer, such as TOP 10",
    ),
    (
        "SELECT TOP »2.5« ra FROM sky.stars",
        "expected an unsigned integer after TOP, found '2.5'",
        "TOP takes an unsigned integer, such as TOP 10",
    ),
    (
        "SELECT TOP 5»,« ra FROM sky.stars",
        "expected a column or value after '5', found ','",
        "there is no comma after TOP 5",
    ),
    (
        "SELECT ra »TOP« 5 FROM sky.stars",
        "expected a comma or FROM after 'ra', found TOP",
        "TOP stands after SELECT and DISTINCT, before the columns: SELECT DISTINCT TOP 10 ...",
    ),
    (
        "SELECT TOP 5 »DISTINCT« ra FROM sky.stars",
        "expected a column or value after '5', found DISTINCT",
        "write SELECT DISTINCT TOP 5 ...",
    ),
    (
        "SELECT ra FROM sky.stars LIMIT »-«1",
        "unexpected '-' after 'LIMIT'",
        "write SELECT TOP n ... to limit the number of rows",
    ),
    (
        "SELECT ra FROM sky.stars LIMIT 5»,« 10",
        "unexpected ',' after '5'",
        "write SELECT TOP n ... OFFSET m, with n rows after m",
    ),
    (
        "SELECT ra FROM sky.stars OFFSET »-«1",
        "expected an unsigned integer after OFFSET, found '-'",
        "OFFSET takes an unsigned integer, such as OFFSET 10",
    ),
    ("»SELECT TOP 5 ra FROM sky.stars LIMIT 10«", "TOP and LIMIT in one query", "write SELECT TOP n ... alone"),
    (
        "SELECT ra FROM sky.stars »FETCH« FIRST 5 ROWS ONLY",
        "unexpected 'FETCH' after 'stars'",
        "write SELECT TOP n ... to limit the number of rows",
    ),
    (
        "SELECT »2mass« FROM sky.stars",
        "'2mass' runs together: a number and what follows it need a separator",
        'write 2 mass, or "2mass" if it is a name',
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra=»1or« dec=2",
        "'1or' runs together: a number and what follows it need a separator",
        "write 1 or",
    ),
    ("SELECT »0xFF« FROM sky.stars", "hexadecimal numbers are not part of ADQL", "write 255"),
    ("SELECT »1.2.3« FROM sky.stars", "'1.2.3' runs together: a number and what follows it need a separator", None),
    ("SELECT »_ra« FROM sky.stars", "the name _ra begins with an underscore", 'write "_ra"'),
    (
        "SELECT »Täff« FROM sky.stars",
        "the name Täff holds a character that only a quoted name may hold",
        'write "Täff"',
    ),
    (
        "SELECT »ra$1« FROM sky.stars",
        "the name ra$1 holds a character that only a quoted name may hold",
        'write "ra$1"',
    ),
    (
        "SELECT »`«ra` FROM sky.stars",
        "the character '`' has no meaning here",
        'names that need quotes are written "like this"',
    ),
    (
        "SELECT »[«ra] FROM sky.stars",
        "expected a column or value after SELECT, found '['",
        'names that need quotes are written "like this"',
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra = »:«value",
        "the character ':' has no meaning here",
        "there are no parameters; write the value itself",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra = »{«value}",
        "the character '{' has no meaning here",
        "there are no parameters; write the value itself",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra = »?«",
        "the character '?' has no meaning here",
        "there are no parameters; write the value itself",
    ),
    (
        "SELECT ra »>« 3 FROM sky.stars",
        "expected a comma or FROM after 'ra', found '>'",
        "a condition cannot be selected; write CASE WHEN condition THEN 1 ELSE 0 END",
    ),
    (
        "SELECT ra FROM sky.stars WHERE 1 < ra »<« 3",
        "unexpected '<' after 'ra'",
        "comparisons do not chain: write a < b AND b < c",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra BETWEEN 1»,« 2",
        "expected AND after '1', found ','",
        "write BETWEEN low AND high",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra BETWEEN 1 »TO« 2",
        "expected AND after '1', found 'TO'",
        "write BETWEEN low AND high",
    ),
    ("SELECT ra FROM sky.stars WHERE ra IN »1«, 2", "expected ( after IN, found '1'", "write IN (1, ...)"),
    (
        "SELECT ra FROM sky.stars WHERE ra IN (»)«",
        "expected a value or a subquery after '(', found ')'",
        "put at least one value into the list",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra IN (1, 2,»)«",
        "expected a column or value after ',', found ')'",
        "remove the comma before )",
    ),
    (
        "SELECT ra FROM sky.stars WHERE is_variable IS »TRUE«",
        "expected NULL after IS, found TRUE",
        "write = 1 or = 0; IS is for NULL only",
    ),
    (
        "SELECT ra FROM sky.stars WHERE name = »NOT« NULL",
        "expected a column or value after '=', found NOT",
        "write IS NOT NULL, or NOT before the comparison",
    ),
    ("SELECT ra FROM sky.stars WHERE name »ISNULL«", "unexpected 'ISNULL' after 'name'", "write IS NULL"),
    (
        "SELECT ra FROM sky.stars WHERE name NOT »NULL«",
        "expected BETWEEN, IN or LIKE after NOT, found NULL",
        "write IS NOT NULL",
    ),
    (
        "SELECT ra FROM sky.stars WHERE name LIKE 'x' »ESCAPE« '!'",
        "unexpected 'ESCAPE' after 'x'",
        "LIKE has no ESCAPE in ADQL; % and _ always stand for characters",
    ),
    (
        "SELECT ra FROM sky.stars WHERE name »REGEXP« 'x'",
        "unexpected 'REGEXP' after 'name'",
        "ADQL has LIKE, with % and _",
    ),
    (
        "SELECT ra FROM sky.stars WHERE name »SIMILAR« TO 'x'",
        "unexpected 'SIMILAR' after 'name'",
        "ADQL has LIKE, with % and _",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra = 1 AND»«",
        "expected a condition after AND, found the end of the query",
        "the query stops in the middle",
    ),
    (
        "SELECT ra FROM sky.stars WHERE »AND« ra = 1",
        "expected a condition after WHERE, found AND",
        "write a condition before AND, or remove it",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra = 1 »dec« = 2",
        "unexpected 'dec' after '1'",
        "is AND or OR missing before dec?",
    ),
    (
        "SELECT ra FROM sky.stars WHERE ra > »ALL« (SELECT z FROM quasars)",
        "expected a column or value after '>', found ALL",
        "ADQL has no ANY, SOME or ALL; use IN, EXISTS, or MIN and MAX in the subquery",
    ),
    (
        "SELECT RANK() OVER »(«ORDER BY ra) FROM sky.stars",
        "expected a comma or FROM after 'OVER', found '('",
        "ADQL has no window functions; join with a subquery that groups",
    ),
    ("SELECT ra»::«INTEGER FROM sky.stars", "expected a comma or FROM after 'ra', found '::'", "write CAST(x AS type)"),
    (
        "SELECT CAST(ra AS »FLOAT«) FROM sky.stars",
        "expected a type after AS, found 'FLOAT'",
        "write REAL or DOUBLE PRECISION",
    ),
    ("SELECT CAST(ra AS »text«) FROM sky.stars", "expected a type after AS, found 'text'", "write VARCHAR"),
    (
        "SELECT CAST(ra»,« INTEGER) FROM sky.stars",
        "expected AS or an operator after 'ra', found ','",
        "write CAST(x AS type)",
    ),
    ("SELECT CAST(name AS »VARCHAR(0)«) FROM sky.stars", "VARCHAR(0) has no room for anything", None),
    (
        "SELECT TIMESTAMP »'2015-01-01'« FROM sky.stars",
        "expected a comma or FROM after 'TIMESTAMP', found '2015-01-01'",
        "write CAST('2015-01-01T00:00:00' AS TIMESTAMP)",
    ),
    (
        "SELECT ra FROM sky.stars WHERE observed > DATE »'2015-01-01'«",
        "unexpected '2015-01-01' after 'DATE'",
        "write CAST('2015-01-01' AS TIMESTAMP)",
    ),
    (
        "SELECT »EXTRACT«(YEAR FROM observed) FROM sky.stars",
        "expected a column or value after SELECT, found 'EXTRACT'",
        "ADQL has no EXTRACT; compare timestamps with CAST('...' AS TIMESTAMP)",
    ),
    (
        "SELECT »SUBSTRING«(name, 1) FROM sky.stars",
        "expected a column or value after SELECT, found 'SUBSTRING'",
        "ADQL has no SUBSTRING; compare with LIKE",
    ),
    (
        "SELECT COUNT(DISTINCT »*«) FROM sky.stars",
        "expected a column or value after DISTINCT, found '*'",
        "COUNT(DISTINCT *) does not exist; name a column",
    ),
    (
        "SELECT COUNT(»)« FROM sky.stars",
        "expected a column or value after '(', found ')'",
        "write COUNT(*), or COUNT(x) for values that are not NULL",
    ),
    ("SELECT »SUM(*)« FROM sky.stars", "SUM(*) does not exist", "only COUNT takes *; name a column"),
    (
        "SELECT ra FROM »group«",
        "expected a table after FROM, found GROUP",
        'group is a reserved word; as a name it is written "group"',
    ),
    (
        "SELECT ra AS »select« FROM sky.stars",
        "expected a name after AS, found SELECT",
        'select is a reserved word; as a name it is written "select"',
    ),
    (
        "SELECT ra AS »'x'« FROM sky.stars",
        "expected a name after AS, found 'x'",
        "names are written as they are, or in double quotes; single quotes are for strings",
    ),
    (
        "SELECT top »FROM« sky.stars",
        "expected an unsigned integer after TOP, found FROM",
        'top is a reserved word; as a name it is written "top"',
    ),
    (
        "SELECT ra FROM »'sky.stars'«",
        "expected a table after FROM, found 'sky.stars'",
        "names are written as they are, or in double quotes; single quotes are for strings",
    ),
    (
        "SELECT ra FROM sky.stars WHERE name = »'«x",
        "a string that is never closed",
        "a quote inside a string is doubled: 'it''s'",
    ),
    (
        "SELECT ra FROM sky.stars WHERE name = 'it's»'«",
        "a string that is never closed",
        "a quote inside a string is doubled: 'it''s'",
    ),
    ('SELECT »"«ra FROM sky.stars', "a name in double quotes that is never closed", 'a " inside a name is doubled'),
    (
        "SELECT 'a' »'b'« FROM sky.stars",
        "expected a comma or FROM after 'a', found 'b'",
        "strings are joined by ||; a quote inside a string is doubled: 'it''s'",
    ),
    ("SELECT ra »/*« all */ FROM sky.stars", "a comment /* */", "comments are written -- to the end of the line"),
    (
        "SELECT ra FROM »SELECT« ra FROM sky.stars",
        "expected a table after FROM, found SELECT",
        "a subquery has parentheses of its own: (SELECT ...)",
    ),
    ("SELECT z FROM »(SELECT z FROM quasars)«", "a subquery in FROM needs a name", "write (SELECT ...) AS name"),
    (
        "SELECT ra FROM sky.stars WHERE EXISTS »sky«.matches",
        "expected ( after EXISTS, found 'sky'",
        "write EXISTS (SELECT ...)",
    ),
    (
        "SELECT z FROM quasars UNION»«",
        "expected SELECT or ( after UNION, found the end of the query",
        "write a SELECT after UNION",
    ),
    (
        "SELECT z FROM quasars ORDER BY z »UNION« SELECT z FROM quasars",
        "unexpected UNION after 'z'",
        "put a SELECT with ORDER BY or OFFSET into parentheses",
    ),
    ("SELECT z FROM quasars MINUS »SELECT« z FROM quasars", "unexpected SELECT after 'MINUS'", "write EXCEPT"),
    (
        "WITH x AS »SELECT« z FROM quasars SELECT z FROM x",
        "expected ( after AS, found SELECT",
        "put the SELECT of a common table into parentheses",
    ),
    (
        "WITH x »(«a) AS (SELECT z FROM quasars) SELECT a FROM x",
        "expected AS after 'x', found '('",
        "name the columns inside: x AS (SELECT z AS a ...)",
    ),
    (
        "SELECT ra FROM sky.stars ORDER BY ra »NULLS« LAST",
        "unexpected 'NULLS' after 'ra'",
        "ADQL has no NULLS FIRST or LAST; leave NULLs out with IS NOT NULL",
    ),
    ("SELECT ra FROM sky.stars ORDER BY ra »DESCENDING«", "unexpected 'DESCENDING' after 'ra'", "write DESC"),
    (
        "SELECT ra »INTO« mine FROM sky.stars",
        "expected a comma or FROM after 'ra', found 'INTO'",
        "results cannot be written to a table; ask for an asynchronous job",
    ),
    (
        "SELECT ra FROM sky.».«stars",
        "expected a name after '.', found '.'",
        "write one point; tables are called schema.table",
    ),
    (
        "SELECT CASE WHEN ra > 1 THEN 1 ELSE 2 »FROM« sky.stars",
        "expected END or an operator after '2', found FROM",
        "a CASE ends with END",
    ),
    ("SELECT »rra« FROM sky.stars", "no column rra in sky.stars", "did you mean ra?"),
    (
        "SELECT »m.ra« FROM sky.stars AS s, sky.matches AS m",
        "no column ra in sky.matches (m)",
        "s (sky.stars) has a column ra",
    ),
    ("SELECT »sizes« FROM sky.stars", "no column sizes in sky.stars", 'did you mean "size"?'),
    (
        'SELECT ra FROM sky.stars WHERE name = »"Vega"«',
        'no column "Vega" in sky.stars',
        "double quotes are for names; strings are written in single quotes",
    ),
    (
        "SELECT -mag AS m FROM sky.stars WHERE »m« > 3",
        "no column m in sky.stars",
        "m is the name of an output column; repeat -mag here",
    ),
    (
        'SELECT »"RA"« FROM sky.stars',
        'no column "RA" in sky.stars',
        'a name in quotes is compared with its case; write ra or "ra"',
    ),
    ("SELECT »z« FROM sky.stars", "no column z in sky.stars", "z is a column of deep.quasars"),
    ("SELECT ra FROM »sky.starz«", "unknown table 'sky.starz'", "did you mean sky.stars?"),
    ("SELECT ra FROM »deep.matches«", "unknown table 'deep.matches'", "did you mean sky.matches?"),
    ("SELECT z FROM »quasar«", "unknown table 'quasar'", "did you mean quasars?"),
    ("SELECT z FROM »nowhere.at_all«", "unknown table 'nowhere.at_all'", "the tables are listed in TAP_SCHEMA.tables"),
    ("SELECT z FROM »archive.deep.quasars«", "unknown catalogue 'archive'", "write deep.quasars"),
    ("SELECT »x.ra« FROM sky.stars AS s", "unknown table or alias 'x'", "the tables of this query are s"),
    ("SELECT »stars.ra« FROM sky.stars AS s", "unknown table or alias 'stars'", "the table sky.stars is called s here"),
    ("SELECT »LN(mag)« FROM sky.stars", "unknown function 'LN'", "LOG is the natural logarithm in ADQL"),
    (
        "SELECT »pg_sleep(10)« FROM sky.stars",
        "unknown function 'pg_sleep'",
        "the functions are listed in the capabilities of the service",
    ),
    ("SELECT »SQRTT(mag)« FROM sky.stars", "unknown function 'SQRTT'", "did you mean SQRT?"),
    (
        "SELECT z FROM quasars ORDER BY »2«",
        "there is no output column 2: the query has 1",
        "positions count the output columns from 1; a name or an expression will do as well",
    ),
    (
        "SELECT z FROM quasars UNION SELECT z FROM quasars ORDER BY »id«",
        "ORDER BY after a set operation takes names and positions of output columns",
        "name the column in the first SELECT, or order by its position",
    ),
    ("SELECT mags[»4«] FROM sky.stars", "there is no element 4: they are counted from 1 to 3", None),
    ("SELECT mags[»u«] FROM sky.stars", "there is no element named 'u'", "the elements are g, r, i"),
    (
        "SELECT dist FROM sky.stars JOIN sky.matches USING (»ra«)",
        "USING: the right side of the join has no column ra",
        "USING takes columns that both sides have; for others write ON a.x = b.y",
    ),
    ("SELECT »id« FROM sky.stars, sky.matches", "the column id is ambiguous: stars.id, matches.id", "write stars.id"),
    ("SELECT ra FROM »stars«", "the table stars is ambiguous: sky.stars, deep.stars", "write sky.stars"),
    (
        "SELECT »a« FROM quasars",
        "the column a is ambiguous: quasars.A, quasars.a",
        'write "A" or "a"; in quotes, case matters',
    ),
    ("SELECT 1 FROM quasars, »quasars«", "two tables are called quasars", "give each its own name with AS"),
    (
        "SELECT s.id, m.id FROM sky.stars s, sky.matches m ORDER BY »id«",
        "two output columns are called id",
        "name them with AS, or write the table before the name",
    ),
    (
        "SELECT »name« + 1 FROM sky.stars",
        "the operator + needs numbers; name is a string",
        "strings are joined by ||; numbers are written without quotes",
    ),
    ("SELECT name || »mag« FROM sky.stars", "|| joins strings; mag is a number", "write CAST(mag AS VARCHAR)"),
    (
        "SELECT ra FROM sky.stars WHERE »name = 1«",
        "cannot compare a string with a number",
        "write numbers without quotes, or CAST one of them",
    ),
    (
        "SELECT ra FROM sky.stars WHERE »mag > 'bright'«",
        "cannot compare a number with a string",
        "write numbers without quotes, or CAST one of them",
    ),
    (
        "SELECT ra FROM sky.stars WHERE »position = 1«",
        "cannot compare a point with a number",
        "use CONTAINS, INTERSECTS or DISTANCE",
    ),
    (
        "SELECT ra FROM sky.stars WHERE »mags = 1«",
        "cannot compare an array with a number",
        "compare an element, such as a[1]",
    ),
    (
        "SELECT ra FROM sky.stars WHERE »observed > 'soon'«",
        "cannot compare a timestamp with a string",
        "write CAST('2015-01-01T00:00:00' AS TIMESTAMP)",
    ),
    (
        "SELECT ra FROM sky.stars WHERE »mag« LIKE 'x'",
        "LIKE compares strings; this is a number",
        "compare it with =, < or BETWEEN, or write CAST(mag AS VARCHAR)",
    ),
    ("SELECT ra FROM sky.stars WHERE »name«", "a string is no condition", "compare it with something"),
    (
        "SELECT SQRT(»name«) FROM sky.stars",
        "SQRT takes a number for x; name is a string",
        "write CAST(name AS DOUBLE PRECISION)",
    ),
    (
        "SELECT SQRT(»mags«) FROM sky.stars",
        "SQRT takes a number for x; mags is an array",
        "take an element, such as mags[1]",
    ),
    (
        "SELECT SQRT(»position«) FROM sky.stars",
        "SQRT takes a number for x; position is a point",
        "COORD1(position) and COORD2(position) are its longitude and latitude",
    ),
    ("SELECT LOWER(»mag«) FROM sky.stars", "LOWER takes a string for s; mag is a number", "write CAST(mag AS VARCHAR)"),
    (
        "SELECT ROUND(mag, »size«) FROM sky.stars",
        "ROUND takes a literal integer for n; size is a number",
        "write the value itself, such as 2; it cannot be calculated",
    ),
    (
        "SELECT CONTAINS(»1«, CIRCLE(1, 2, 3)) FROM sky.stars",
        "CONTAINS takes a geometry for inner; 1 is a number",
        "write POINT(ra, dec), for example",
    ),
    (
        "SELECT DISTANCE(»CIRCLE(1, 2, 3)«, position) FROM sky.stars",
        "DISTANCE takes a point for from; CIRCLE(1, 2, 3) is a circle",
        "CENTROID(CIRCLE(1, 2, 3)) is its centre",
    ),
    (
        "SELECT POINT(1, »91«) FROM sky.stars",
        "the latitude 91 is outside -90 to 90 degrees",
        "angles are in degrees, longitude before latitude",
    ),
    (
        "SELECT CIRCLE(1, 2, »-1«) FROM sky.stars",
        "the radius -1 is outside 0 to 180 degrees",
        "angles are in degrees, longitude before latitude",
    ),
    (
        "SELECT »POLYGON(1, 2, 3, 4, 5, 6, 7)« FROM sky.stars",
        "POLYGON takes 2 arguments (lon3, lat3) at a time; 7 given leave some over",
        "write POLYGON(lon1, lat1, lon2, lat2, lon3, lat3, ...)",
    ),
    (
        "SELECT POINT(»'GALACTIC'«, 1, 2) FROM sky.stars",
        "the coordinate system 'GALACTIC' is not supported",
        "positions are ICRS, in degrees; leave the argument out",
    ),
    ("SELECT »COALESCE(name, 1)« FROM sky.stars", "COALESCE mixes a string and a number", "CAST them to one type"),
    (
        "SELECT »CAST(position AS INTEGER)« FROM sky.stars",
        "a point cannot be cast to INTEGER",
        "COORD1 and COORD2 give the longitude and latitude of a point",
    ),
    (
        "SELECT »CAST(mag AS TIMESTAMP)« FROM sky.stars",
        "a number cannot be cast to TIMESTAMP",
        "TIMESTAMP can be made from a string",
    ),
    ("SELECT »mag«[1] FROM sky.stars", "only arrays have elements; this is a number", "remove what stands in [ ]"),
    (
        "SELECT »CASE WHEN ra > 1 THEN 1 ELSE 'x' END« FROM sky.stars",
        "the results of CASE are a number and a string",
        "CAST them to one type",
    ),
    ("SELECT ra FROM sky.stars WHERE »MAX(mag)« > 1", "MAX cannot stand in WHERE", "put the condition into HAVING"),
    ("SELECT MAX(»AVG(mag)«) FROM sky.stars", "AVG cannot stand inside another set function", "use a subquery in FROM"),
    (
        "SELECT MAX(»position«) FROM sky.stars",
        "MAX needs values with an order, not a point",
        "COORD1 and COORD2 of a point, or an element of an array, have one",
    ),
    (
        "SELECT COUNT(*), »ra« FROM sky.stars",
        "the column ra stands beside a set function, but the query has no GROUP BY",
        "add ra to GROUP BY, or use MIN(ra) or another set function",
    ),
    (
        "SELECT name, »mag« FROM sky.stars GROUP BY name",
        "the column mag is neither in GROUP BY nor inside a set function",
        "add mag to GROUP BY, or use MIN(mag) or another set function",
    ),
    (
        "SELECT »z« FROM quasars GROUP BY 1",
        "the column z is neither in GROUP BY nor inside a set function",
        "add z to GROUP BY, or use MIN(z) or another set function",
    ),
    (
        "SELECT DISTINCT z FROM quasars ORDER BY »id«",
        "with SELECT DISTINCT, rows can be ordered by selected columns only",
        "add it to the select list",
    ),
    (
        "SELECT z FROM quasars UNION »SELECT name FROM sky.stars«",
        "column 1 is a number on one side and a string on the other",
        "CAST them to one type",
    ),
    (
        "SELECT z FROM quasars UNION »SELECT id, z FROM quasars«",
        "the operands of a set operation have 1 and 2 columns",
        "select the same number of columns on both sides",
    ),
    ("SELECT »LOG()« FROM sky.stars", "LOG takes 1 argument, 0 given", "write LOG(x)"),
    (
        "SELECT »POINT(1, 2, 3, 4)« FROM sky.stars",
        "POINT takes 2 or 3 arguments, 4 given",
        "write POINT(lon, lat) or POINT(coosys, lon, lat)",
    ),
    (
        "SELECT ra FROM sky.stars WHERE id IN (»SELECT id, z FROM quasars«)",
        "a subquery after IN must have one column, not 2",
        "select one column; for several use EXISTS with a condition for each",
    ),
]


@pytest.mark.parametrize(("marked", "message", "hint"), TAUGHT, ids=[case[0] for case in TAUGHT])
def test_a_mistake_is_told_in_exactly_these_words(marked: str, message: str, hint: str | None) -> None:
    text = marked.replace("»", "").replace("«", "")
    with pytest.raises(AdqlError) as caught:
        compile_query(text, CATALOGUE)
    problem = caught.value.problems[0]
    assert (problem.message, problem.hint) == (message, hint)
    assert (problem.span.start, problem.span.end) == (marked.index("»"), marked.index("«") - 1)
    assert (problem.span.line, problem.span.column) == (1, problem.span.start + 1)


def test_the_kinds_of_mistakes_are_many_and_nearly_all_have_a_hint() -> None:
    assert len(TAUGHT) >= 120
    assert sum(hint is None for _, _, hint in TAUGHT) <= 5
