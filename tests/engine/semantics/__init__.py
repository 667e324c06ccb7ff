"""Tests of what values mean: the same answers, bit for bit, from every engine."""
