"""The server's own tables: what is published, jobs, results."""
