"""The rows of the function table, a module for each family of functions."""
