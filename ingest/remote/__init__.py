"""Files at URLs: found, read and checked for the operator's commands, and for nobody else."""
