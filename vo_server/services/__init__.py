"""What the service does, without HTTP: queries, jobs, metadata."""
