"""Somebody at a terminal, in which the chat's client runs: what is typed, and what the screen shows."""

from __future__ import annotations

from collections.abc import Callable
from termios import ECHO, ICANON, ISIG, OPOST

from checks.lab_05_chat.chat import Chat, User
from checks.lab_05_chat.passwords import PASSWORD
from labkit.ground.faults import Silent
from labkit.ground.words import _
from labkit.scene.checking import Scene, expect, require
from labkit.scene.running import Running
from labkit.scene.scene import ROOMY
from labkit.wire.terminal import shown

PROGRAM = "chat_client"
COLUMNS = 60


class Person:
    """Somebody who sits at a terminal with the chat's client in it."""

    def __init__(self, scene: Scene, port: int, name: str, network: str = ROOMY) -> None:
        self.name = name
        words = ("-p", str(port), name)
        self.client: Running = scene.start(
            PROGRAM,
            *words,
            terminals="stdin stdout stderr",
            columns=COLUMNS,
            env={"TERM": "linux"},
            network=network,
        )
        self.client.may_end = True

    @classmethod
    def of(cls, chat: Chat, name: str) -> Person:
        """Somebody whose client connects to a chat's server."""
        program = chat.server.program
        return cls(program.scene, chat.server.port, name, program.network)

    @property
    def seen(self) -> bytes:
        """All that has come to the screen."""
        return self.client.stdout.taken()

    @property
    def screen(self) -> list[str]:
        """What stands on the screen; the last line is the cursor's, up to it."""
        return shown(self.seen, COLUMNS, cursor=True)

    def echo(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(self.client.terminal_settings()[3] & ECHO)

    def sees(self, wanted: Callable[[list[str]], bool], seconds: float = 3.0) -> bool:
        """Wait until the screen is as wanted."""
        return self.client.eventually(lambda: wanted(self.screen), seconds)

    def sees_line(self, line: str, times: int = 1, cause: str = "not-shown") -> None:
        """Wait until a line stands on the screen so many times; Silent if it does not come."""
        if not self.sees(lambda screen: screen.count(line) >= times):
            raise Silent(
                _("a line does not come to {user}'s screen as it should").format(user=self.name),
                expected=line,
                got="\n".join(self.screen),
                cause=cause,
            )

    def gives_password(self, password: bytes = PASSWORD) -> None:
        """Wait until the client asks for the password, and type it."""
        asked = self.client.eventually(lambda: bool(self.seen) and not self.echo(), 3.0)
        require(
            asked,
            _(
                "the client must ask for the password, and the terminal must not show what is typed then"
            ),
            expected=_("a prompt, and the terminal's echo off"),
            got=self.seen or _("no prompt"),
            cause="password-shown",
        )
        self.client.type(password + b"\r")

    def comes(self, witness: User, password: bytes = PASSWORD) -> None:
        """Give the password and be let in."""
        self.gives_password(password)
        require(
            witness.told(b"JOIN " + self.name.encode()),
            _("{user} gives the right password, and is not logged in").format(user=self.name),
            expected=b"JOIN " + self.name.encode(),
            got="\n".join(self.screen),
            cause="client-login",
        )

    def ends(self, status: int | None, cause: str) -> None:
        """The client must end, with this status if one is given, and leave the terminal as it was."""
        ended = self.client.wait(self.client.deadline(3.0))
        if ended is None:
            raise Silent(
                _("{user}'s client does not end").format(user=self.name),
                expected=_("exit status {status}").format(status=status or 0),
                got="\n".join(self.screen),
                cause=cause,
            )
        if status is not None:
            expect(f"{status}", f"{ended.status}", _("the client's exit status"), cause)
        flags = self.client.terminal_settings()
        require(
            flags[3] & ECHO and flags[3] & ICANON and flags[3] & ISIG and flags[1] & OPOST,
            _("the client has ended, and the terminal is not as it was"),
            expected=_("echo, whole lines, Ctrl-C and newlines as before: stty sane"),
            got=f"c_lflag {flags[3]:#o}, c_oflag {flags[1]:#o}",
            cause="terminal-not-restored",
        )
