"""What each thread of a stopped process does: run by gdb, a line of JSON a thread on stdout.

    gdb -batch ... -p PID -x gdb_threads.py

`threads` starts it and reads the lines. It runs in gdb's own Python, so it imports nothing of labkit. The
program is somebody else's: no function of it is called, and nothing in it is taken for an expression.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

gdb: Any = importlib.import_module("gdb")  # there is type information for it here, none there

MOST_FRAMES = 60
MOST_NAME = 120  # characters
# What a thread waits on in futex(2) lies inside a lock: its owner's id at most this far around it.
BYTES_BEFORE, BYTES = 16, 64
THREAD_POINTERS = ("fs_base", "tpidr")  # x86_64, aarch64
ADDRESS = (1 << 64) - 1

# "call 0x1090 <pthread_join@plt>"; aarch64: "bl 0x890 <recv@plt>"
_CALL = re.compile(r"(?:call|bl).*<(?P<name>[^<>+@]+)(?:@[^<>]*)?>$")
_CALL_LENGTHS = (5, 6, 4)
_SYMBOL = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:\.\d+)?(?: \+ (?P<offset>\d+))? in section ")
_SYNCHRONISATION = ("pthread_", "mtx_t", "cnd_t", "sem_t")


def main() -> None:
    """Print all threads that gdb sees; where its process's main thread has ended, one after the other."""
    inferior = gdb.selected_inferior()
    process = process_of(inferior.pid)
    show(inferior)
    if process == inferior.pid:
        return
    first = inferior.pid
    for tid in sorted(int(entry.name) for entry in Path(f"/proc/{process}/task").iterdir()):
        if tid not in (process, first) and taken(inferior, tid):
            show(inferior)


def taken(inferior: Any, tid: int) -> bool:
    """Let go of the thread that gdb has hold of, if any, and take this one; False where it has ended since."""
    try:
        if inferior.pid:
            gdb.execute("detach", to_string=True)
        gdb.execute(f"attach {tid}", to_string=True)
    except gdb.error:
        return False
    return True


def process_of(tid: int) -> int:
    """The process that a thread belongs to; 0 where it has ended."""
    match = re.search(r"^Tgid:\s*(\d+)", of_kernel(tid, tid, "status"), re.MULTILINE)
    return int(match[1]) if match else 0


def show(inferior: Any) -> None:
    """Print the threads of which gdb has hold, the main one first; each at once, for the time may run out."""
    for thread in sorted(inferior.threads(), key=lambda thread: int(thread.num)):
        thread.switch()
        pid, tid, _ = thread.ptid
        seen: dict[str, Any] = {"tid": tid, "frames": list(frames())}
        seen["status"] = of_kernel(pid, tid, "status")
        seen["system_call"] = of_kernel(pid, tid, "syscall")
        seen["pointer"] = thread_pointer()
        seen["memory"], seen["symbol"] = waited_for(inferior, seen["system_call"])
        gdb.write(json.dumps(seen) + "\n")
        gdb.flush()


def thread_pointer() -> int:
    """Where the selected thread's own data are, which the C library keeps beside its descriptor; 0: not known."""
    for register in THREAD_POINTERS:
        try:
            return int(gdb.newest_frame().read_register(register)) & ADDRESS
        except (gdb.error, ValueError):  # another kind of machine
            continue
    return 0


def frames() -> Iterator[list[str | int | None]]:
    """The selected thread's frames from the innermost on: function, file, line, library, what it calls."""
    frame, called = gdb.newest_frame(), False
    for _frame in range(MOST_FRAMES):
        sal = frame.find_sal()
        library = gdb.solib_name(frame.pc())
        yield [
            (frame.name() or "??")[:MOST_NAME],
            sal.symtab.filename if sal.symtab else None,
            sal.line,
            library,
            callee(frame) if called and not library else None,
        ]
        # An inlined function is a frame, too, but stands at the same instruction as its caller.
        called = called or frame.type() != gdb.INLINE_FRAME
        try:
            frame = frame.older()
        except gdb.error:  # a stack that is damaged
            return
        if frame is None:
            return


def callee(frame: Any) -> str | None:
    """The function whose call a frame stands behind, as the program calls it.

    The inner frame may not tell: inside a library without symbols, functions that were left by a jump to
    another, as pthread_join is, have no frame.
    """
    for length in _CALL_LENGTHS:
        try:
            (instruction,) = frame.architecture().disassemble(frame.pc() - length)[:1]
        except gdb.error:
            continue
        match = _CALL.match(instruction["asm"])
        if match and instruction["length"] == length:
            return match["name"][:MOST_NAME]
    return None


def of_kernel(pid: int, tid: int, name: str) -> str:
    """A file of proc(5) about a thread, empty where it can't be read."""
    try:
        return Path(f"/proc/{pid}/task/{tid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


def waited_for(inferior: Any, call: str) -> tuple[str, str]:
    """Where the call's first argument is an address: the memory around it, and the variable's name."""
    words = call.split()
    if len(words) < 2 or not words[1].startswith("0x"):
        return "", ""
    address = int(words[1], 16)
    try:
        memory = bytes(inferior.read_memory(address - BYTES_BEFORE, BYTES)).hex()
        return memory, variable(address)
    except (gdb.error, OverflowError):  # it was no address
        return "", ""


def variable(address: int) -> str:
    """The global variable, or the member of one, that lies at an address: "clients.lock"."""
    match = _SYMBOL.match(gdb.execute(f"info symbol {address:#x}", to_string=True))
    if not match:
        return ""
    name, offset = match["name"], int(match["offset"] or 0)
    symbol = gdb.lookup_static_symbol(name) or gdb.lookup_global_symbol(name)
    if symbol is None:  # a static variable of a function
        return name[:MOST_NAME]
    value = symbol.value()
    if value.address is None or int(value.address) != address - offset:
        return name[:MOST_NAME]
    return (name + member(value.type, offset))[:MOST_NAME]


def member(kind: Any, offset: int) -> str:
    """What leads from a variable of this type to the lock at an offset in it: ".lock", "[2]"."""
    if kind.code != gdb.TYPE_CODE_ARRAY and str(kind).startswith(_SYNCHRONISATION):
        return ""
    kind = kind.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_ARRAY:
        element = kind.target()
        index, rest = divmod(offset, max(1, element.sizeof))
        return f"[{index}]" + member(element, rest)
    if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        for field in kind.fields():
            start = field.bitpos // 8
            if start <= offset < start + field.type.sizeof:
                dot = f".{field.name}" if field.name else ""
                return dot + member(field.type, offset - start)
    return ""


if __name__ == "__main__":
    main()
