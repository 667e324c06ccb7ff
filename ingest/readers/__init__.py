"""Files in: one reader per format, each giving what the file says of its columns and a stream of Arrow batches."""
