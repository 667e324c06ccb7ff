"""The ADQL front end: text in, resolved tree or a helpful error out."""
