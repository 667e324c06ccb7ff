"""Writers of results and readers of tables."""
