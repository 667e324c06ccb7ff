"""How fast files are loaded, beside what the databases can do alone."""
