"""A Virtual Observatory TAP server for catalogues with machine-learning value-added columns."""

__version__ = "0.1.0"
