"""Databases that hold releases and answer queries, behind one Protocol."""
