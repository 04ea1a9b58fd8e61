"""Lab 05: a chat on an authentication server."""
