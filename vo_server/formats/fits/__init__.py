"""FITS binary tables (FITS 4.0, section 7.3): survey the rows, choose a form for each column, write header and rows."""
