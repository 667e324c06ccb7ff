"""Readers that turn bytes into Arrow batches; shared by ingest and by uploads."""
