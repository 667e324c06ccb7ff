"""The values that travel through the house: types, tables, queries, jobs, releases."""
