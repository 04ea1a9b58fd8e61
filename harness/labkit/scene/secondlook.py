"""A second look: what failed in a plain run is repeated in the same scenario under the tool that can see why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from labkit.ground.faults import Fault
from labkit.ground.words import _
from labkit.scene import inspection
from labkit.scene.scene import Scene
from labkit.scene.tools import NATIVELY, UNDER_ASAN, UNDER_TSAN, Tool

# Which tools may see why, one after another until one does, by the cause that the plain run has; whether what they see is the
# better name. A crash that comes of a race may not come again: then the race is there all the same.
TOOLS: Mapping[str, tuple[Sequence[Tool], bool]] = {
    "crash": ((UNDER_ASAN, UNDER_TSAN), True),
    "mixed-clients": ((UNDER_TSAN,), False),
    "garbled-lines": ((UNDER_TSAN,), False),
    "lost-client": ((UNDER_TSAN,), False),
}
NAMES = {UNDER_ASAN.name: "AddressSanitizer", UNDER_TSAN.name: "ThreadSanitizer"}


def wanted(fault: Fault, scene: Scene) -> bool:
    """Whether a tool may see more: the program ran without any, and nobody has explained it yet."""
    return fault.cause in TOOLS and not fault.certain and not fault.details and _plain(scene)


def _plain(scene: Scene) -> bool:
    return any(program.tool is NATIVELY for program in scene.programs)


def take(
    fault: Fault,
    new_scene: Callable[[], AbstractContextManager[Scene]],
    repeat: Callable[[Scene], None],
) -> None:
    """Repeat a check under tools and add what one has found to the fault; where none finds anything, that.

    new_scene: makes a scene for each. repeat: runs the check in it; whatever it raises is of no interest.
    """
    tools, better = TOOLS[fault.cause or ""]
    for tool in tools:
        with new_scene() as scene:
            found = _seen(scene, tool, repeat)
        if found:
            break
    else:
        names = _(" and ").join(NAMES[tool.name] for tool in tools)
        fault.details = _("Repeated under {tool}, the same shows nothing.").format(tool=names)
        return
    heading = _("The same scenario again, under a tool, which reports: {what}").format(
        what=found.what
    )
    fault.details = f"{heading}\n\n{found.details}"
    fault.by_hand = found.by_hand
    if better:
        fault.cause = found.cause


def _seen(scene: Scene, tool: Tool, repeat: Callable[[Scene], None]) -> Fault | None:
    """The first thing that a tool finds in the programs of a check."""
    scene.watched_by = tool
    # Whatever goes wrong now, the verdict stands already.
    with suppress(Exception):
        repeat(scene)
    for program in scene.programs:
        try:
            with suppress(Exception):
                program.close_now()
                program.must_end()
            inspection.inspect(program)
        except Fault as found:
            return found
        except Exception:
            continue
    return None


def arguments(known: Mapping[str, Any], scene: Scene) -> dict[str, Any]:
    """A check's arguments with another scene."""
    return {name: scene if isinstance(value, Scene) else value for name, value in known.items()}
