"""Lab 06, step 6: Clear the identification file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from checks.lab_06_control_server import console as consoles
from checks.lab_06_control_server.console import Console, enter, names
from checks.lab_06_control_server.shared import await_all, crowd, say, strangers, told
from labkit.scene import manners
from labkit.scene.checking import (
    Client,
    Scene,
    Shim,
    Talk,
    _,
    exchange,
    expect,
    judge,
    require,
    seeded,
    step,
    written,
)

SALTED = re.compile(r"\$y\$[./0-9A-Za-z]+\$[./0-9A-Za-z]+\$[./0-9A-Za-z]{43}")


@step(6, "names", "files")
def test_identification_file(scene: Scene) -> None:
    """The identification file holds NAME:HASH lines that only its owner may read, and no password."""
    console = consoles.start(scene, "-u", "who.txt")
    enter(console, "alice", "имя")
    path = console.program.here / "who.txt"
    users = console.users("who.txt")
    expect(["alice", "имя"], sorted(users), _("names in the identification file"), "users-disagree")
    expect("600", f"{path.stat().st_mode & 0o777:o}", _("the file's mode"), "readable-by-others")
    for hash_ in users.values():
        require(
            SALTED.fullmatch(hash_),
            _("a hash of crypt(3)'s yescrypt"),
            expected="$y$…$SALT$HASH",
            got=hash_,
            cause="wrong-hash",
        )
    expect(
        False, b"pass-" in written.content(path), _("whether a password stands in it"), "wrong-hash"
    )


def agree(
    console: Console, online: Sequence[str], known: Sequence[str], gone: Sequence[str]
) -> None:
    """File and memory must agree: known names can log in and gone ones cannot, now and after a restart."""
    expect(
        " ".join(sorted(known)),
        " ".join(sorted(console.users())),
        _("names in the identification file"),
        "users-disagree",
    )
    expect(len(known), console.status().users, _("users that `status` counts"), "users-disagree")
    can_log_in(console, [name for name in known if name not in online], gone)
    console.shut_down()
    later = consoles.start(console.program.scene, here=console.program.here)
    expect(len(known), later.status().users, _("users after a restart"), "users-disagree")
    can_log_in(later, known, [*gone])


def can_log_in(console: Console, known: Sequence[str], gone: Sequence[str]) -> None:
    """Each of the known names can log in; none of those that are gone."""
    answers = {name: f"OK welcome back {name}\n".encode() for name in known}
    answers |= {name: b"ERR denied\n" for name in gone}
    deadline = console.program.deadline(5.0)
    while answers:  # that somebody has left may take a moment to be noticed
        late = try_to_log_in(console, answers, deadline.passed)
        answers = {name: answers[name] for name in late}


def try_to_log_in(console: Console, answers: dict[str, bytes], last: bool) -> list[str]:
    """All names try to log in at once; returns those that the server says are online, unless it is the last time."""
    who = list(answers)
    talks = exchange(
        console.server.crowd(len(who)),
        lambda i: f"LOGIN {who[i]} pass-{who[i]}\n".encode(),
        console.program.deadline(10.0),
        lambda i: answers[who[i]],
    )
    late = []
    for name, one in zip(who, talks):
        one.client.close()
        if not last and one.got and b"ERR already-online\n".startswith(bytes(one.got)[:18]):
            late.append(name)
            continue
        require(
            one.right,
            _("whether {name} can log in").format(name=name),
            expected=one.expected,
            got=bytes(one.got) or one.error,
            cause="users-disagree",
        )
    return late


@step(6, "clear-users")
def test_clear_users(scene: Scene) -> None:
    """`clear users` empties the file: logins are refused afterwards, and users who are logged in stay."""
    console = consoles.start(scene)
    alice, bob = enter(console, "alice", "bob")
    bob.close()
    console.logged(f"client {bob.address} disconnected")
    console.ask(b"clear users")
    expect({}, console.users(), _("what stands in the identification file"), "users-disagree")
    expect(0, console.status().users, _("users that `status` counts"), "users-disagree")
    guest = console.server.connect()
    told(guest, b"LOGIN bob pass-bob", b"ERR denied", "users-disagree")
    told(alice, b"SAY hello", b"ECHO hello", "thrown-out-by-clearing")
    (carol,) = enter(console, "carol")
    agree(console, ["carol"], ["carol"], ["bob"])


@step(6, "still-online", "clear-users")
def test_a_name_still_online(scene: Scene) -> None:
    """After `clear users` a name that is online cannot be registered elsewhere until it leaves."""
    console = consoles.start(scene)
    (alice,) = enter(console, "alice")
    console.ask(b"clear users")
    other = console.server.connect()
    for _time in range(2):
        told(other, b"REGISTER alice pass-alice", b"ERR already-online", "name-reused")
        say(alice)
    expect({}, console.users(), _("what stands in the identification file"), "users-disagree")
    alice.send(b"LOGIN alice pass-alice\n")
    alice.expect(b"ERR already-online\n")
    alice.close()
    console.logged(f"client {alice.address} disconnected")
    answer = b"ERR already-online\n"
    deadline = console.program.deadline(3.0)
    while answer == b"ERR already-online\n" and not deadline.passed:
        other.send(b"REGISTER alice pass-alice\n")
        answer = other.receive_line()
    expect(
        b"OK welcome alice\n", answer, _("the name of somebody who has left"), "name-stays-online"
    )
    agree(console, ["alice"], ["alice"], [])


@step(6, "fifty")
def test_registrations_at_once(scene: Scene) -> None:
    """Of 50 users who register at once the server loses none: file and memory have them all."""
    for shim in (Shim(), *seeded(scene.seed, 1)):
        console = consoles.start(scene, shim=shim)
        crowd(console, 50)
        known = names("u", 50)
        in_file = " ".join(sorted(console.users()))
        what = _("names in the identification file")
        expect(" ".join(sorted(known)), in_file, what, "lost-registration")
        agree(console, known, known, ["nobody"])


def tally(talks: Sequence[Talk]) -> str:
    """How often each answer came, a line each."""
    counts = Counter(bytes(one.got).decode(errors="replace").strip() for one in talks)
    return "\n".join(f"{n}  {answer}" for answer, n in sorted(counts.items()))


@step(6, "fifty")
def test_one_name_for_fifty(scene: Scene) -> None:
    """Of 50 registrations of one name at once exactly one succeeds; the server tells the others that it is taken."""
    console = consoles.start(scene, "-c", "5")
    clients = console.server.crowd(50)
    judge(strangers(console, clients), cause="lost-client")
    taken = b"ERR name-taken\n"
    talks = [Talk(client, b"", bytearray(), taken) for client in clients]
    with manners.held(console.program):  # so that all is there at once
        for client in clients:
            client.send(b"REGISTER same pass-same\n")
    await_all(console, talks)
    welcomed = [one for one in talks if bytes(one.got).startswith(b"OK welcome ")]
    others = [one for one in talks if not one.right and one not in welcomed]
    require(
        len(welcomed) == 1 and not others,
        _("the answers to {n} registrations of one name").format(n=50),
        expected="49  ERR name-taken\n1  OK welcome same",
        got=tally(talks),
        cause="name-twice",
    )
    agree(console, ["same"], ["same"], ["nobody"])


@step(6, "names", "protocol")
def test_one_login_for_fifty(scene: Scene) -> None:
    """Of 50 logins with one name at once exactly one succeeds; the server tells the others that it is online already."""
    console = consoles.start(scene, shim=Shim(seed=scene.seed, percent=100, max_us=10_000))
    # Where two are let in, it is the first two: so several times a few, after the fifty.
    for name, count in zip(names("same", 13), (50, *[6] * 12)):
        one_login_for(console, name, count)


def one_login_for(console: Console, name: str, count: int) -> None:
    """A new user leaves, and so many log in with the name at once."""
    (first,) = enter(console, name)
    first.close()
    console.logged(f"client {first.address} disconnected")
    console.program.eventually(lambda: console.status().clients == 0, 3.0)
    clients = console.server.crowd(count)
    judge(strangers(console, clients), cause="lost-client")
    with manners.held(console.program):  # so that all is there at once
        for client in clients:
            client.send(f"LOGIN {name} pass-{name}\n".encode())
    online = b"ERR already-online\n"
    talks = await_all(console, [Talk(client, b"", bytearray(), online) for client in clients])
    welcomed = [one for one in talks if bytes(one.got).startswith(b"OK welcome ")]
    others = [one for one in talks if not one.right and one not in welcomed]
    require(
        len(welcomed) == 1 and not others,
        _("the answers to {n} logins with one name").format(n=count),
        expected=f"{count - 1}  ERR already-online\n1  OK welcome back {name}",
        got=tally(talks),
        cause="online-twice",
    )
    for client in clients:
        client.close()


@step(6, "file-and-memory", "clear-users")
def test_login_while_clearing(scene: Scene) -> None:
    """Whose password is still being checked when `clear users` is answered is refused."""
    console = consoles.start(scene, "-c", "8")
    program = console.program
    for name in names("u", 3):  # on a busy machine the moment may be missed
        before = program.cpu_seconds()
        enter(console, name)[0].close()
        console.program.eventually(lambda: console.status().clients == 0, 3.0)
        hash_ = program.cpu_seconds() - before
        client = console.server.connect()
        before = program.cpu_seconds()
        client.send(f"LOGIN {name} pass-{name}\n".encode())
        program.eventually(lambda: program.cpu_seconds() - before > hash_ / 4, 5.0)
        console.ask(b"clear users")
        in_time = program.cpu_seconds() - before < hash_ * 0.75
        answer = client.receive_line()
        if in_time:
            what = _("the answer to LOGIN, after the users were cleared")
            expect(b"ERR denied\n", answer, what, "users-disagree")
            break
        client.close()


CLEARINGS_OF_USERS, AT_ONCE = 14, 2


@step(6, "file-and-memory")
def test_registrations_while_clearing(scene: Scene) -> None:
    """While users register, the file is cleared: each is in file and memory, or in neither."""
    held_up = Shim(percent=100, max_us=4000)
    shims = [Shim(), *(replace(held_up, seed=scene.seed + run) for run in range(2))]
    consoles_ = [consoles.start(scene, shim=shim) for shim in shims]
    clients = [console.server.crowd(CLEARINGS_OF_USERS * AT_ONCE) for console in consoles_]
    who = names("u", CLEARINGS_OF_USERS * AT_ONCE)
    for first in range(0, len(who), AT_ONCE):
        batch = range(first, first + AT_ONCE)
        before = [meet(console, mine, who, batch) for console, mine in zip(consoles_, clients)]
        for console, mine, began in zip(consoles_, clients, before):
            for index in batch:
                mine[index].expect(f"OK welcome {who[index]}\n".encode())
            console.answer(began, b"clear users")
            what = _("users that `status` counts, and names in the identification file")
            expect(len(console.users()), console.status().users, what, "users-disagree")
    for console, mine in zip(consoles_, clients):
        for client in mine:
            client.close()
        file = console.users()
        agree(console, [], list(file), [name for name in who if name not in file])


def meet(console: Console, clients: Sequence[Client], who: Sequence[str], batch: range) -> int:
    """Some register while `clear users` is typed; returns where in stdout its answer will stand."""
    console.program.type(b"clear users")
    console.program.eventually(lambda: console.program.state() == "S", 1.0)
    before = len(console.program.stdout.taken())
    for index in batch:
        clients[index].send(f"REGISTER {who[index]} pass-{who[index]}\n".encode())
    console.program.type(b"\n")
    return before
