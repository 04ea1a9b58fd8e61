"""Lab 02: the echo server with a thread for each client."""
