"""Documents of the Virtual Observatory, one module per kind."""
