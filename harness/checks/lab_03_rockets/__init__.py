"""Lab 03: ten thousand rockets, one after another, each in a thread, and as objects."""
