"""Lab 01: an echo server that serves one client at a time, and its client."""
