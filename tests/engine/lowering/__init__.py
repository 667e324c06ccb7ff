"""Tests of how queries become SQL."""
