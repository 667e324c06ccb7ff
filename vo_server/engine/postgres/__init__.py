"""PostgreSQL with Q3C."""
