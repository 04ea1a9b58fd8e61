"""Labs 05 and 06 speak a protocol of lines: nc, telnet and socat are clients, as the handouts say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from labkit.ground.catalog import Lab, find
from stage import Stage

PATIENCE = 60  # seconds, on a busy machine
CLIENTS = {
    "nc": "nc {address} {port}",
    "telnet": "telnet {address} {port}",  # ends its lines with CR LF
    "socat": "socat - TCP:{address}:{port}",
}
# lab: its server, what comes after a connect, what a message becomes
LABS = {
    "05": ("chat_server", "OK chat ready", "OK"),
    "06": ("control_server", None, "ECHO by hand"),
}


@pytest.fixture(scope="module", params=LABS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The built reference of a lab."""
    return Stage.build(find(request.param), tmp_path_factory.mktemp("stage"))


@contextmanager
def serving(lab: Lab, stage: Stage, home: Path) -> Iterator[tuple[str, str]]:
    """The lab's server runs; yields where it listens."""
    program = stage.home / "build/bin" / lab.name / LABS[lab.number][0]
    server = pexpect.spawn(str(program), ["-p", "0", "-c", "1"], cwd=str(home), timeout=PATIENCE)
    try:
        server.expect(r"listening on ([\d.]+):(\d+)")
        yield server.match[1].decode(), server.match[2].decode()
    finally:
        server.close(force=True)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_person_talks(client: str, stage: Stage, tmp_path: Path) -> None:
    """A person who types on a terminal registers, says something, and leaves."""
    (built,) = (stage.home / "build/bin").iterdir()
    lab = find(built.name)
    _server, greeting, answer = LABS[lab.number]
    with serving(lab, stage, tmp_path) as (address, port):
        command = CLIENTS[client].format(address=address, port=port)
        person = pexpect.spawn(command, timeout=PATIENCE, encoding="utf-8")
        try:
            if greeting:
                person.expect_exact(greeting)
            person.sendline("REGISTER ann secret")
            person.expect(r"OK welcome ann\b")
            person.sendline("SAY by hand")
            person.expect(rf"\n{answer}\r?\n")
            person.sendline("QUIT")
            person.expect_exact("OK bye")
            person.sendeof()  # nc goes on as long as the terminal does
            person.expect(pexpect.EOF)
        finally:
            person.close(force=True)
