"""Tests of the sphere."""
