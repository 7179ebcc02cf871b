"""Pure functions from result objects to figures."""
