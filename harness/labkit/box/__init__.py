"""A program in its sandbox: namespaces, limits, network, process, and what the shim has written of it."""
