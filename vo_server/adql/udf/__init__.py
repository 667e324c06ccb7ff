"""User-defined functions, one module per family."""
