"""The table of known symptoms: what a failure most likely means, and how to see it by hand.

A cause is a stable name (it stands in results.json); title and text are for a person. `{bin}` in a command
is where `make check` leaves the program it built, `{mode}` the option -m with which it failed, if it had one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from labkit.program import Ended
from labkit.words import N_, _


@dataclass(frozen=True)
class Symptom:
    """A known cause. text: empty where the evidence says it all. by_hand: commands to paste.

    program: this is what the cause means in the lab that has this program; empty: in any other.
    """

    name: str
    title: str
    text: str = ""
    by_hand: tuple[str, ...] = ()
    program: str = ""


SERVE = "{bin}/echo_server -p 9090 &"
ASK = "printf 'hello\\n' | nc -N 127.0.0.1 9090"

CONTROL = "mkfifo /tmp/keys; {bin}/control_server -p 9090 < /tmp/keys & exec 8>/tmp/keys"  # lab 06

GO_AWAY = (  # a client that sends, and is gone before the answer comes
    "kill -STOP $(pidof echo_server); head -c 5000 /dev/zero | timeout 1 nc 127.0.0.1 9090",
    "kill -CONT $(pidof echo_server)",
)
RESET = N_(
    "python3 -c \"import socket, struct; s = socket.create_connection(('127.0.0.1', 9090));"
    " s.setsockopt(1, 13, struct.pack('ii', 1, 0)); s.close()\"  # a client that resets: SO_LINGER"
)

CHAT = "{bin}/chat_server -p 9090 -c 1 &"
TALK = "printf 'REGISTER ann pass\\nSAY hello\\nWHO\\nHISTORY\\n' | nc -N 127.0.0.1 9090"

_TABLE = (
    # -- it does not get so far -----------------------------------------------------------------
    Symptom(
        "no-program",
        N_("the program is not there"),
        N_("The directory must hold a .c file with the program's name, as the starter has it."),
    ),
    Symptom(
        "does-not-compile",
        N_("the compiler refuses the source"),
        N_("Read the first error and mend that one; those after it are often its consequences."),
    ),
    Symptom(
        "compiler-warning",
        N_("the compiler warns"),
        N_(
            "The program must compile without a warning under -std=c11 -Wall -Wextra -Wpedantic -Wshadow with\n"
            "gcc and clang. In C most warnings of this set are bugs that have not been met yet."
        ),
    ),
    Symptom(
        "no-feature-macro",
        N_("a feature macro is missing"),
        N_(
            "Under -std=c11 the headers declare only what ISO C has: no sigaction, no getopt, no clock_nanosleep. What POSIX\n"
            "adds they declare for a file that asks for it: #define _POSIX_C_SOURCE 200809L, before its first #include, as\n"
            "the starter's first line of code does. feature_test_macros(7) says which macro a function needs."
        ),
    ),
    Symptom(
        "never-listens",
        N_("the server never listens"),
        N_(
            "No socket of the program is in the LISTEN state. It takes socket, bind and listen, in this order, and\n"
            "each of them can fail: check every result and print what errno says."
        ),
        ("strace -f -e trace=network {bin}/echo_server -p 9090",),
    ),
    Symptom(
        "not-flushed",
        N_("what was printed is still in stdio's buffer"),
        N_(
            "Where stdout is not a terminal, stdio keeps what is printed until 4096 bytes have come together.\n"
            "Call fflush(stdout) after each message, or setvbuf(stdout, NULL, _IOLBF, 0) once at the start."
        ),
        ("{bin}/echo_server -p 9090 | cat",),
    ),
    Symptom(
        "wrong-message",
        N_("a message is not worded as the contract says"),
        N_(
            "Messages are compared letter by letter: other programs wait for them. Compare expected and got."
        ),
    ),
    Symptom(
        "wrong-address",
        N_("it listens elsewhere than it was told, or than it says"),
        N_(
            "Options -a and -p say where to listen, for IPv4 and IPv6; port 0 lets the kernel choose, and\n"
            "getsockname(2) says what it chose. Ports go through htons() on their way into a sockaddr, and through\n"
            "ntohs() out of it."
        ),
        (
            "{bin}/echo_server -a 127.0.0.2 -p 9091 &",
            N_("ss -ltn  # Local Address:Port: where it listens"),
        ),
    ),
    Symptom(
        "busy-port",
        N_("a port in use is not reported as it should be"),
        N_(
            "bind(2) or listen(2) fails with EADDRINUSE where another server has the port. That is an error: say the\n"
            "address, the port and the reason on stderr, exit with status 1, and do not say `listening on`."
        ),
        (SERVE, "{bin}/echo_server -p 9090; echo status $?"),
    ),
    Symptom(
        "wrong-arguments",
        N_("wrong arguments are not told from right ones"),
        N_(
            "A number with a tail, out of range or empty, a surplus operand, an address that is none: exit status 2,\n"
            "and stderr says which. atoi() cannot tell; strtol() can, by its end pointer and errno."
        ),
    ),
    Symptom(
        "wrong-exit-status",
        N_("the exit status is not the one agreed on"),
        N_(
            "0: done, also when stopped by a signal. 1: it failed while running. 2: the arguments are wrong."
        ),
    ),
    Symptom(
        "never-accepts",
        N_("clients stay in the accept queue"),
        N_(
            "The kernel finishes the handshake by itself: a client is connected before anybody calls accept(2). Here\n"
            "clients wait in that queue and the program does not take them."
        ),
        (SERVE, "nc 127.0.0.1 9090 &", N_("ss -ltn 'sport = :9090'  # Recv-Q: who waits")),
    ),
    Symptom(
        "accept-waits",
        N_("the thread that accepts waits for a client"),
        N_(
            "Whoever came after a client that has said nothing stayed in the kernel's queue, and was taken out of it as soon as\n"
            "that client spoke: the thread that accepts reads from a client, or logs it in, before it accepts the next one. Let\n"
            "it start the client's thread at once; all that waits for the client belongs there."
        ),
        (
            N_("nc 127.0.0.1 9090 &  # stays silent"),
            N_("nc 127.0.0.1 9090  # a second one: is it served?"),
        ),
    ),
    Symptom(
        "spins-idle",
        N_("a thread works while there is nothing to do"),
        N_(
            "It asks again and again instead of sleeping until something happens: poll(2) with a time-out of 0 or a short one, a\n"
            "call that does not block in a loop, a flag that is looked at. Ask poll(2) for POLLOUT only while something waits for\n"
            "a socket that was full; sleep in poll(2) without a time-out, in recv(2) or in pthread_cond_wait(3)."
        ),
        ("top -b -n 1 -H -p $(pidof chat_server control_server)",),
    ),
    # -- bytes ----------------------------------------------------------------------------------
    Symptom(
        "no-answer",
        N_("nothing comes back"),
        N_(
            "The program took the bytes and does not answer. Perhaps it waits for more: for a full buffer, for a\n"
            "newline, for the end of input. Return what read(2) gave as soon as it gave it."
        ),
        (SERVE, ASK),
    ),
    Symptom(
        "stops-at-nul",
        N_("bytes are treated as a C string"),
        N_(
            'Everything after a zero byte is missing. strlen, strcpy, printf("%s") and fputs stop at it; read(2) has\n'
            "told how many bytes there are: pass that number on."
        ),
        (SERVE, "printf 'a\\0b\\n' | nc -N 127.0.0.1 9090 | od -c"),
    ),
    Symptom(
        "short-write",
        N_("a write that took only a part is not continued"),
        N_(
            "write(2) and send(2) may take fewer bytes than they were given, and say how many. The rest has to be\n"
            "sent by a loop; here it was dropped, or sent from the wrong place. By hand that hardly shows: the harness\n"
            "made the kernel take little at a time, as it does when buffers are full or a signal comes."
        ),
    ),
    Symptom(
        "extra-bytes",
        N_("more comes back than was sent"),
        N_(
            "Perhaps the whole buffer is sent, with what was in it before, and not just the bytes that this read(2)\n"
            "put there."
        ),
        (SERVE, "(echo a long line; sleep 1; echo b) | nc -N 127.0.0.1 9090 | od -c"),
    ),
    Symptom(
        "wrong-bytes",
        N_("other bytes come out than went in"),
        N_(
            "An echo returns what it got, unchanged and in order: no newline added, none removed, nothing twice."
        ),
        (SERVE, ASK + " | od -c"),
    ),
    Symptom(
        "incomplete-echo",
        N_("the answer stops in the middle"),
        N_(
            "Some bytes came back and then nothing more, though the connection is open. Either a part was dropped\n"
            "(a short write that is not continued), or the program waits where it should read on."
        ),
        (
            SERVE,
            "head -c 8M /dev/urandom > /tmp/in; nc -N 127.0.0.1 9090 < /tmp/in | cmp - /tmp/in",
        ),
    ),
    Symptom(
        "closes-early",
        N_("the connection is closed before everything came back"),
        N_(
            "End of input (read(2) returns 0) means only that the client sends nothing more: it still reads. Everything\n"
            "it sent has to be returned before the connection is closed."
        ),
        (SERVE, "head -c 1M /dev/zero | nc -N 127.0.0.1 9090 | wc -c"),
    ),
    Symptom(
        "resets-clients",
        N_("connections are broken instead of being closed"),
        N_(
            "The kernel answers with a reset where a socket is closed while bytes in it have not been read, where\n"
            "SO_LINGER says so with a time of 0, and where nobody listens any more: did the listening socket stay open?"
        ),
        (SERVE, ASK),
    ),
    Symptom(
        "does-not-close",
        N_("the connection stays open after the client is done"),
        N_(
            "When read(2) returns 0 the client is done: close the descriptor, or the client waits for ever."
        ),
        (SERVE, ASK),
    ),
    Symptom(
        "buffers-whole-input",
        N_("nothing comes back before all has been sent"),
        N_(
            "The program reads until the client is done, or until its buffer is full, before it writes. A client that\n"
            "waits for its echo before it goes on then waits for ever. Return what one read(2) gave at once."
        ),
        (SERVE, N_("nc 127.0.0.1 9090  # type a line: it should come back at once")),
    ),
    Symptom(
        "waits-for-line",
        N_("nothing comes back before a newline"),
        N_(
            "The program collects a whole line before it answers. An echo returns bytes, not lines: what read(2) gave\n"
            "goes back at once, with a newline in it or without."
        ),
        (
            SERVE,
            N_(
                "(printf ab; sleep 2; printf 'c\\n') | nc -N 127.0.0.1 9090  # ab should come back first"
            ),
        ),
    ),
    # -- clients one after another, and at once ----------------------------------------------------
    Symptom(
        "serves-once",
        N_("only the first client is served"),
        N_("accept(2) belongs into a loop: when a client has left, the next one is accepted."),
        (SERVE, ASK, ASK),
    ),
    Symptom(
        "not-one-at-a-time",
        N_("the second client is served while the first is still connected"),
        N_(
            "This lab's server has one thread and serves one client at a time; who comes second waits in the accept\n"
            "queue. Here another thread or process, or a loop over all sockets, serves both. That is lab 02."
        ),
        (SERVE, N_("nc 127.0.0.1 9090 &  # stays silent"), ASK),
    ),
    Symptom(
        "fatal-client",
        N_("one client's failure ends the server"),
        N_(
            "A reset (ECONNRESET), a broken pipe (EPIPE) or a client that leaves at once is that client's affair: close\n"
            "its descriptor and go on. Only start-up may end the program."
        ),
        (SERVE, RESET, *GO_AWAY, ASK),
    ),
    Symptom(
        "stuck-on-error",
        N_("it does not get away from a client that is gone"),
        N_(
            "The server still runs, but has no time for the next client. Where the other end of a connection is gone,\n"
            "write(2) fails with EPIPE, now and whenever it is tried again: that is the end of this client. A loop\n"
            "that tries until all is sent never ends."
        ),
        (SERVE, *GO_AWAY, ASK),
    ),
    Symptom(
        "interrupted-call",
        N_("an interrupted call is taken for a failure"),
        N_(
            "A call that waits can come back with EINTR though nothing is wrong: a signal came, or the program was\n"
            "stopped and continued (signal(7)). Call it again."
        ),
        (
            SERVE,
            "nc 127.0.0.1 9090 &",
            "kill -STOP $(pidof echo_server); kill -CONT $(pidof echo_server)",
        ),
    ),
    Symptom(
        "idle-timeout",
        N_("a silent client is thrown out"),
        N_("Nobody said that a client has to hurry: there is no idle time-out in this server."),
        (SERVE, "(echo hello; sleep 5; echo again) | nc -N 127.0.0.1 9090"),
    ),
    Symptom(
        "sigpipe",
        N_("SIGPIPE killed it"),
        N_(
            "Writing to a connection whose other end is gone raises SIGPIPE, which ends a process that did not say\n"
            "otherwise. Ignore it at the start (signal(SIGPIPE, SIG_IGN)) or pass MSG_NOSIGNAL to send(2); then the\n"
            "write fails with EPIPE, which is an error like any other."
        ),
        (SERVE, *GO_AWAY, ASK),
    ),
    Symptom(
        "crash",
        N_("it crashed"),
        N_(
            "A signal such as SIGSEGV or SIGABRT ended the program. AddressSanitizer says where: build with\n"
            "-fsanitize=address,undefined -g and repeat the conversation."
        ),
    ),
    Symptom(
        "ended-early",
        N_("it ended though nobody asked it to"),
        N_(
            "Look at its last words on stderr, and for an exit() or a return from main on the way of an error."
        ),
    ),
    Symptom(
        "hang",
        N_("it neither ends nor goes on"),
        N_("It waits for something that does not come. The threads' stacks say where."),
        ("gdb -p $(pidof echo_server) -batch -ex 'thread apply all bt'",),
    ),
    Symptom(
        "one-at-a-time",
        N_("clients are served one after another"),
        N_(
            "While one client is silent nobody else is served: the thread that accepts is the thread that reads.\n"
            "Start a thread for each client and go back to accept(2) at once."
        ),
        (SERVE, N_("nc 127.0.0.1 9090 &  # stays silent"), ASK),
    ),
    Symptom(
        "no-thread-per-client",
        N_("there is not exactly one more thread for each client"),
        N_(
            "The lab asks for one thread a client, which does all the work with it. /proc/PID/task has an entry for\n"
            "each thread; processes (fork) and an event loop do not show there."
        ),
        (SERVE, "nc 127.0.0.1 9090 &", "ls /proc/$(pidof echo_server)/task"),
    ),
    Symptom(
        "shared-argument",
        N_("two threads were given the same variable"),
        N_(
            "Some clients are never served, or served twice over: a thread gets the ADDRESS of the accepting loop's\n"
            "variable, and the next accept(2) overwrites it before the thread has read it. Give each thread an argument\n"
            "of its own: allocated, or the number itself as (void *)(intptr_t)fd."
        ),
    ),
    Symptom(
        "mixed-clients",
        N_("one client's bytes reach another"),
        N_(
            "Threads share everything that is not on their own stacks: a static or global buffer or descriptor is one\n"
            "for all of them. What belongs to a client must be local to its thread or allocated for it."
        ),
    ),
    Symptom(
        "lost-client",
        N_("some clients were never served"),
        N_(
            "Their connections were accepted, or waited, and nobody worked on them. Where is a client dropped?"
        ),
        (
            SERVE,
            N_(
                "for i in 1 2 3; do (sleep $i; echo $i) | nc -N 127.0.0.1 9090 & done  # 1, 2, 3 should come back"
            ),
        ),
    ),
    Symptom(
        "lock-held",
        N_("everybody waits for one client"),
        N_(
            "While one client did not read, or did not write, another got no answer. Something that all clients share\n"
            "- a mutex, the accepting thread - is held by a thread that waits in a blocking call."
        ),
    ),
    # -- giving back -----------------------------------------------------------------------------
    Symptom(
        "thread-leak",
        N_("threads are neither joined nor detached"),
        N_(
            "A thread that has ended keeps its stack until somebody joins it. Detach each one, or join it when it is\n"
            "done: pthread_detach(3), pthread_join(3)."
        ),
        (
            SERVE,
            "for i in $(seq 500); do "
            + ASK
            + "; done; grep VmSize /proc/$(pidof echo_server)/status",
        ),
    ),
    Symptom(
        "thread-stays",
        N_("threads outlive their clients"),
        N_(
            "A thread's work is done when its client has left, in whatever way: let it return from its function."
        ),
        (SERVE, ASK, "ls /proc/$(pidof echo_server)/task"),
    ),
    Symptom(
        "descriptor-leak",
        N_("descriptors are not closed"),
        N_(
            "Each accepted client has a descriptor, and whatever way a client leaves, it has to be closed: after a reset or\n"
            "another error, too."
        ),
        (SERVE, ASK, RESET, "ls -l /proc/$(pidof echo_server)/fd"),
    ),
    Symptom(
        "memory-leak",
        N_("memory is not given back"),
        N_("What is allocated for a client has to be freed on every way out, errors too."),
    ),
    Symptom(
        "closed-twice",
        N_("a descriptor is used after it was closed"),
        N_(
            "The number of a closed descriptor is given to the next client at once. A second close(), or a late write,\n"
            "hits that client then. One owner for each descriptor: who closes it is the last to use it."
        ),
    ),
    Symptom(
        "word-as-command",
        N_("the server takes a word, or a byte, for a command"),
        N_(
            "The server returns every byte. `exit` is a word between a person and the client; to the server it is text like\n"
            "any other, and so are an empty line and the byte that Ctrl-D sends from a file. A client's end shows by read(2)\n"
            "returning 0, and by nothing else."
        ),
        (SERVE, "printf 'exit\\nstill here\\n' | nc -N 127.0.0.1 9090"),
    ),
    Symptom(
        "too-early",
        N_("it does not wait as long as it should: a sleep that failed, or was too short"),
        N_(
            "A sleep that has failed returns at once. clock_nanosleep(2) returns EINVAL, and nanosleep(2) fails with it, where\n"
            "tv_nsec is not from 0 to 999999999: after an addition, what is over a second has to be carried to tv_sec. EINTR\n"
            "means that a signal came first, and there is time left. Look at what the call returns."
        ),
    ),
    Symptom(
        "signal-elsewhere",
        N_("the signal reaches another thread than the one that has to stop"),
        N_(
            "A signal to the process goes to any thread that does not block it: a call of that thread is interrupted, and main\n"
            "sleeps on. Block the stop signals in all threads but one (pthread_sigmask(3), before pthread_create), or let the\n"
            "handler wake main, whichever thread it runs in: by shutdown(2) of the listening socket, or a byte in a pipe."
        ),
    ),
    Symptom(
        "false-reason",
        N_("an error message gives a reason that is none"),
        N_(
            "pthread_create(3) and the other pthread functions return the error; they do not set errno. perror, warn and err\n"
            "print errno, which may be 0 (Success) or left from an earlier failure: use strerror(error), or set errno = error\n"
            "before warn. And any call in between may change errno: save it first."
        ),
    ),
    Symptom(
        "hidden-state",
        N_("threads share a state inside the C library"),
        N_(
            "strtok keeps its place between two calls in one variable for all threads; localtime and gethostbyname return the\n"
            "address of one. Another thread's call changes it in between. ThreadSanitizer does not look into the C library.\n"
            'Functions that end in _r get that variable from you: give them one of your own. See pthreads(7), "Thread-safe\n'
            'functions".'
        ),
        (
            "grep -nE '\\b(strtok|localtime|gmtime|ctime|asctime|gethostby[a-z]+|getserv[a-z]+) *\\(' *.c",
        ),
    ),
    # -- bad weather -------------------------------------------------------------------------------
    Symptom(
        "accept-error-fatal",
        N_("a failed accept ends the server"),
        N_(
            "accept(2) fails for passing reasons: out of descriptors (EMFILE), a client that left again\n"
            "(ECONNABORTED), a signal (EINTR). None of them is a reason to end."
        ),
        (
            "(ulimit -n 20; {bin}/echo_server -p 9090) &",
            "for i in $(seq 40); do nc 127.0.0.1 9090 & done",
        ),
    ),
    Symptom(
        "busy-wait",
        N_("it burns the CPU while it waits"),
        N_(
            "Out of descriptors, accept(2) fails at once while the client stays in the queue: a loop that just tries\n"
            "again spins. Wait until a client has left, or a moment between two tries."
        ),
    ),
    Symptom(
        "spins-on-client",
        N_("threads burn the CPU while their clients are silent"),
        N_(
            "Several threads are busy though nobody says anything: each asks for bytes again and again. recv(2) on a\n"
            "socket that blocks sleeps until there are some; one that does not block is waited for with poll(2)."
        ),
        (SERVE, "nc 127.0.0.1 9090 &", "top -b -n 1 -H -p $(pidof echo_server)"),
    ),
    Symptom(
        "slow-recovery",
        N_("who waited is let in too late"),
        N_(
            "There is room again, and the clients in the queue still wait: the pause between two tries to accept is too\n"
            "long. Let who leaves wake the accepting thread, or try again after a tenth of a second."
        ),
    ),
    Symptom(
        "too-many-messages",
        N_("it says the same thing again and again"),
        N_(
            "One line for each shortage is enough: a log that grows while nothing happens hides what matters."
        ),
    ),
    Symptom(
        "thread-failure",
        N_("a thread that cannot be started is not dealt with"),
        N_(
            "pthread_create(3) RETURNS an error number (it does not set errno); EAGAIN means that there are no threads\n"
            "left. That one client is closed, with a message on stderr, and the server goes on: no lock may stay locked\n"
            "on this path."
        ),
    ),
    # -- messages ------------------------------------------------------------------------------------
    Symptom(
        "missing-message",
        N_("something happened and was not said"),
        N_(
            "Every event has its line on stdout, at once: compare the list in the handout with what was printed."
        ),
    ),
    Symptom(
        "wrong-moment",
        N_("something is said at the wrong moment"),
        N_(
            "Say each thing when it happens: `connected` before anything else about a client, `disconnected` when nothing\n"
            "more can come of it."
        ),
        (SERVE, ASK),
    ),
    Symptom(
        "wrong-count",
        N_("the byte counts are not true"),
        N_(
            "Print what read(2) and write(2) returned, not what was asked for; the newline counts too."
        ),
    ),
    Symptom(
        "mixed-names",
        N_("a message names another client"),
        N_(
            "The name stands where all threads see the same one: in a global or static variable, or in the accepting\n"
            "loop's. By the time the message is printed it is the name of whoever came last."
        ),
    ),
    Symptom(
        "address-cut",
        N_("an address is cut in a message"),
        N_(
            "The buffer that it passes through is too small: INET_ADDRSTRLEN, 16, is room for an IPv4 address and no port, and\n"
            "INET6_ADDRSTRLEN for an IPv6 one without brackets, colon and port. NET_NAME_SIZE of net.h is room for all of it."
        ),
    ),
    Symptom(
        "false-name",
        N_("a client is named that never was there"),
        N_(
            "getpeername(2) fails where the client has gone already, and then there is no name in what it was given. Look\n"
            "at its result, or keep the address that accept(2) wrote: that one is always right."
        ),
        (SERVE, "kill -STOP $(pidof echo_server)", RESET, "kill -CONT $(pidof echo_server)"),
    ),
    Symptom(
        "extra-message",
        N_("more is said than was asked for"),
        N_("`received` and `sent` are for those who ask for them with -v."),
    ),
    Symptom(
        "torn-line",
        N_("lines of two threads are mixed"),
        N_(
            "A line that is printed in two calls can be cut in two by another thread. One printf, or one write, for a\n"
            "whole line."
        ),
    ),
    # -- stopping --------------------------------------------------------------------------------------
    Symptom(
        "does-not-stop",
        N_("a signal to stop is not heard"),
        N_(
            "The program still runs. Perhaps there is no handler; or the handler sets a flag while the thread sleeps in\n"
            "accept(2), read(2) or pthread_join(3), which are started again (SA_RESTART) and never look at it; or the\n"
            "signal comes between the look at the flag and the sleep. The handout shows a way without this gap."
        ),
        (
            SERVE,
            "nc 127.0.0.1 9090 &",
            N_(
                "kill -TERM $(pidof echo_server); sleep 1; pidof echo_server  # nothing: it has ended"
            ),
        ),
    ),
    Symptom(
        "lost-signal",
        N_("a signal to stop is heard at most moments, but not at every one"),
        N_(
            "It stops as a rule. Here the signal came after the program had looked at its flag and before it went to\n"
            "sleep, and nothing woke it again. Let the handler leave something that the sleep itself sees: a byte in a\n"
            "pipe that is polled too, or a socket that is shut down; or take signals with sigwait(3) or pselect(2)."
        ),
    ),
    Symptom(
        "not-awaited",
        N_("main ends while threads are still at work"),
        N_(
            "When main returns, or anybody calls exit(3), all threads end in the middle of what they do. Before that,\n"
            "wait for each: join it, or count the threads and wait on a condition until none is left."
        ),
    ),
    Symptom(
        "slow-stop",
        N_("stopping takes too long"),
        N_(
            "It waits for something it could wake: a client's read(2) ends at once when shutdown(2) is called on it."
        ),
    ),
    Symptom(
        "dies-of-signal",
        N_("the signal kills it instead of stopping it"),
        N_(
            "Without a handler SIGINT and SIGTERM end the process at once: nothing is closed, nothing is said."
        ),
        (SERVE, N_("kill -TERM $(pidof echo_server)  # the shell should say Done, not Terminated")),
    ),
    Symptom(
        "no-reuseaddr",
        N_("the port cannot be bound again"),
        N_(
            "A connection that the server closed stays in TIME_WAIT for a minute, and bind(2) refuses its port, unless\n"
            "SO_REUSEADDR was set on the socket before bind."
        ),
        (
            SERVE,
            "nc 127.0.0.1 9090 &",
            "kill $(pidof echo_server); sleep 1; {bin}/echo_server -p 9090",
        ),
    ),
    # -- the client ------------------------------------------------------------------------------------
    Symptom(
        "no-prompt",
        N_("it does not prompt"),
        N_("Where stdin is a terminal (isatty(3)) a person wants to see that it is their turn."),
    ),
    Symptom(
        "prompt-in-pipe",
        N_("a prompt where nobody sits"),
        N_(
            "Where stdin is no terminal, stdout holds the replies and nothing else: ask isatty(STDIN_FILENO)."
        ),
        (SERVE, "echo hello | {bin}/echo_client | od -c"),
    ),
    Symptom(
        "server-gone",
        N_("a server that went away is not noticed"),
        N_(
            "Where the server is gone, read(2) returns 0 and the second write fails with EPIPE. Both are errors for this\n"
            "client: a message on stderr, exit status 1."
        ),
        (
            SERVE,
            "(echo one; sleep 1; kill $(pidof echo_server); sleep 1; echo two) | {bin}/echo_client; echo status $?",
        ),
    ),
    Symptom(
        "never-connects",
        N_("the client does not connect"),
        N_(
            "It should connect to the address of -a and the port of -p as soon as it starts: socket(2), connect(2). The\n"
            "family that socket(2) is given is the address's: AF_INET or AF_INET6."
        ),
        ("{bin}/echo_server -a ::1 -p 9091 &", "echo hello | {bin}/echo_client -a ::1 -p 9091"),
    ),
    Symptom(
        "stays-after-exit",
        N_("it does not end when it should"),
        N_(
            "`exit` on a line of its own, or the end of input, ends the client with status 0. A line that fgets(3) or\n"
            'getline(3) returns still has its newline, so it does not equal "exit"; and both tell of the end of input by\n'
            "what they return."
        ),
        (SERVE, N_("{bin}/echo_client  # type a line, then exit")),
    ),
    Symptom(
        "leaves-early",
        N_("it ends before it should"),
        N_(
            "Only `exit` alone on its line, or the end of input, ends the client: an empty line does not, nor a line\n"
            "that begins with `exit` and goes on. Compare the whole line."
        ),
        (SERVE, "printf 'exit now\\n\\nlast\\n' | {bin}/echo_client"),
    ),
    Symptom(
        "last-line-lost",
        N_("a last line without a newline is lost"),
        N_(
            "Input need not end with a newline. getline(3) and fgets(3) return such a last line like any other, and tell\n"
            "of the end only at the next call."
        ),
        (SERVE, "printf 'one\\nlast' | {bin}/echo_client"),
    ),
    Symptom(
        "short-read",
        N_("one read is taken for the whole reply"),
        N_(
            "TCP carries bytes, not messages: what was sent at once may arrive in pieces, and read(2) returns what is\n"
            "there. Read in a loop until as many bytes have come back as were sent."
        ),
        (
            "(sleep 1; printf hel; sleep 1; echo lo) | nc -l 127.0.0.1 9091 &",
            N_("echo hello | {bin}/echo_client -p 9091  # should print hello"),
        ),
    ),
    Symptom(
        "long-line-cut",
        N_("a long line is not sent as it is"),
        N_(
            "A line may be longer than any buffer. getline(3) makes its buffer as large as the line; fgets(3) returns a\n"
            "part, and the next call goes on with the rest: neither drop it, nor add a newline between."
        ),
        (
            SERVE,
            N_("head -c 5000 /dev/zero | tr '\\0' x | {bin}/echo_client | wc -c  # 5000, or 5001"),
        ),
    ),
    Symptom(
        "deadlock-full-buffers",
        N_("both sides wait until the other reads"),
        N_(
            "The client sends a long line without reading; the server's answers fill the buffers between them, then\n"
            "the server's write(2) blocks, then the client's. Send a portion and read it back before the next."
        ),
        (SERVE, "head -c 64M /dev/zero | tr '\\0' x | {bin}/echo_client | wc -c"),
    ),
    # -- rockets -----------------------------------------------------------------------------------
    Symptom(
        "wrong-countdown",
        N_("a rocket's lines are not its countdown"),
        N_("A rocket prints N... for each N from its countdown to 1, then `Rocket launched!`."),
        ("{bin}/rockets{mode} -n 1 -v",),
    ),
    Symptom(
        "wrong-timing",
        N_("something comes at the wrong moment"),
        N_(
            "A tick for each number, and the delay before them. Sleep until a moment, not for a while:\n"
            "clock_nanosleep(2) with TIMER_ABSTIME and CLOCK_MONOTONIC."
        ),
        ("{bin}/rockets{mode} -n 1 -v -t 500",),
    ),
    Symptom(
        "wrong-plan",
        N_("the plan is not the one that was asked for"),
        N_(
            "Each thousandth from 0.000 to 4.999 ticks is as likely as any other, and so is each countdown from 0 to 4. The\n"
            "seed alone decides: draw the whole plan in the main thread, before any rocket flies, in one order, whatever\n"
            "the mode."
        ),
        (
            "{bin}/rockets -n 5 -s 1 -v -t 1 -m sequential | head -5",
            "{bin}/rockets -n 5 -s 1 -v -t 1 | head -5",
        ),
    ),
    Symptom(
        "wrong-order",
        N_("lines come in the wrong order"),
        N_("Compare expected and got: what should have waited for what?"),
    ),
    Symptom(
        "one-after-another",
        N_("rockets fly one after another"),
        N_(
            "Start all threads first, in one loop; join them in a second one. A join in the loop that creates waits for\n"
            "each rocket before the next one is started."
        ),
    ),
    Symptom(
        "sleeps-add-up",
        N_("rockets are late"),
        N_(
            "What a thread loses - by starting late, by waiting for a processor - is added to every sleep of a fixed\n"
            "length. Compute each line's instant from the common launch, and sleep until then."
        ),
    ),
    Symptom(
        "lost-rocket",
        N_("rockets are missing"),
        N_(
            "Some were planned, or started, and never launched. Does main return before they have landed?"
        ),
    ),
    Symptom(
        "wrong-threads",
        N_("it does not have the threads that its mode asks for"),
        N_(
            "sequential is the work of the main thread alone. In the other modes each rocket has a thread of its own,\n"
            "from the start on; /proc/PID/task has an entry for each thread. A pool of threads is something else."
        ),
        ("{bin}/rockets{mode} -n 40 -t 60000 &", "ls /proc/$!/task | wc -l; kill $!"),
    ),
    Symptom(
        "false-summary",
        N_("the summary is not true"),
        N_(
            "On stderr, at the end: how many rockets were launched, the seconds from the common launch to the last\n"
            "landing, and the seconds that all the rockets of the plan take together. Seconds, not ticks."
        ),
        ("{bin}/rockets{mode} -n 3 -v -t 500",),
    ),
    Symptom(
        "threads-run-out",
        N_("a thread that cannot be started is not dealt with"),
        N_(
            "pthread_create(3) RETURNS an error number (it does not set errno); EAGAIN means that there are no threads\n"
            "left. Then say on stderr how many rockets were started, wait until those have landed, and exit with 1."
        ),
        ("(ulimit -v 200000; {bin}/rockets{mode} -t 100 > /dev/null); echo status $?",),
    ),
    Symptom(
        "big-stacks",
        N_("the threads take too much memory"),
        N_(
            "Memory is what has been touched: does each thread write to much of its stack, or keep a large buffer? The\n"
            "size of a stack by itself is address space. It may cost memory where huge pages are used for everything\n"
            "(/sys/kernel/mm/transparent_hugepage/enabled says always): there pthread_attr_setstacksize(3) helps."
        ),
        (
            "{bin}/rockets{mode} -t 60000 > /dev/null & sleep 2; grep -E 'Threads|VmSize|VmRSS' /proc/$!/status; kill $!",
        ),
    ),
    # -- scanner -----------------------------------------------------------------------------------
    Symptom(
        "not-asked",
        N_("nobody is asked which host to scan"),
        N_(
            "Without HOST on the command line a prompt goes to stderr, wherever stderr leads, before stdin is read."
        ),
        ("{bin}/scanner -p 1-3",),
    ),
    Symptom(
        "prompt-on-stdout",
        N_("the prompt stands among the results"),
        N_(
            "stdout holds open ports and nothing else, since other programs read it. Prompts go to stderr, which is\n"
            "not buffered either."
        ),
        ("echo localhost | {bin}/scanner -p 1-3 2>/dev/null | od -c",),
    ),
    Symptom(
        "wrong-host",
        N_("another host is scanned than was asked for"),
        N_(
            "The argument, or the answer to the prompt without its newline; an empty answer means localhost."
        ),
    ),
    Symptom(
        "port-missed",
        N_("open ports are missing"),
        N_("Every port of the range is tried, and one that could not be tried is tried again."),
    ),
    Symptom(
        "last-port-missed",
        N_("the last port is missing"),
        N_(
            "The range includes its last port. Is it < where it should be <=? And does 65535 + 1 fit the type?"
        ),
    ),
    Symptom(
        "port-wraps",
        N_("the scan goes on after port 65535"),
        N_(
            "65535 + 1 is 0 in 16 bits: a loop over a uint16_t that ends behind port 65535 never ends. Count in an int."
        ),
        ("{bin}/scanner -p 65535 localhost",),
    ),
    Symptom(
        "beyond-range",
        N_("ports outside the range are tried"),
        N_(
            "Between the look at whether a port is left and the taking of it, other threads took the last ones. To look and to\n"
            "take must happen under the same lock, without letting it go in between."
        ),
        (
            N_(
                "for i in $(seq 20); do strace -f -e trace=connect {bin}/scanner -t 40 -p 2000-2039 127.0.0.1 2>&1"
                " | grep -c 'htons(2040)'; done  # 0 each time"
            ),
        ),
    ),
    Symptom(
        "wrong-progress",
        N_("the bar shows another progress than there is"),
        N_(
            "A port counts when its answer is known, or its time-out is over, not when a thread has taken it: with many threads\n"
            "and silent ports the bar would be full at once, and stand there. Nor does the time say how much is done."
        ),
        (
            "python3 /tmp/ports.py 21020 21059 & sleep 1; {bin}/scanner -t 60 -p 21000-21059 127.0.0.1",
        ),
    ),
    Symptom(
        "port-twice",
        N_("a port is tried or reported twice"),
        N_(
            "Two threads took the same port: taking the next one is a read and a write, and needs a lock around both."
        ),
    ),
    Symptom(
        "false-open",
        N_("a port is called open on which nobody listens"),
        N_(
            "After poll(2) says that a connecting socket is writable, getsockopt(2) with SO_ERROR says whether it is\n"
            "connected or refused."
        ),
    ),
    Symptom(
        "self-connect",
        N_("the scanner found its own socket"),
        N_(
            "The kernel gave a socket the very port that it connects to: TCP's simultaneous open, with itself. Such a\n"
            "socket has the same address at both ends: getsockname(2), getpeername(2)."
        ),
        (
            'unshare -Urn sh -c \'ip link set lo up; sysctl -qw net.ipv4.ip_local_port_range="20000 20100";'
            " for i in 1 2 3 4 5; do {bin}/scanner 127.0.0.1; done'",
        ),
    ),
    Symptom(
        "not-parallel",
        N_("ports are scanned one after another"),
        N_(
            "With -t THREADS so many ports are waited for at the same time. A pthread_join(3) in the loop that starts the\n"
            "threads, a lock that is held during the probe, or a connect(2) that blocks makes each wait for the one before."
        ),
        (N_("time {bin}/scanner -t 64 -p 1-64 192.0.2.1  # nobody's address: about a second"),),
    ),
    Symptom(
        "thread-count",
        N_("there are not as many threads as -t says"),
        N_(
            "-t THREADS, 100 without it, is how many ports are waited for at the same time. With -t 1 it is one."
        ),
    ),
    Symptom(
        "select-limit",
        N_("sockets from number 1024 on are too much for it"),
        N_(
            "An fd_set has room for descriptors below FD_SETSIZE, 1024. FD_SET with a larger one writes into whatever\n"
            "lies behind it. poll(2) has no such limit."
        ),
        ("man 2 select  # BUGS",),
    ),
    Symptom(
        "sockets-kept",
        N_("sockets are not closed"),
        N_(
            "Each probe's socket is closed, or used for the next port, whatever the answer was: 65,535 of them are\n"
            "too many to keep."
        ),
        ("ls -l /proc/$(pidof scanner)/fd",),
    ),
    Symptom(
        "no-timeout",
        N_("a silent port is not waited for as long as it should be"),
        N_("Connect without blocking, then poll(2) for TIMEOUT_MS."),
    ),
    Symptom(
        "does-not-stream",
        N_("what is known is not said at once"),
        N_(
            "Print a port when all lower ones are known: neither all at the end, nor before its turn."
        ),
    ),
    Symptom(
        "no-summary",
        N_("the summary is not there, or not by itself"),
        N_(
            "The last line on stderr, letter by letter: scanned N ports of HOST (ADDRESS) in S s: A open, B closed,\n"
            "C filtered. On a terminal the bar has to make room for it."
        ),
    ),
    Symptom(
        "wrong-summary",
        N_("the summary is not true"),
        N_(
            "Refused is closed; silence, and any other answer, is filtered. The counts add up to the number of ports,\n"
            "and S is the time by the clock, not the processor's."
        ),
    ),
    Symptom(
        "no-bar",
        N_("there is no progress bar"),
        N_(
            "Where stderr is a terminal (isatty(3)) a bar is drawn on it, each time beginning with CR."
        ),
    ),
    Symptom(
        "bar-in-pipe",
        N_("a progress bar where no person looks"),
        N_("Ask isatty(STDERR_FILENO) first."),
    ),
    Symptom(
        "bar-never-ends",
        N_("the bar does not end at 100%"),
        N_("Draw it once more when all ports are known."),
    ),
    Symptom(
        "bar-goes-back",
        N_("the bar goes back"),
        N_("Count ports that are done, under the lock that guards the count."),
    ),
    Symptom(
        "bar-never-moves",
        N_("the bar shows no progress"),
        N_("Draw it while the scan goes on, not only at its end."),
    ),
    Symptom(
        "bar-too-often",
        N_("the bar is drawn too often"),
        N_("At most 20 times a second: remember when it was drawn last."),
    ),
    Symptom(
        "bar-scrolls",
        N_("the screen fills with bars"),
        N_(
            "A carriage return leads back to the first column of the last line. A bar that is longer than the window\n"
            "goes on in the next line, and then that is the last. Ask for the width (TIOCGWINSZ) before each bar."
        ),
        ("columns=$(tput cols); stty cols 20; {bin}/scanner localhost; stty cols $columns",),
    ),
    Symptom(
        "line-in-bar",
        N_("port lines and the bar are mixed"),
        N_(
            "Where both go to one terminal, the bar is erased before a line is printed (CR, then ESC [ K), and only one\n"
            "thread writes at a time."
        ),
    ),
    Symptom(
        "terminal-not-clean",
        N_("the terminal is left in disorder"),
        N_("Erase the bar, or end its line, before the program ends, on SIGINT too."),
    ),
    Symptom(
        "scarce",
        N_("what is scarce for a moment is taken for an answer, or for the end"),
        N_(
            "EMFILE, EADDRNOTAVAIL and EAGAIN say nothing of the port: wait a moment and try it again."
        ),
        (
            "nc -lk 127.0.0.1 9090 &",
            "(ulimit -n 32; {bin}/scanner -p 9000-9999 -t 200 127.0.0.1)",
        ),
    ),
    Symptom(
        "no-threads",
        N_("fewer threads than asked for are too few for it"),
        N_(
            "pthread_create(3) RETURNS an error number; EAGAIN means that there are no more threads now. Go on with\n"
            "those that there are; if there are none, main can scan as well."
        ),
    ),
    # -- chat --------------------------------------------------------------------------------------
    Symptom(
        "wrong-answer",
        N_("a command is not answered as the table says"),
        N_(
            "Answers are compared letter by letter: other programs wait for them. The handout's table has a row for each command."
        ),
        (
            CHAT,
            TALK,
        ),
    ),
    Symptom(
        "no-greeting",
        N_("the server does not greet"),
        N_(
            "As soon as a connection is accepted, before anything is asked, the server sends `OK chat ready`."
        ),
        (
            CHAT,
            "nc 127.0.0.1 9090",
        ),
    ),
    Symptom(
        "thrown-out",
        N_("a connection is closed where an answer was due"),
        N_(
            "Only QUIT, the end of a client's input, an error of its connection, or too much that waits for it, ends a conversation.\n"
            "A wrong command does not."
        ),
    ),
    Symptom(
        "not-logged-in",
        N_("who is not logged in is taken for a user"),
        N_(
            "SAY, WHO and HISTORY of somebody who is not logged in are `ERR login-first`, and what users say is for users only."
        ),
        (
            CHAT,
            "printf 'WHO\\n' | nc -N 127.0.0.1 9090",
        ),
    ),
    Symptom(
        "unknown-command",
        N_("a command is not recognised, or something else is taken for one"),
        N_(
            "Compare the whole first word of the line, without regard to capitals: strcasecmp(3) to the word's end, not strncasecmp(3) with\n"
            "a length. A NUL byte is part of a word, though C's string functions stop there."
        ),
    ),
    Symptom(
        "cr-lf",
        N_("CR LF is not taken for a line's end"),
        N_("telnet ends its lines with CR LF. Both belong to the end, neither to the text."),
        (
            CHAT,
            "printf 'REGISTER ann pass\\r\\nWHO\\r\\n' | nc -N 127.0.0.1 9090 | od -c",
        ),
    ),
    Symptom(
        "lines-in-portions",
        N_("a portion of bytes is taken for a line"),
        N_(
            "One read(2) may return half a line, or three lines and a half: TCP carries bytes. Keep what is left of a line until its end has\n"
            "come, and look for further lines before you read again."
        ),
        (
            CHAT,
            "(printf 'REGISTER ann pass\\nW'; sleep 1; printf 'HO\\nWHO\\n'; sleep 1) | nc -N 127.0.0.1 9090",
        ),
    ),
    Symptom(
        "line-length",
        N_("the longest line is not what was agreed on"),
        N_(
            "A line has at most 1024 bytes, its end (LF or CR LF) not counted. Of a longer one the answer is `ERR too-long`, once; the rest of it\n"
            "is dropped up to the LF, however long it is, without being kept in memory."
        ),
        (
            CHAT,
            "(head -c 5000 /dev/zero | tr '\\0' x; printf '\\nWHO\\n') | nc -N 127.0.0.1 9090  # too-long, login-first",
        ),
    ),
    Symptom(
        "half-line-taken",
        N_("a line that was never finished is done"),
        N_(
            "What stands after the last LF when a client leaves is no line: nobody knows what was to follow. Drop it."
        ),
        (
            CHAT,
            "printf 'REGISTER ann pass\\nSAY half' | nc -N 127.0.0.1 9090",
        ),
    ),
    Symptom(
        "bad-name-taken",
        N_("a name that is none is registered"),
        N_(
            "1 to 32 BYTES of UTF-8, without space, control characters or `:`. users_is_name() of labs/common says so."
        ),
    ),
    Symptom(
        "good-name-refused",
        N_("a name or a password that is one is refused"),
        N_(
            "1 to 32 bytes of UTF-8 for a name, 1 to 128 for a password: letters of any script are made of bytes above 127, which isalpha(3) does\n"
            "not know."
        ),
    ),
    Symptom(
        "bad-password-taken",
        N_("a password that is none is taken"),
        N_(
            "1 to 128 bytes without space or control characters: users_is_password() of labs/common says so."
        ),
    ),
    Symptom(
        "password-unchecked",
        N_("somebody gets in without the right password"),
        N_(
            "users_check() says whether a password is the one that was hashed: what it returns decides."
        ),
    ),
    Symptom(
        "tells-names",
        N_("LOGIN tells whether a name exists"),
        N_(
            "Who tries names must not learn which of them exist: the answer is `ERR denied` either way, and takes as long. users_check() with an\n"
            "empty hash takes the time of a hash of the given cost."
        ),
    ),
    Symptom(
        "online-twice",
        N_("one name is online twice"),
        N_(
            "Looking whether a name is online, and putting it among those who are, must be one step under one lock; of two who come at the\n"
            "same moment both may have looked before either was in."
        ),
    ),
    Symptom(
        "registered-twice",
        N_("one name is registered twice"),
        N_(
            "Two threads look, find the name free, and both add it. Hash the password first, without a lock; then look and add in one step under the\n"
            "lock that guards the users."
        ),
    ),
    Symptom(
        "user-lost",
        N_("somebody was registered and is not known any more"),
        N_(
            "users_open(), users_find() and users_add() are not thread-safe: two at once may write one file over the other. They need one lock,\n"
            "the same for all. And `OK welcome` comes after users_add() has returned 0."
        ),
    ),
    Symptom(
        "crypt-shared",
        N_("logins at the same moment disturb each other"),
        N_(
            "crypt(3) keeps its work and its result in one place for all threads. crypt_r(3) takes a place of your own, and users_hash() and\n"
            "users_check() use that; what they write to must be each thread's own, too."
        ),
    ),
    Symptom(
        "wrong-cost",
        N_("passwords are not hashed at the cost that was asked for"),
        N_("-c COST is what users_hash() gets, 5 without it."),
    ),
    Symptom(
        "file-form",
        N_("the identification file has not the form agreed on"),
        N_(
            "A line `NAME:HASH` for each user, in the file that -u names, users.txt without it; the hash as crypt(3) returns it."
        ),
        (
            CHAT,
            "cat users.txt",
        ),
    ),
    Symptom(
        "file-readable",
        N_("others can read the identification file"),
        N_(
            "Hashes can be tried out by whoever has them. open(2) with mode 0600 makes a file of its owner's; fopen(3) does not."
        ),
        (
            CHAT,
            "ls -l users.txt",
        ),
    ),
    Symptom(
        "salt-reused",
        N_("the same salt is used again"),
        N_(
            "With a fresh salt for each password nobody can see that two users have the same one, or try one guess on all of them."
        ),
    ),
    Symptom(
        "password-in-file",
        N_("a password stands in a file"),
        N_("Passwords are hashed at once and kept nowhere."),
    ),
    Symptom(
        "torn-file",
        N_("a crash may leave half a file"),
        N_(
            "A file that is written anew is empty, then half full, before it is whole. Write another one beside it and rename(2) it into place, or\n"
            "append a line with one write(2)."
        ),
    ),
    Symptom(
        "bad-line-unreported",
        N_("a line that can't be read is not reported"),
        N_("Say on stderr which line of the identification file it is. users_open() does."),
    ),
    Symptom(
        "bad-line-dropped",
        N_("lines that can't be read are lost"),
        N_(
            "Somebody may have edited the file and made a mistake: what can't be read stays as it is. users_add() keeps it."
        ),
    ),
    Symptom(
        "token-form",
        N_("a token is not what was agreed on"),
        N_("128 random bits as 32 hexadecimal digits; the whole of them is compared."),
    ),
    Symptom(
        "token-guessable",
        N_("a token can be guessed"),
        N_(
            "rand(3) and its kin give the same numbers to whoever knows the seed, and a second has only one time(2). getentropy(3) and getrandom(2)\n"
            "ask the kernel for bits that nobody can guess."
        ),
    ),
    Symptom(
        "token-outlives",
        N_("a token outlives its server"),
        N_("Tokens are in memory only: with the server they are gone."),
    ),
    Symptom(
        "write-unchecked",
        N_("a store that cannot be written is not noticed"),
        N_(
            "A full disk shows in what write(2), fsync(2) or fflush(3) returns. Then the answer is `ERR server-error`, and nobody hears the message."
        ),
    ),
    Symptom(
        "message-lost",
        N_("a message does not reach everyone"),
        N_(
            "What was answered `OK` reaches every other user exactly once: whoever is logged in at the moment when it is said."
        ),
        (
            CHAT,
            TALK,
        ),
    ),
    Symptom(
        "message-twice",
        N_("a message comes twice"),
        N_(
            "Each user gets each message once. Is somebody in the list twice, or is a part that was sent already sent again?"
        ),
    ),
    Symptom(
        "message-echoed",
        N_("who speaks hears himself"),
        N_("`SAY` is answered `OK`; `MSG` goes to the others."),
    ),
    Symptom(
        "text-changed",
        N_("text does not arrive byte for byte"),
        N_(
            "TEXT is all that follows the one space behind SAY, its spaces included. And a text is data: printf(text) takes it for a format."
        ),
    ),
    Symptom(
        "bad-text-taken",
        N_("control characters are let through"),
        N_(
            "Text with control characters, tab included, is `ERR bad-text`: text_is_plain() of labs/common tells."
        ),
    ),
    Symptom(
        "garbled-lines",
        N_("lines of two messages are mixed"),
        N_(
            "Two threads write to one socket at the same time, each of them in several portions. One line at a time: under a lock of the\n"
            "connection, or by one thread that does all the sending."
        ),
    ),
    Symptom(
        "order-differs",
        N_("users see messages in different orders"),
        N_(
            "The history's order, and the order in which a message gets into everyone's queue, must be decided in one step. With one lock for the\n"
            "history and another for the users, or one lock for each user, a second message can overtake the first in between."
        ),
    ),
    Symptom(
        "news-missing",
        N_("nobody is told who comes or goes"),
        N_(
            "`JOIN NAME` and `LEAVE NAME` go to everyone else, in whatever way somebody leaves: QUIT, a closed or a reset connection."
        ),
    ),
    Symptom(
        "news-wrong",
        N_("comings and goings are not told as they are"),
        N_(
            "`JOIN NAME` and `LEAVE NAME` once each, to everyone else, and not to the one who comes or goes."
        ),
    ),
    Symptom(
        "who-wrong",
        N_("WHO does not say who is there"),
        N_("`USER NAME` for each who is logged in, sorted, then `OK END`."),
    ),
    Symptom(
        "still-online",
        N_("who has left still counts as online"),
        N_("However a connection ends, its user leaves: the name is free again at once."),
    ),
    Symptom(
        "history-size",
        N_("the history has not the length agreed on"),
        N_(
            "The last HISTORY_SIZE messages, or as many as there are; -n says how many, 50 without it. Where does the ring begin when it is full?"
        ),
    ),
    Symptom(
        "wrong-history",
        N_("the history is not what was said"),
        N_(
            "`HISTORY N` tells the last N messages, oldest first, without N all that are kept, with 0 none."
        ),
    ),
    Symptom(
        "bad-number-taken",
        N_("what is no number is taken for one"),
        N_(
            "Digits and nothing else: `3x`, `-1` and `1.5` are `ERR bad-number`. command_number() of labs/common tells."
        ),
    ),
    Symptom(
        "history-lost",
        N_("a message that was answered OK is lost by a crash"),
        N_(
            "First the file, then `OK`. What fprintf(3) was given is still in this process, and dies with it, until fflush(3) or write(2) has\n"
            "handed it to the kernel."
        ),
    ),
    Symptom(
        "history-interrupted",
        N_("something comes in the middle of a history"),
        N_(
            "From `OK welcome` or `OK HISTORY` to `OK END` nothing else is sent to that user. Put the whole of it into the user's queue in one step."
        ),
    ),
    Symptom(
        "history-gap",
        N_("messages are missing between history and live"),
        N_(
            "Somebody spoke after the newcomer's history had been copied and before he was in the list. Copying and entering must be one\n"
            "step, under the lock that speaking takes too."
        ),
    ),
    Symptom(
        "history-repeat",
        N_("messages come both as history and live"),
        N_(
            "Somebody spoke after the newcomer was in the list and before his history was copied. Entering and copying must be one\n"
            "step, under the lock that speaking takes too."
        ),
    ),
    Symptom(
        "never-cut-off",
        N_("what waits for a user has no bound"),
        N_(
            "A user who never reads makes the server keep all that the others say. Past 256 KiB he is disconnected, and the others are told `LEAVE`."
        ),
    ),
    Symptom(
        "cut-off-early",
        N_("a user is disconnected though he may be slow"),
        N_("256 KiB of what others say may wait for a user, and his own history does not count."),
    ),
    Symptom(
        "hash-holds-up",
        N_("others wait while a password is hashed"),
        N_(
            "Hashing takes milliseconds to seconds by design. Copy the hash that you need under the lock, release it, hash, and take the lock again\n"
            "for the result."
        ),
    ),
    Symptom(
        "client-login",
        N_("the client does not log in as it should"),
        N_(
            "LOGIN first; if that is denied the name may be new: REGISTER. `ERR name-taken` then means that the password was wrong: say so."
        ),
    ),
    Symptom(
        "password-shown",
        N_("the password can be read on the screen"),
        N_("Switch the terminal's ECHO off (tcsetattr(3)) before you ask, and on again after."),
        ("{bin}/chat_client ann",),
    ),
    Symptom(
        "terminal-not-restored",
        N_("the terminal is left in disorder"),
        N_(
            "What tcsetattr(3) changed has to be put back on every way out, Ctrl-C included: its handler, or the code that it wakes, restores it.\n"
            "`stty sane` helps until then."
        ),
    ),
    Symptom(
        "not-shown",
        N_("what others say is not shown as it should"),
        N_("`NAME: TEXT` on a line of its own, as soon as it comes."),
    ),
    Symptom(
        "typed-not-shown",
        N_("what is typed is not shown"),
        N_("After the password the person wants to see what they type."),
    ),
    Symptom(
        "typed-line-torn",
        N_("a message destroys the line that is being typed"),
        N_(
            "Take the line off the screen (CR, then ESC [ K), print the message, and draw the line again; it is one lock's work. That takes a client that\n"
            "reads key by key; readline(3) has rl_save_prompt, rl_redisplay and its kin for this."
        ),
    ),
    Symptom(
        "client-command",
        N_("a command of the client does not work"),
        N_(
            "`/who`, `/history` and `/quit` are for the server or the client and are not said to others."
        ),
    ),
    Symptom(
        "client-stays",
        N_("the client does not end"),
        N_(
            "`/quit`, Ctrl-D in an empty line and Ctrl-C end it, whatever its other thread waits for."
        ),
    ),
    # -- lab 06: a control thread ------------------------------------------------------------------
    Symptom(
        "no-command-answer",
        N_("a command is not answered as the handout says"),
        N_(
            "What is typed is read by a thread that does nothing else, and each answer is printed as soon as it is\n"
            "known, in the handout's words, and flushed. Where nothing comes at all, see above what the threads wait for:\n"
            "stdout has a lock, too, and a thread that prints while it holds another one can wait for ever."
        ),
        (CONTROL, "printf 'status\\npause\\nresume\\nshutdown\\n' >&8"),
    ),
    Symptom(
        "answer-interrupted",
        N_("something else stands between the lines of an answer"),
        N_(
            "Other threads print too. An answer of several lines is one printf(3), or is printed between flockfile(stdout)\n"
            "and funlockfile(stdout)."
        ),
    ),
    Symptom(
        "command-waits",
        N_("a command waits for a client"),
        N_(
            "Something that commands need, a lock most likely, is held by a thread that waits for a client, or that works\n"
            "for one for long. Take what is needed under the lock, release it, then send, receive or compute. Or stdin is\n"
            "looked at only now and then: wait for it in read(2), or in poll(2) without a time limit."
        ),
    ),
    Symptom(
        "clients-wait",
        N_("clients wait for the keyboard"),
        N_(
            "While nobody types, or somebody is in the middle of a line, clients are not served: the thread that reads\n"
            "stdin is the one that accepts, or it holds what clients need."
        ),
        (CONTROL, N_("printf 'SAY x\\n' | nc -N 127.0.0.1 9090  # ERR login-first, at once")),
    ),
    Symptom(
        "hash-under-lock",
        N_("others wait while a password is hashed"),
        N_(
            "crypt(3) takes long, on purpose. Look up the hash under the lock, release it, compute, and take the lock\n"
            "again for what follows from the result."
        ),
    ),
    Symptom(
        "wrong-help",
        N_("`help` does not name all commands"),
        N_("A line for each command, which begins with the command's words."),
    ),
    Symptom(
        "command-not-known",
        N_("what is no command is not told from what is one"),
        N_(
            "Compare the whole line, without its newline. What is none: `unknown command: …, try help` on stderr, with\n"
            "what was typed and without the program's name; an empty line is no command at all."
        ),
        (CONTROL, "printf 'clear\\n\\nhelp me\\n' >&8"),
    ),
    Symptom(
        "wrong-status",
        N_("`status` does not say what is so"),
        N_(
            "Clients are those connected, users those in the identification file, lines those of the log."
        ),
    ),
    Symptom(
        "wrong-reply",
        N_("a client's command is not answered as the protocol says"),
        N_("Compare expected and got: answers are taken letter by letter, each is one line."),
        (CONTROL, "printf 'REGISTER ann secret\\nSAY hello\\nQUIT\\n' | nc -N 127.0.0.1 9090"),
    ),
    Symptom(
        "service-on-terminal",
        N_("clients are spoken of where a person types"),
        N_(
            "At a terminal (isatty(3)) service messages would stand in the middle of what is being typed: they go to the\n"
            "log alone."
        ),
    ),
    Symptom(
        "shutdown-hangs",
        N_("`shutdown` does not end the server"),
        N_(
            "It waits for something that it could wake: a client's thread in recv(2) ends when shutdown(2) is called on\n"
            "its socket; the accepting thread has to be woken as well, and only then joined."
        ),
        (CONTROL, N_("nc 127.0.0.1 9090 &  # stays silent"), "echo shutdown >&8"),
    ),
    Symptom(
        "end-of-input",
        N_("the end of the input does not end the server"),
        N_(
            "getline(3) and fgets(3) say by their result that there is no more input, and will say so for ever: a loop\n"
            "that does not look at it spins. The end of input is a `shutdown`."
        ),
        ("{bin}/control_server -p 9090 </dev/null; echo status $?",),
    ),
    Symptom(
        "still-listening",
        N_("a paused server still takes connections"),
        N_(
            "The kernel connects clients as long as the socket listens, whether or not anybody calls accept(2). Only when\n"
            "it is closed are they refused: wake the accepting thread, let it end or let go, then close the socket."
        ),
        (CONTROL, "echo pause >&8", N_("nc -v 127.0.0.1 9090  # should be refused")),
    ),
    Symptom(
        "not-resumed",
        N_("after `resume` nobody is served"),
        N_(
            "A new socket listens; some thread has to accept from this one, not from the closed one."
        ),
    ),
    Symptom(
        "other-port",
        N_("after `resume` it listens elsewhere"),
        N_(
            "With port 0 the kernel chooses anew at each bind(2). Keep the port that getsockname(2) gave the first time,\n"
            "and bind that one."
        ),
        (
            "mkfifo /tmp/keys; {bin}/control_server -p 0 < /tmp/keys & exec 8>/tmp/keys",
            "printf 'status\\npause\\nresume\\n' >&8",
        ),
    ),
    Symptom(
        "lost-by-pause",
        N_("`pause` or `resume` lost a client"),
        N_(
            "Only the listening socket goes. A descriptor that is closed under a thread which still uses its number may\n"
            "be another client's by then; a thread that is cancelled may have just accepted somebody. Let the accepting\n"
            "thread come to its end by itself, then close; whom it has accepted by then is served."
        ),
    ),
    Symptom(
        "wrong-answer-to-command",
        N_("a command that changes nothing does not say so"),
        N_(
            "`already paused`, `already listening on ADDRESS:PORT`: on stdout, since that is no error."
        ),
        (CONTROL, "printf 'resume\\npause\\npause\\n' >&8"),
    ),
    Symptom(
        "torn-log",
        N_("lines of the log are not whole"),
        N_(
            "A line that is written in two calls can be cut in two by another thread, or by the clearing. Form the whole\n"
            "line, then write it at once, under the log's lock: time, words, newline."
        ),
        ("grep -Evn '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z ' server.log",),
    ),
    Symptom(
        "log-holes",
        N_("the log has NUL bytes where it was cleared"),
        N_(
            "ftruncate(2) shortens the file and leaves the place to write at where it was: what is written next leaves a\n"
            'hole before it, which reads as NUL bytes. Open the log with O_APPEND (fopen\'s "a"). A size that the program\n'
            "remembers by itself has to be set to 0 under the lock under which it is used."
        ),
        ("od -c server.log | head",),
    ),
    Symptom(
        "stale-log",
        N_("lines from before the clearing are still there, or come back"),
        N_(
            "What stdio, or a queue of one's own, had not written yet is written after the file was emptied. Empty the\n"
            "file and whatever is kept in memory under the same lock."
        ),
    ),
    Symptom(
        "log-goes-back",
        N_("the log goes back in time"),
        N_(
            "A thread took the time, then waited for the lock, and others with a later time came before it. Take the time\n"
            "under the lock under which the line is written."
        ),
    ),
    Symptom(
        "missing-event",
        N_("something happened and is not in the log"),
        N_(
            "Every event has its line in the log, at once; compare the handout's list with the file."
        ),
    ),
    Symptom("event-twice", N_("something is in the log twice"), N_("One line an event.")),
    Symptom(
        "wrong-event",
        N_("the log has something that does not belong there"),
        N_(
            "`connected` is the first line about a client, `disconnected` the last. What is no command is not logged."
        ),
    ),
    Symptom(
        "wrong-time",
        N_("the log's times are not the clock's"),
        N_("clock_gettime(2) with CLOCK_REALTIME, in UTC (gmtime_r) or with the zone's offset."),
    ),
    Symptom(
        "wrong-zone",
        N_("the log's times are of another zone than they say"),
        N_(
            "A `Z` says that the time is UTC: gmtime_r(3) gives that, localtime_r(3) the machine's own zone. A time with an\n"
            "offset (`+05:30`) must be the local one."
        ),
        (
            N_(
                "TZ=Asia/Kolkata {bin}/control_server -p 9090 -l /tmp/k.log </dev/null; date -u; cat /tmp/k.log"
            ),
        ),
    ),
    Symptom(
        "byte-ends-input",
        N_("a byte that is typed ends the input"),
        N_(
            "As a `char`, which is signed here, the byte 0xFF is -1, as EOF is. What getchar(3) returns is an int: keep it in one\n"
            "until it has been compared with EOF. Of read(2) only the result 0 is the end. And a NUL byte ends a string, not a line."
        ),
        (CONTROL, "printf '\\377\\nstatus\\n' >&8"),
    ),
    Symptom(
        "wrong-logs",
        N_("`logs` does not show what stands in the log"),
        N_(
            "`logs` shows all lines, `logs N` the last N, all of them if there are fewer: whole, in order, without a gap."
        ),
    ),
    Symptom(
        "readable-by-others",
        N_("others may read the identification file"),
        N_("Its mode is 0600: only its owner reads hashes. users_open sets that."),
    ),
    Symptom(
        "wrong-hash",
        N_("the identification file does not hold yescrypt hashes"),
        N_(
            "users_hash makes one for each password, with a salt of its own; no password is ever written anywhere."
        ),
    ),
    Symptom(
        "torn-users",
        N_("the identification file has lines that are none"),
        N_(
            "Two threads wrote it at once. users.h says which of its functions need a lock: the same for all threads."
        ),
    ),
    Symptom(
        "users-disagree",
        N_("the identification file and what the server knows differ"),
        N_(
            "A change is two changes, of the file and of memory. Make both under one lock; users_add and users_clear do\n"
            "both, but are not thread-safe. And what was looked up before a password was hashed may be untrue afterwards:\n"
            "look again, under the lock under which you act."
        ),
        ("cut -d: -f1 users.txt",),
    ),
    Symptom(
        "lost-registration",
        N_("somebody was welcomed and is not in the identification file"),
        N_(
            "Two threads changed the users at once, and one of the changes was lost: take the lock around users_add."
        ),
    ),
    Symptom(
        "name-twice",
        N_("of many who register one name not exactly one succeeds"),
        N_(
            "Whether the name is free, and taking it, is one step: under one lock, without letting it go in between."
        ),
    ),
    Symptom(
        "name-reused",
        N_("the name of somebody who is online was given away"),
        N_(
            "`clear users` empties the file; who is logged in keeps the name until leaving. So REGISTER looks at both:\n"
            "the users and who is online."
        ),
    ),
    Symptom(
        "name-stays-online",
        N_("somebody who has left still counts as online"),
        N_("Whatever way a client leaves, its name becomes free: after a reset or `QUIT`, too."),
    ),
    Symptom(
        "thrown-out-by-clearing",
        N_("`clear users` hurts somebody who is logged in"),
        N_("The file is emptied; who is logged in stays so."),
    ),
    # -- tools: their findings are told at length in the report (labkit/lessons.py) -------------------
    Symptom("data-race", N_("two threads use a variable without agreement")),
    Symptom("descriptor-race", N_("one thread closes a descriptor that another uses")),
    Symptom("use-after-free", N_("memory is used after it was freed")),
    Symptom("use-after-return", N_("a variable is used after its function has returned")),
    Symptom("double-free", N_("memory is freed twice")),
    Symptom("bad-free", N_("what is freed was not allocated")),
    Symptom("bad-pointer", N_("a pointer points nowhere")),
    Symptom("bad-arguments", N_("a function gets arguments it must not get")),
    Symptom("buffer-overflow", N_("a write or a read beyond a buffer's end")),
    Symptom("stack-overflow", N_("the stack is full")),
    Symptom("undefined-behaviour", N_("undefined behaviour")),
    Symptom("lock-order", N_("two locks are taken in both orders")),
    Symptom("missing-unlock", N_("a lock is not released on some path")),
    Symptom("bad-unlock", N_("a thread releases a lock that it does not hold")),
    Symptom("destroyed-lock", N_("a lock is used after its end, or ended while it is used")),
    Symptom("self-deadlock", N_("a thread waits for itself")),
    Symptom(
        "deadlock",
        N_("threads wait for each other"),
        N_(
            "Each of them holds, or is, what another one waits for: a lock, or a thread to be joined. Take locks in one\n"
            "order everywhere, and wait for no thread while you hold a lock that it needs."
        ),
    ),
    Symptom(
        "lost-wakeup",
        N_("a condition is waited for that nobody is left to signal"),
        N_(
            "Only this thread is left, and it sleeps in pthread_cond_wait(3): the last signal came before it waited, or\n"
            "there never was one. A condition keeps nothing in store. Look at the state under its lock, and wait in a\n"
            "`while` as long as it says so, without letting the lock go in between."
        ),
    ),
    Symptom("wait-without-lock", N_("a condition is waited for without its lock")),
    Symptom("joined-twice", N_("a thread is joined or detached twice")),
    Symptom("failed-call", N_("a pthread call failed")),
    Symptom("signal-unsafe", N_("a signal handler calls what it must not")),
    Symptom("errno-in-handler", N_("a signal handler changes errno")),
    Symptom("other", N_("a tool's finding")),
    Symptom(
        "hidden-from-sanitizer",
        N_("the code hides from the sanitizers"),
        N_(
            "The races are looked for in the whole program; code that switches the tools off, or asks whether"
            " they are there, is not graded."
        ),
    ),
    Symptom(
        "flood",
        N_("it prints without end"),
        N_("Perhaps a loop around a call that fails at once: look at its result."),
    ),
    Symptom(
        "forks",
        N_("it starts processes without end"),
        N_("The labs ask for threads; a fork in a loop takes the machine down."),
    ),
    Symptom(
        "too-many-threads",
        N_("it starts threads without end"),
        N_(
            "A loop starts a thread each time round, also where there is nothing for it to do, and the threads stay: is the\n"
            "result of accept(3) looked at before pthread_create(3)? Does whoever starts a thread wait for something first?"
        ),
    ),
    Symptom(
        "cpu-budget",
        N_("it burns far more CPU time than its work takes"),
        N_(
            "Some loop tries again and again where a thread has nothing to do. A thread that waits must sleep: in a\n"
            "call that blocks, in poll(2), or in pthread_cond_wait(3). Of a running program, top -H shows the busy thread."
        ),
    ),
    Symptom(
        "memory",
        N_("it uses up the machine's memory"),
        N_("A buffer that grows without a bound, or a leak in a loop."),
    ),
)

# Causes that other labs know as well, as they look in lab 03.
_IN_ROCKETS = (
    Symptom(
        "not-flushed",
        N_("what was printed is still in stdio's buffer"),
        N_(
            "Where stdout is not a terminal, stdio keeps what is printed until 4096 bytes have come together. The starter's\n"
            "main says setvbuf(stdout, NULL, _IOLBF, BUFSIZ) before it prints anything: is that line still there?"
        ),
        (N_("{bin}/rockets{mode} -n 3 -v | cat  # the lines should come one by one"),),
        "rockets",
    ),
    Symptom(
        "shared-argument",
        N_("threads were given the same variable"),
        N_(
            "Some rockets fly twice and others never: a thread gets the ADDRESS of a variable that main changes for the next\n"
            "rocket, and looks there only then. Give each thread the address of a rocket of its own: &rockets[i]."
        ),
        (
            N_(
                "{bin}/rockets{mode} -n 1000 -t 1 -v | grep launched | sort | uniq -d  # rockets that flew twice"
            ),
        ),
        "rockets",
    ),
    Symptom(
        "does-not-stop",
        N_("a signal does not end the launch"),
        N_(
            "By default SIGINT and SIGTERM end a process with all its threads, and that is all that is asked for here. A\n"
            "program that blocks or ignores them, or has a handler that only sets a flag, goes on flying."
        ),
        (N_("timeout -s TERM 1 {bin}/rockets -n 20 -t 60000  # should be back after a second"),),
        "rockets",
    ),
    Symptom(
        "thread-leak",
        N_("threads are neither joined nor detached"),
        N_(
            "A thread that has ended keeps its stack until somebody joins it. Join each one that was started, in a second\n"
            "loop, or detach it: pthread_join(3), pthread_detach(3)."
        ),
        (),
        "rockets",
    ),
    Symptom(
        "memory-leak",
        N_("memory is not given back"),
        N_(
            "Whoever allocates something for a rocket, or for a thread, frees it: also where a thread could not be started."
        ),
        (),
        "rockets",
    ),
    Symptom(
        "hang",
        N_("it neither ends nor goes on"),
        N_("It waits for something that does not come. The threads' stacks say where."),
        ("gdb -p $(pidof rockets) -batch -ex 'thread apply all bt'",),
        "rockets",
    ),
    Symptom(
        "busy-wait",
        N_("it burns the CPU while it waits"),
        N_(
            "A rocket that waits has nothing to do. Who looks at the clock in a loop until it is time keeps a processor from\n"
            "all the others, sched_yield(2) in the loop or not: sleep until that instant."
        ),
        (N_("time {bin}/rockets{mode} > /dev/null  # user and sys: the processor's seconds"),),
        "rockets",
    ),
)

# And as they look in lab 04.
_IN_SCANNER = (
    Symptom(
        "wrong-timing",
        N_("a port is not waited for as long as -w says"),
        N_(
            "Each port has the whole of TIMEOUT_MS, 1000 without -w, from its own connect on: the last argument of poll(2),\n"
            "in milliseconds. With one thread the time-outs of silent ports add up."
        ),
        (N_("time {bin}/scanner -t 1 -w 500 -p 1-3 192.0.2.1  # nobody's address: 1.5 s"),),
        "scanner",
    ),
    Symptom(
        "wrong-exit-status",
        N_("the exit status is not the one agreed on"),
        N_(
            "0: done. 1: it failed while running. 2: the arguments are wrong. A scan that Ctrl-C ends is not done: it dies of\n"
            "SIGINT, as it would without a handler, or exits with 130, which is 128 + 2, the number of SIGINT."
        ),
        (
            N_(
                "timeout --preserve-status -s INT 1 {bin}/scanner -w 5000 192.0.2.1; echo status $?  # 130"
            ),
        ),
        "scanner",
    ),
    Symptom(
        "wrong-order",
        N_("ports are not printed in ascending order"),
        N_(
            "Threads finish in any order. A port is printed when all lower ones are known: keep the results by port number,\n"
            "and print the part without a gap. Who prints what it finds, when it finds it, prints in the order of the answers."
        ),
        (
            N_(
                "{bin}/scanner -t 1000 localhost | sort -c -k 2 -n  # says nothing if they are in order"
            ),
        ),
        "scanner",
    ),
    Symptom(
        "not-flushed",
        N_("what was printed is still in stdio's buffer"),
        N_(
            "Where stdout is not a terminal, stdio keeps what is printed until 4096 bytes have come together. The starter's\n"
            "show_start says setvbuf(stdout, NULL, _IOLBF, BUFSIZ): is that line still there?"
        ),
        ("{bin}/scanner localhost | cat",),
        "scanner",
    ),
    Symptom(
        "does-not-stop",
        N_("Ctrl-C does not end the scan"),
        N_(
            "Without a handler SIGINT ends a process with all its threads. A handler that tidies the terminal has to end it\n"
            "then: raise(3) the signal again with its default action, as the starter has it."
        ),
        (N_("timeout -s INT 1 {bin}/scanner -w 60000 192.0.2.1  # should be back after a second"),),
        "scanner",
    ),
    Symptom(
        "hang",
        N_("it neither ends nor goes on"),
        N_("It waits for something that does not come. The threads' stacks say where."),
        ("gdb -p $(pidof scanner) -batch -ex 'thread apply all bt'",),
        "scanner",
    ),
)

TABLE = {symptom.name: symptom for symptom in _TABLE}
_IN_LABS = {(symptom.program, symptom.name): symptom for symptom in (*_IN_ROCKETS, *_IN_SCANNER)}


def find(name: str | None, programs: Sequence[str] = ()) -> Symptom | None:
    """The symptom of a name, for a lab with these programs, in the reader's language; None for none."""
    name = name or ""
    own = [_IN_LABS[program, name] for program in programs if (program, name) in _IN_LABS]
    symptom = own[0] if own else TABLE.get(name)
    if not symptom:
        return None
    text = _(symptom.text) if symptom.text else ""
    return replace(symptom, title=_(symptom.title), text=text)


def of_end(ended: Ended) -> str:
    """The cause that an untimely end shows by itself."""
    if ended.signal == "SIGPIPE":
        return "sigpipe"
    if ended.signal == "SIGXCPU":
        return "cpu-budget"
    return "crash" if ended.signal else "ended-early"
