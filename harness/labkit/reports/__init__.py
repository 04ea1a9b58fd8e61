"""What the sanitizers and Helgrind report, and what the shim's record of locks says, read and put in words."""
