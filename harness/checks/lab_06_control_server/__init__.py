"""Lab 06: an authenticating echo server that is commanded from its stdin."""
