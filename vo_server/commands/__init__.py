"""Commands of `vo-server`, one module each, imported when called."""
