"""Run the command line as ``python -m vo_server``."""

from vo_server.cli import main

main()
