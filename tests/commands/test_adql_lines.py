"""``vo-server adql check --strict --no-catalogue --jsonl``: the door of conformance suites."""

from __future__ import annotations

import json
import subprocess
import sys
from random import Random
from typing import Any

from tests.adql.sentences import Sentence, written
from tests.adql.test_cases import cases

N_LINES = 2_000


def answers(lines: list[str], *, expected_status: int) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "vo_server", "adql", "check", "--strict", "--no-catalogue", "--jsonl", "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (expected_status, "")
    # split("\n"), because answers may hold other characters that end lines
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]]


def test_two_thousand_mixed_lines_are_answered_in_order_with_exactly_the_promised_keys() -> None:
    valid, invalid = cases("valid"), cases("invalid")
    rng = Random(20)
    texts = []
    for i in range(N_LINES):
        kind = i % 3
        sentence = Sentence(rng, is_open=True, depth=2)
        texts.append(written(sentence.query(), rng) if kind == 0 else rng.choice(valid if kind == 1 else invalid))
    found = answers([json.dumps({"adql": text}) for text in texts], expected_status=2)
    assert len(found) == N_LINES
    for i, (text, answer) in enumerate(zip(texts, found, strict=True)):
        assert answer["ok"] is (i % 3 != 2), text
        assert {"ok", "error", "line", "column", "ms"} <= set(answer)
        assert isinstance(answer["ms"], float)
        if answer["ok"]:
            assert (answer["error"], answer["line"], answer["column"]) == (None, None, None)
        else:
            assert isinstance(answer["error"], str)
            assert 1 <= answer["line"] <= text.count("\n") + 1
            assert 1 <= answer["column"] <= len(text) + 1


def test_odd_lines_are_answered_one_by_one_and_stop_nothing() -> None:
    good = json.dumps({"adql": "SELECT a FROM t"})
    odd = [
        "no json",
        "{",
        "[]",
        "3",
        "null",
        '"SELECT a FROM t"',
        "{}",
        '{"ADQL": "SELECT a FROM t"}',
        '{"adql": null}',
        '{"adql": 3}',
        '{"adql": ["SELECT a FROM t"]}',
        '{"adql": ""}',
        '{"adql": "  \\n "}',
        '{"adql": "\\u0000"}',
        '{"adql": "SELECT \\ud800 FROM t"}',
        '{"adql": "SELECT \'\\ud800\' FROM"}',
        '{"adql": "SELECT \\u2028 FROM t"}',
        json.dumps({"adql": "SELECT " + "(" * 100_000}),
        json.dumps({"adql": "x" * 2_000_000}),
        '{"adql": ' + "[" * 100_000,
        '{"adql": "SELECT a FROM t", "adql": "SELECT"}',
        "\ufeff{}",
        "NaN",
        '{"adql": ' + "9" * 10_000 + "}",
    ]
    lines = [good]
    for line in odd:
        lines += [line, good]
    found = answers(lines, expected_status=2)
    assert [one["ok"] for one in found] == [True] + [False, True] * len(odd)
    assert all(isinstance(one["error"], str) and len(one["error"]) < 500 for one in found if not one["ok"])


def test_what_a_line_has_beside_the_query_is_ignored_and_blank_lines_are_skipped() -> None:
    found = answers(
        ["", '{"id": 7, "adql": "SELECT a\\r\\nFROM t -- the end", "expect": true}', "   ", "\t"], expected_status=0
    )
    assert [one["ok"] for one in found] == [True]
