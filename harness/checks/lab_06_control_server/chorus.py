"""Clients who talk without a pause, in a thread of the harness's own, while a check does something else."""

from __future__ import annotations

import re
import selectors
import threading
from collections.abc import Sequence
from types import TracebackType

from labkit.ground.faults import Disconnected, Fault, Silent
from labkit.ground.words import _
from labkit.scene.running import Running
from labkit.wire.clients import Client

TOKEN = re.compile(rb"ECHO voice-(\d+)-")


class Voice:
    """One of them: it says a line, waits for its echo, and says the next. rounds: echoes so far."""

    def __init__(self, client: Client, number: int, size: int) -> None:
        self.client = client
        self.number = number
        self.rounds = 0
        self.fault: Fault | None = None
        self.waiting = b""  # what has yet to come back
        self.got = b""
        self._size = size

    def say(self) -> None:
        """Say the next line; what the socket does not take at once is a lost connection."""
        text = b"voice-%d-%d-" % (self.number, self.rounds) + b"x" * self._size
        self.waiting, self.got = b"ECHO " + text + b"\n", b""
        try:
            self.client.sock.sendall(b"SAY " + text + b"\n")
        except OSError as error:
            self.lost(error.strerror or str(error))

    def hear(self) -> None:
        """Take what has come."""
        try:
            data = self.client.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self.lost(error.strerror or str(error))
            return
        if not data:
            self.lost(_("the server closed the connection"))
        self.got += data
        if not self.waiting.startswith(self.got):
            self._wrong()
        elif self.got == self.waiting:
            self.rounds += 1
            self.waiting = b""

    def lost(self, why: str) -> None:
        """The connection is over."""
        self.client.journal.note(self.client.name, why)
        self.fault = self.fault or Disconnected(
            _("{client}, which had been answered {n} times, is lost: {why}").format(
                client=self.client.name, n=self.rounds, why=why
            ),
            expected=self.waiting,
            got=self.got,
            cause="lost-client",
        )

    def _wrong(self) -> None:
        owner = TOKEN.search(self.got)
        mixed = owner and int(owner[1]) != self.number
        self.fault = Fault(
            _("{client} received unexpected bytes").format(client=self.client.name),
            expected=self.waiting,
            got=self.got,
            cause="mixed-clients" if mixed else "wrong-bytes",
        )


class Chorus:
    """`with Chorus(program, clients) as chorus:` they talk inside; at the end each must have been answered.

    The clients must be logged in. size: bytes of a line, about.
    """

    def __init__(self, program: Running, clients: Sequence[Client], size: int = 40) -> None:
        self.program = program
        self.voices = [Voice(client, index, size) for index, client in enumerate(clients)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chorus", daemon=True)

    def __enter__(self) -> Chorus:
        for voice in self.voices:
            voice.client.journal.note(voice.client.name, _("talks without a pause"))
            voice.client.sock.setblocking(False)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _raised: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()
        if kind is None:
            self.must_be_right()

    def stop(self) -> None:
        """Let all have their last answers; they fall silent."""
        self._stop.set()
        self._thread.join()
        for voice in self.voices:
            if not voice.client.closed:
                voice.client.sock.setblocking(True)

    def rounds(self) -> int:
        """How many answers the client with the fewest has got."""
        return min(voice.rounds for voice in self.voices)

    def went_on(self, more: int = 1, seconds: float = 5.0) -> None:
        """Wait until each client has got so many more answers; a Fault names one that has not."""
        wanted = [voice.rounds + more for voice in self.voices]
        done = self.program.eventually(
            lambda: any(voice.fault for voice in self.voices)
            or all(voice.rounds >= n for voice, n in zip(self.voices, wanted)),
            seconds,
        )
        if not done:
            silent = next(v for v, n in zip(self.voices, wanted) if v.rounds < n)
            raise self._silence(silent)
        self.must_be_right()

    def must_be_right(self) -> None:
        """Raise the first fault that anybody met."""
        for voice in self.voices:
            if voice.fault:
                self.program.wait(self.program.deadline(0.3))
                self.program.must_not_have_died()
                raise voice.fault

    @staticmethod
    def _silence(voice: Voice) -> Silent:
        return Silent(
            _("{client}, which had been answered {n} times, timed out").format(
                client=voice.client.name, n=voice.rounds
            ),
            expected=voice.waiting,
            got=voice.got,
            cause="lost-client",
        )

    def _run(self) -> None:
        """Serve all until `stop`, then until the last answer is there or overdue."""
        with selectors.DefaultSelector() as waiting:
            for voice in self.voices:
                waiting.register(voice.client.sock, selectors.EVENT_READ, voice)
                voice.say()
            while not self._stop.is_set() and waiting.get_map():
                self._turn(waiting, True)
            deadline = self.program.deadline(5.0)
            while any(v.waiting and not v.fault for v in self.voices) and not deadline.passed:
                self._turn(waiting, False)
            for voice in self.voices:
                if voice.waiting and not voice.fault:
                    voice.fault = self._silence(voice)

    @staticmethod
    def _turn(waiting: selectors.BaseSelector, go_on: bool) -> None:
        for key, _mask in waiting.select(0.05):
            voice: Voice = key.data
            voice.hear()
            if not voice.waiting and not voice.fault and go_on:
                voice.say()
            if voice.fault:
                waiting.unregister(key.fileobj)
