"""The quiz: asks the control questions on the terminal, explains each answer, and keeps what has been answered.

An empty line skips a question, `?` shows the model answer, `r` runs the experiment behind it, `q` leaves. What
was wrong comes again a few questions later, and in the next run. Exit status: 0 done or left, 2 wrong
arguments, 3 an error of ours or the machine's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from labkit.ground import catalog
from labkit.ground.faults import Trouble
from labkit.ground.words import _, russian
from labkit.workbook import experiments, questions, quiz_progress
from labkit.workbook.questions import Answer, Judgement, NotAnAnswer, Question, Words
from labkit.workbook.quiz_asking import Asking, key
from labkit.workbook.quiz_progress import Progress
from labkit.workbook.quiz_screen import Screen

AGAIN_AFTER = 4  # other questions
BAR = 10


class Left(Exception):
    """The person wants to leave."""


def main(options: argparse.Namespace) -> int:
    """Run the quiz; returns the exit status."""
    lab = catalog.find(options.lab) if options.lab else None
    asked = [q for q in questions.load(options.docs) if lab is None or q.lab == lab.number]
    topics = questions.topics(options.docs)
    screen = Screen()
    progress, aside = quiz_progress.load(options.progress or quiz_progress.PLACE)
    if aside:
        words = _(
            "The saved answers cannot be read; their file is now {file}. The quiz starts anew."
        )
        screen.say(words.format(file=f"`{aside}`"))
    quiz = Quiz(screen, progress, asked, topics)
    if options.again:
        quiz.begin_again()
    quiz.run()
    return 0


class Quiz:
    """One run of the quiz over some questions."""

    def __init__(
        self,
        screen: Screen,
        progress: Progress,
        asked: Sequence[Question],
        topics: dict[str, Words],
    ) -> None:
        self._screen, self._progress = screen, progress
        self._asked, self._topics = asked, topics
        self._queue = [q for q in asked if not progress.is_right(q.id)]
        self._kept = True  # whether what is answered can be written

    def begin_again(self) -> None:
        """Ask all of them, also those that were answered."""
        self._queue = list(self._asked)
        self._keep(lambda: self._progress.forget(q.id for q in self._asked))

    def run(self) -> None:
        """Ask until nothing is left, or the person leaves; then the score."""
        left = False
        if self._queue:
            self._keep(self._progress.save)  # the seed, with which options are shuffled
            self._greet()
        try:
            while self._queue:
                question = self._queue.pop(0)
                again = question.id in self._progress.states
                self._one(question, again)
        except (Left, EOFError, KeyboardInterrupt):
            left = True
            print()
        self._score(left)

    def _greet(self) -> None:
        done = len(self._asked) - len(self._queue)
        if done:
            words = _("Answered rightly before: {n} of {all}. We go on with the others.")
            self._screen.say(words.format(n=done, all=len(self._asked)))
        self._screen.say(_("At any time:"))
        does = [_("skips the question"), _("shows the model answer")]
        does += [_("runs the experiment behind the question"), _("leaves; your answers are kept")]
        self._screen.listed(["Enter", "?", "r", "q"], does)

    # -- one question --------------------------------------------------------------------------

    def _one(self, question: Question, again: bool) -> None:
        """Ask one question until it is answered, skipped or looked up."""
        parts = [_("Lab {n}").format(n=question.lab), self._topics[question.topic].said]
        parts.append(_("{n} to go").format(n=len(self._queue) + 1))
        self._screen.head(" · ".join([*parts, _("again")] if again else parts))
        asking = Asking(self._screen, question, self._order(question))
        asking.show()
        while True:
            typed = asking.read()
            pressed = key(typed)
            if pressed == "":
                self._screen.say(_("Skipped."), "dim")
                return
            if pressed:
                if self._key(pressed, question, asking):
                    self._looked_up(question)
                    return
            elif self._answered(question, asking, typed):
                return

    def _order(self, question: Question) -> list[int]:
        """The order in which its options or items are shown, the same each time."""
        if question.kind == "order":
            count = len(question.items)
            return self._progress.shuffled(question.id, count, never=range(count))
        return self._progress.shuffled(question.id, len(question.options))

    def _key(self, pressed: str, question: Question, asking: Asking) -> bool:
        """Do what a key asks for; returns whether the question has thereby been answered for the person."""
        if pressed == "q":
            raise Left
        if pressed == "r":
            self._experiment(question)
            answered = question.kind == "output" and question.program == question.experiment
            if not answered:
                self._screen.put()
                asking.show()  # it has gone off the screen
            return answered
        asking.show_model()
        return True

    def _looked_up(self, question: Question) -> None:
        """The answer was shown before the person gave one."""
        self._note(question, False)
        self._screen.say(_("Now you have seen it, so it will come again."), "dim")
        self._pause(question, None)

    def _answered(self, question: Question, asking: Asking, typed: str) -> bool:
        """Judge what was typed; returns whether it could be judged."""
        try:
            answer: Answer = asking.answer(typed)
            judgement = questions.judge(question, answer)
        except NotAnAnswer as error:
            self._screen.say(str(error))
            if error.evidence:
                self._screen.printed(error.evidence)
            return False
        except Trouble as trouble:
            self._screen.say(_("This could not be tried here: {why}").format(why=trouble))
            return False
        self._note(question, judgement.right)
        self._explain(judgement)
        self._screen.say(_("In the workbook: {place}").format(place=_place(question)), "dim")
        self._pause(question, asking)
        return True

    def _note(self, question: Question, right: bool) -> None:
        self._keep(lambda: self._progress.note(question.id, right))
        if not right:
            self._queue.insert(AGAIN_AFTER, question)

    def _explain(self, judgement: Judgement) -> None:
        screen = self._screen
        screen.put()
        screen.say(_("Right.") if judgement.right else _("Wrong."), f"bold {_colour(judgement)}")
        for reason in judgement.reasons:
            if reason.about and (reason.missed or len(judgement.reasons) > 1):
                mark = _("missed:") if reason.missed else _("chosen:")
                screen.listed(["-", ""], [f"{mark} {reason.about.said}", reason.why.said])
            else:
                screen.show(reason.why.said)
        if judgement.evidence and not judgement.right:
            first, newline, rest = judgement.evidence.partition("\n")
            screen.say(first)
            if newline:
                screen.printed(rest)

    def _pause(self, question: Question, asking: Asking | None) -> None:
        """Time to read: until Enter. asking: with which the model answer can be shown still."""
        prompt = _("Enter: go on, ?: model answer, r: run, q: leave")
        if asking is None:
            prompt = _("Enter: go on, r: run, q: leave")
        while (pressed := key(self._screen.ask(prompt))) != "":
            if pressed == "q":
                raise Left
            if pressed == "r":
                self._experiment(question)
            elif pressed == "?" and asking:
                asking.show_model()

    def _experiment(self, question: Question) -> None:
        """Show the experiment's source, and run it."""
        try:
            path = experiments.source(question.experiment, question.experiments)
            how = experiments.expected(question.experiment, question.experiments)
            self._screen.head(f"docs/experiments/{path.name}")
            self._screen.show_code(
                path.read_text(encoding="utf-8"), "python" if path.suffix == ".py" else "c"
            )
            self._screen.put()
            if command := experiments.compile_command(path, how.tool):
                self._screen.printed(f"$ {command}")
            arguments = question.experiment, how.arguments, how.tool, question.experiments
            self._screen.printed(experiments.transcript(*arguments))
        except Trouble as trouble:
            self._screen.say(_("This could not be tried here: {why}").format(why=trouble))

    # -- the end -------------------------------------------------------------------------------

    def _score(self, left: bool) -> None:
        """Right answers by topic, where to read, and what comes next time."""
        screen, states = self._screen, self._progress.states
        screen.head(_("Right answers"))
        rows = []
        for topic, words in self._topics.items():
            of_topic = [q for q in self._asked if q.topic == topic]
            if of_topic:
                rows.append(self._row(words.said, of_topic))
        screen.table([*rows, self._row(_("together"), self._asked)])
        wrong = [q for q in self._asked if q.id in states and not states[q.id].right]
        if wrong:
            screen.put()
            screen.say(_("Worth reading again:"))
            places = list(dict.fromkeys(map(_place, wrong)))
            screen.listed(["-"] * len(places), places)
        screen.put()
        self._say_what_is_next(left)

    def _row(self, name: str, asked: Sequence[Question]) -> tuple[str, str, str]:
        right = sum(self._progress.is_right(question.id) for question in asked)
        full = BAR * right // len(asked) if asked else 0
        figure = _("{n} of {all}").format(n=right, all=len(asked))
        return name, figure, "█" * full + "░" * (BAR - full)

    def _say_what_is_next(self, left: bool) -> None:
        if all(self._progress.is_right(question.id) for question in self._asked):
            self._screen.say(_("All of them are right. `make quiz AGAIN=1` asks them once more."))
        elif self._kept:
            self._screen.say(_("Kept. The next `make quiz` goes on with the others."))

    def _keep(self, write: Callable[[], None]) -> None:
        """Write what has been answered; where that fails, say so once."""
        try:
            write()
        except OSError as error:
            if self._kept:
                words = _("What you answer cannot be kept: {why}")
                self._screen.say(words.format(why=error))
            self._kept = False


def _colour(judgement: Judgement) -> str:
    return "green" if judgement.right else "red"


def _place(question: Question) -> str:
    """Where the workbook explains it, in the reader's language: the file, and its heading."""
    language = "ru" if russian() else "en"
    file = question.chapter.partition("#")[0]
    return f"`docs/{language}/{file}`, {question.heading(language)}"
