"""Serves build/site on this machine's loopback, until Ctrl-C: serve.py DIRECTORY PORT."""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Quiet(SimpleHTTPRequestHandler):
    """A handler that does not tell of each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def main(directory: str, port: str) -> int:
    """Exit status: 0 stopped by Ctrl-C, 1 the port can't be had."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), partial(Quiet, directory=directory))
    except (OSError, ValueError, OverflowError) as error:
        print(f"port {port}: {error}", file=sys.stderr)
        return 1
    print(f"http://127.0.0.1:{server.server_port}/   Ctrl-C", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
