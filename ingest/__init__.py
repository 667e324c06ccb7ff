"""Bring survey files into a vo-server: read, convert, check, stage, publish."""
