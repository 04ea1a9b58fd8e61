"""Lab 03, step 5: Rockets as objects."""

from __future__ import annotations

from checks.lab_03_rockets.launches import OBJECTS
from checks.lab_03_rockets.shared import a_thread_each, crowded, fly_by_plan, watched
from labkit.scene.checking import UNDER_ASAN, Scene, Shim, step


@step(5, "objects")
def test_objects_have_threads(scene: Scene) -> None:
    """Each rocket owns a thread, which sleeps while it waits."""
    a_thread_each(scene, OBJECTS)


@step(5, "objects", "at-once")
def test_objects_in_a_crowd(scene: Scene) -> None:
    """When all print at the same time each line is whole, and no rocket gets another one's plan."""
    crowded(scene, OBJECTS)


@step(5, "objects", "by-plan", "longest")
def test_objects(scene: Scene) -> None:
    """In mode objects rockets fly as in mode threads, each line at its instant, also after one came late."""
    fly_by_plan(scene, OBJECTS)


@step(5, "objects", "sound-memory")
def test_memory_of_objects_is_sound(scene: Scene) -> None:
    """AddressSanitizer and LeakSanitizer find nothing: every rocket is joined and freed."""
    watched(scene, UNDER_ASAN, Shim(), (OBJECTS, 30), (OBJECTS, 30))
