"""Lab 04: a TCP port scanner, in parallel, in order, with a progress bar."""
