"""Lab 00: runners who pass a baton on."""
