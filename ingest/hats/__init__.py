"""HATS: a catalogue as a folder of Parquet files by HEALPix pixel, which LSDB, astropy and Spark read."""
