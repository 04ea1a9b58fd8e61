"""Lab 04, step 1: Ask for the host."""

from __future__ import annotations

from checks.lab_04_scanner.shared import (
    HOST,
    SCANNER,
    SUMMARY,
    finished,
    lasting,
    open_ports,
    scan,
    summary,
)
from labkit.scene import starting, usage
from labkit.scene.checking import Running, Scene, _, expect, require, step


@step(1, "no-warning")
def test_compiles_without_a_warning(scene: Scene) -> None:
    """The program compiles without a warning, with gcc and with clang."""
    starting.compiles_cleanly(scene, SCANNER)


def asked(running: Running) -> None:
    """The scan must have asked for a host, on stderr."""
    running.eventually(lambda: bool(running.stderr.taken() or running.stdout.taken()), 2.0)
    spoke, said = running.stderr.taken(), running.stdout.text()
    running.eventually(lambda: False, 0.05)  # an error that ends it is no question
    require(
        spoke and not said and running.running,
        _("without HOST it must ask for one, on stderr"),
        expected=_("a prompt on stderr, and nothing on stdout"),
        got=f"stderr: {running.stderr.text()}\nstdout: {said}",
        cause="prompt-on-stdout" if said else "not-asked",
    )


@step(1, "asks", "summary")
def test_asks_for_the_host(scene: Scene) -> None:
    """Without HOST the scanner asks for one; the answer comes from stdin, an empty one means localhost."""
    for typed, host in (
        (b"127.0.0.2\n", "127.0.0.2"),
        (b"::1\n", "::1"),
        (b"\n", "localhost"),
        (b"", "localhost"),
    ):
        running = scene.start(SCANNER, "-p", "1-3", stdin="pipe")
        asked(running)
        if typed:
            running.type(typed)
        running.end_input()
        with lasting("wrong-host"):
            finished(running, 4.0, "wrong-host")
        open_ports(running.stdout.text())
        expect(host, summary(running)[2], _("the host that was scanned"), "wrong-host")


@step(1, "asks")
def test_asks_at_a_keyboard(scene: Scene) -> None:
    """At a keyboard a line is the whole answer, and Ctrl-D alone means localhost."""
    for typed, host in ((b"127.0.0.2\n", "127.0.0.2"), (b"\x04", "localhost")):
        running = scene.start(SCANNER, "-p", "1-3", stdin="terminal")
        asked(running)
        running.type(typed)
        with lasting("wrong-host"):
            finished(running, 4.0, "wrong-host")
        expect(host, summary(running)[2], _("the host that was scanned"), "wrong-host")


@step(1, "hosts", "summary")
def test_names_and_addresses(scene: Scene) -> None:
    """HOST is a name or an address, IPv4 or IPv6; the summary repeats it, and says which address that is."""
    for host, addresses in (
        ("127.0.0.2", ["127.0.0.2"]),
        *((address, [address]) for address in scene.network().ipv6),
        ("localhost", ["127.0.0.1", "::1"]),
    ):
        running = scan(scene, "-p", "1-3", host=host, cause="wrong-host")
        match = summary(running)
        require(
            match[2] == host and match[3] in addresses,
            _("the summary names the host and its address"),
            expected=f"{host} ({' / '.join(addresses)})",
            got=match[0],
            cause="wrong-host",
        )


@step(1, "unknown-name")
def test_unknown_name(scene: Scene) -> None:
    """An unknown name is an error: a message, exit status 1."""
    running = scene.start(SCANNER, "-p", "1-3", "x" * 70)
    ended = running.run_to_end(10.0)
    said = running.stderr.text()
    require(
        ended.status == 1 and said and not SUMMARY.search(said),
        _("a host that does not exist must be an error"),
        expected=_("exit status 1 and the reason on stderr"),
        got=f"{ended}\n{said}",
        cause="wrong-exit-status",
    )


@step(1, "arguments", "usage")
def test_refuses_wrong_arguments(scene: Scene) -> None:
    """Wrong arguments are refused with status 2, and -h shows the usage."""
    ports = [
        "0",
        "65536",
        "80x",
        "",
        "x",
        "1-",
        "1-65536",
        "0-5",
        "1-2-3",
        "1-2x",
        "10-5",
        "9" * 20,
    ]
    threads = ["0", "4x", "", "-1"]  # how much more it takes is its own affair
    timeouts = ["0", "5s", "", "-1"]
    cases = [["-p", text, HOST] for text in ports]
    cases += [["-t", text, HOST] for text in threads]
    cases += [["-w", text, HOST] for text in timeouts]
    usage.refuses(scene, SCANNER, cases + [[HOST, "surplus"], ["-Z", HOST], ["-p"]])
    usage.shows_usage(scene, SCANNER)
