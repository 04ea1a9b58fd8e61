"""The pytest plugin that grades: it runs a lab's checks in the order of its steps and turns them into verdicts.

A step is passed when all its checks pass. A `Fault` in a check fails its step; whatever else is raised is an
error of ours, is tried once more, and then shown as an error.
"""

from __future__ import annotations

import inspect
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from labkit.box import sandbox
from labkit.build.build import Builder
from labkit.build.intake import stage
from labkit.grading import explain, shortage
from labkit.grading.results import LabResult, StepResult, Verdict
from labkit.ground import budget, written
from labkit.ground.catalog import Lab, Step
from labkit.ground.faults import Fault, Trouble, witnessed
from labkit.ground.pace import Overdue, Pace, watchdog
from labkit.ground.scratch import Scratch
from labkit.ground.words import _
from labkit.scene import inspection, secondlook, witness
from labkit.scene.scene import Scene

HOG = 2 << 30  # bytes of memory: twice what a program with 1,000 threads needs under a sanitizer
SHORT_SECONDS = 10.0  # that a shortage may last before a check is tried again all the same
ROOM = 1 << 20  # what logs and counters may need, in bytes
CHECK_SECONDS = 150  # far above what any check needs; past it the harness itself hangs


class Grader:
    """Grades one lab of one work directory.

    `take_up` says which steps are run. checks: the names of the checks to run of them, all where
    none is given: for the self-tests and for authors of checks. stop: end at the first step that fails.
    told: called with each step's result as soon as it is known.
    """

    def __init__(
        self,
        lab: Lab,
        work: Path,
        pace: Pace,
        *,
        seed: int,
        checks: frozenset[str] = frozenset(),
        stop: bool,
        report: Path,
        told: Callable[[StepResult], None],
    ) -> None:
        self.lab = lab
        self.work = work
        self.pace = pace
        self.seed = seed
        self.only: frozenset[int] = frozenset()
        self.checks = checks
        self.stop = stop
        self.report = report
        self.told = told
        self.results: dict[int, StepResult] = {}
        self.earlier: dict[int, StepResult] = {}  # of a run of which only some steps are run again
        self._scene: Scene | None = None
        self._current: Step | None = None
        self._began = 0.0
        self._scratch = Scratch()
        self._directory = self._scratch.path
        self._builder: Builder | None = None
        self._error = ""
        self._figures: list[str] = []
        self._cpu = 0.0  # seconds that the hungriest program of the current step has used

    def take_up(self, only: Iterable[int], earlier: LabResult | None) -> None:
        """Run these steps, by their numbers; of an earlier result the others stand."""
        self.only = frozenset(only)
        found = earlier.steps if earlier else []
        self.earlier = {r.step.number: r for r in found if r.step.number not in self.only}

    def digest(self) -> str:
        """A digest of the sources; empty where no sources could be built."""
        try:
            return self.builder.sources.digest
        except (Fault, OSError):
            return ""

    # -- pytest's hooks ----------------------------------------------------------------------

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line(
            "markers", "step(number): the step of the lab that a check belongs to"
        )

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Only the wanted checks of the wanted steps, in the order of the steps."""
        wanted = (i for i in items if not self.checks or i.name in self.checks)
        items[:] = sorted((i for i in wanted if _step_of(i) in self.only), key=_step_of)

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        step = self.lab.step(_step_of(item))
        if step is not self._current:
            self._finish_step()
            self._current, self._began = step, time.monotonic()
        if step.number not in self.results and not self._blocked(step):
            self._run(item, nextitem)
        return True

    def pytest_keyboard_interrupt(self) -> None:
        """An interrupted step has no verdict: one of which only half the checks ran has not passed."""
        self._current = None

    def pytest_sessionfinish(self) -> None:
        self._finish_step()

    def pytest_unconfigure(self) -> None:
        self._scratch.remove()

    @pytest.hookimpl(tryfirst=True)  # type: ignore[misc]
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """Run a check, then see that no program of its ended on its own meanwhile."""
        names = pyfuncitem._fixtureinfo.argnames
        self.pace.heaviest = 1.0
        with _room(self._directory), shortage.Watch() as machine:
            try:
                with witnessed(self._look):
                    pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
                if self._scene:
                    self._scene.verify()
            except Fault as fault:
                raise self._whose(fault, machine) from None
        if self._scene:
            self._figures += self._scene.figures
        return True

    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport | None:
        """Turn what a check raised into its step's result, while the scene is still there to be described.

        Nobody reads what pytest would say of it, for which it parses whole modules.
        """
        if call.excinfo is None or call.when == "collect":
            return None
        raised = call.excinfo.value
        if isinstance(raised, pytest.skip.Exception):
            return None
        try:
            if isinstance(raised, Fault):
                self._failed(item, raised)
            else:
                self._error = _our_fault(raised)
        except Exception as ours:  # what describes a failure may fail, too
            self._error = _our_fault(ours)
        return pytest.TestReport(item.nodeid, item.location, {}, "failed", None, call.when)

    # -- fixtures ----------------------------------------------------------------------------

    @pytest.fixture
    def scene(self) -> Iterator[Scene]:
        """Programs, networks and clients for one check; nothing of them is left afterwards."""
        limit = budget.of(self.lab, self._current.number) if self._current else None
        with self._new_scene(limit) as scene:
            self._scene = scene
            try:
                yield scene
            finally:
                self._scene = None
        self._cpu = max(self._cpu, scene.cpu_used())

    @contextmanager
    def _new_scene(self, limit: budget.Budget | None) -> Iterator[Scene]:
        """A scene in a directory of its own; nothing is left of either."""
        directory = Path(tempfile.mkdtemp(prefix="check-", dir=self._directory))
        scene = Scene(self.builder, self.pace, self.seed, directory, limit)
        scene.judge = inspection.inspect
        try:
            yield scene
        finally:
            scene.close()
            written.remove(directory)

    @property
    def builder(self) -> Builder:
        """The lab's sources, staged once."""
        if not self._builder:
            self._builder = Builder(
                self.lab, stage(self.lab, self.work, self._directory / "sources")
            )
        return self._builder

    # -- verdicts ----------------------------------------------------------------------------

    def result(self, seconds: float) -> LabResult:
        """The lab's result; steps that were not reached are blocked by the one that failed."""
        for step in self.lab.steps:
            if step.number in self.only and step.number not in self.results:
                self.results[step.number] = self._not_run(step)
        ordered = [self.results[s.number] for s in self.lab.steps if s.number in self.only]
        return LabResult(self.lab, ordered, seconds, sandbox.available(), self.digest())

    def _run(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Run a check; once more if we failed ourselves."""
        step = self.lab.step(_step_of(item))
        for attempt in range(2):
            if attempt:
                self.pace.eventually(shortage.over, SHORT_SECONDS)
            self._error = ""
            signal.signal(signal.SIGALRM, watchdog)
            signal.setitimer(signal.ITIMER_REAL, CHECK_SECONDS * self.pace.factor())
            try:
                runtestprotocol(item, nextitem=nextitem, log=False)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            if not self._error or step.number in self.results:
                return
        self.results[step.number] = StepResult(step, Verdict.ERROR, None, self._error)

    def _failed(self, item: pytest.Item, fault: Fault) -> None:
        step = self.lab.step(_step_of(item))
        failure = explain.Failure(
            lab=self.lab,
            step=step,
            sentence=_(inspect.getdoc(getattr(item, "obj", None)) or item.name),
            fault=fault,
            seed=self.seed,
            work=self.work,
            sources=self._directory / "sources",
        )
        if self._scene:
            scene = self._scene
            self._try(failure, lambda: failure.observe(scene))
            self._try(failure, lambda: self._look_again(item, failure.fault, scene))
        output = explain.block(failure, self.report)
        self.results[step.number] = StepResult(
            step, Verdict.FAILED, failure.cause, output, check=item.name
        )

    def _try(self, failure: explain.Failure, take: Callable[[], object]) -> None:
        """Take evidence. If that cannot be done the failure stays one, and says what is missing."""
        try:
            take()
        except Overdue:
            raise
        except Exception as ours:
            words = _("some of the evidence could not be taken: {why}")
            failure.processes.append(words.format(why=ours))

    def _look(self, fault: Fault) -> dict[str, witness.Snapshot]:
        """What the programs show at the moment of a fault."""
        try:
            return witness.first_look(fault, self._scene.programs if self._scene else ())
        except Overdue:
            raise
        except (
            Exception
        ):  # the fault counts all the same; what it lacks is said when it is described
            return {}

    def _look_again(self, item: pytest.Item, fault: Fault, scene: Scene) -> None:
        """Repeat a check under a tool, where that may see why it failed."""
        if not secondlook.wanted(fault, scene) or not isinstance(item, pytest.Function):
            return
        known = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
        check: Callable[..., object] = item.obj

        def repeat(scene: Scene) -> None:
            check(**secondlook.arguments(known, scene))

        secondlook.take(fault, lambda: self._new_scene(None), repeat)

    def _whose(self, fault: Fault, machine: shortage.Watch) -> Exception:
        """What a fault is worth: itself, what the harness ended a program for, or the machine's trouble."""
        scene = self._scene
        if scene and scene.trouble():
            return scene.trouble() or fault
        if not scene or not scene.programs or fault.certain:
            return fault
        killed = scene.killed()
        if killed:
            return killed
        lacking = machine.lacking()
        if self.pace.overloaded():
            words = _("the machine is overloaded: up to {n:.0f} threads of others want each CPU")
            lacking = lacking or words.format(n=self.pace.heaviest)
        if machine.killed_for_memory() and scene.ended_by_others():
            most = max(program.most_resident for program in scene.ended_by_others())
            if most > HOG:
                words = _("it had {n} MiB of memory when the kernel ended it, for want of more")
                return Fault(words.format(n=most >> 20), cause="memory", about=fault.about)
            lacking = _("the kernel has ended a program for want of memory")
        return Trouble(lacking) if lacking else fault

    def _blocked(self, step: Step) -> bool:
        return self._hurdle(step) is not None

    def _hurdle(self, step: Step) -> Step | None:
        """The step because of which this one is not run: one it needs, or the first that failed in this run."""
        for number, result in {**self.earlier, **self.results}.items():
            bad = result.verdict is not Verdict.PASSED and number != step.number
            stops = self.stop and number in self.results
            if bad and (stops or (number in step.needs and _in_the_way(result))):
                return result.step
        return None

    def _not_run(self, step: Step) -> StepResult:
        hurdle = self._hurdle(step)
        if not hurdle:
            return StepResult(step, Verdict.ERROR, None, _("no check of this step was run"))
        words = _("not run: step {n}, {title}, comes first").format(
            n=hurdle.number, title=hurdle.heading
        )
        return StepResult(step, Verdict.BLOCKED, None, words, after=hurdle.number)

    def _finish_step(self) -> None:
        """Give the step that just ended its verdict, and tell it."""
        step, self._current = self._current, None
        if not step:
            return
        if step.number not in self.results:
            if self._blocked(step):
                self.results[step.number] = self._not_run(step)
            else:
                shown = "\n\n".join(self._figures)
                self.results[step.number] = StepResult(step, Verdict.PASSED, output=shown)
        self._figures = []
        result = self.results[step.number]
        result.seconds = time.monotonic() - self._began
        result.cpu, self._cpu = self._cpu, 0.0
        self.told(result)


def _in_the_way(result: StepResult) -> bool:
    """Whether a step that was not passed makes those that need it impossible."""
    return result.verdict is not Verdict.FAILED or result.step.blocks_others(
        result.check or "", result.cause
    )


def _step_of(item: pytest.Item) -> int:
    mark = item.get_closest_marker("step")
    if not mark:
        raise Trouble(f"{item.nodeid} belongs to no step")
    return int(mark.args[0])


@contextmanager
def _room(directory: Path) -> Iterator[None]:
    """Trouble where the disk is full before or after: then logs are cut, and no verdict can be trusted."""
    _need_room(directory)
    try:
        yield
    finally:
        _need_room(directory)


def _need_room(directory: Path) -> None:
    disk = os.statvfs(directory)
    free = (disk.f_bavail if os.geteuid() else disk.f_bfree) * disk.f_frsize
    if disk.f_blocks and free < ROOM:
        raise Trouble(_("no space left in {dir}: {n} bytes").format(dir=directory.parent, n=free))


def _our_fault(raised: BaseException) -> str:
    """An error of ours or the machine's: a sentence where it is known, else with its traceback."""
    if isinstance(raised, Trouble):
        return _("the harness or the machine failed: {why}").format(why=raised)
    if isinstance(raised, OSError):
        return _("the machine failed: {why}").format(why=raised)
    if isinstance(raised, MemoryError):
        return _("the machine failed: {why}").format(why=_("there is no memory left"))
    if isinstance(raised, RuntimeError) and "start new thread" in str(raised):
        return _("the machine failed: {why}").format(why=_("no more threads can be started here"))
    trace = "".join(traceback.format_exception(raised))
    return _("a bug in the harness, please report it:") + "\n" + trace
