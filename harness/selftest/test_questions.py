"""The control questions keep their promises; broken ones are refused; answers are judged as they should be."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from labkit.ground.catalog import ROOT, all_labs
from labkit.ground.faults import Trouble
from labkit.workbook import boxed, experiments, questions
from labkit.workbook.questions import Answer, NotAnAnswer, Question, judge, judging
from labkit.workbook.questions.judging import plain_text, printed, same_output, without_blanks

SAMPLES = Path(__file__).parent / "quiz_docs"
REAL = questions.load() if (ROOT / "docs" / "questions" / "topics.toml").is_file() else []
SAMPLE = {question.id: question for question in questions.load(SAMPLES)}
ALL = [*REAL, *SAMPLE.values()]
ALL_IDS = [question.id for question in ALL]
FENCE = re.compile(r"```.*?```", re.DOTALL)


def of(kind: str) -> list[object]:
    """All questions of a kind, for parametrize."""
    return [pytest.param(question, id=question.id) for question in ALL if question.kind == kind]


# -- the workbook's ------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL, reason="there are no questions here")
def test_enough_for_each_lab() -> None:
    """Eight or more of four kinds or more for each lab, and no file without a lab."""
    numbers = {lab.number for lab in all_labs()}
    assert numbers == {question.lab for question in REAL}
    for number in sorted(numbers):
        kinds = Counter(question.kind for question in REAL if question.lab == number)
        assert kinds.total() >= 8, number
        assert len(kinds) >= 4, number


@pytest.mark.skipif(not REAL, reason="there are no questions here")
def test_the_six_of_the_course() -> None:
    """Each of them once, in the first three labs."""
    asked = {question.course: question for question in REAL if question.course}
    assert [1, 2, 3, 4, 5, 6] == sorted(q.course for q in REAL if q.course)
    assert {"01", "02", "03"} >= {question.lab for question in asked.values()}


@pytest.mark.skipif(not REAL, reason="there are no questions here")
def test_every_topic_has_a_question() -> None:
    """And none is in the list for nothing."""
    assert set(questions.topics()) == {question.topic for question in REAL}


@pytest.mark.skipif(not REAL, reason="there are no questions here")
def test_the_right_option_is_anywhere() -> None:
    """Its place in the file varies, too: a reader of the file learns nothing from it."""
    places = Counter(
        next(place for place, option in enumerate(question.options) if option.right)
        for question in REAL
        if question.kind == "choice"
    )
    assert len(places) >= 3
    assert max(places.values()) <= 0.6 * places.total()


@pytest.mark.parametrize("question", ALL, ids=ALL_IDS)
def test_every_wrong_answer_has_its_own_explanation(question: Question) -> None:
    """In both languages, and no two the same."""
    whys = [option.why for option in question.options] + [wrong.why for wrong in question.wrong]
    whys += [question.why] if question.why else []
    for language in ("en", "ru"):
        said = [why.of(language) for why in whys]
        assert len(set(said)) == len(said)


@pytest.mark.parametrize("question", ALL, ids=ALL_IDS)
def test_both_languages_are_written_in(question: Question) -> None:
    """Russian is Russian, English has none of it, and what is shown as code is the same in both."""
    pairs = [question.ask, question.model, *([question.why] if question.why else [])]
    pairs += [words for o in question.options for words in (o.words, o.why)]
    pairs += [wrong.why for wrong in question.wrong] + list(question.items)
    for words in pairs:
        assert not re.search("[а-яё]", FENCE.sub("", words.en), re.IGNORECASE), words
        prose = re.sub(r"`[^`]*`", "", FENCE.sub("", words.ru))
        assert re.search("[а-яё]", prose, re.IGNORECASE) or not re.search(r"[a-z]{4}", prose), words
        for text in (words.en, words.ru):
            assert text.count("```") % 2 == 0 and FENCE.sub("", text).count("`") % 2 == 0, words


@pytest.mark.parametrize("question", REAL, ids=[question.id for question in REAL])
def test_a_model_answer_is_some_sentences(question: Question) -> None:
    """Two to six."""
    for text in (question.model.en, question.model.ru):
        prose = re.sub(r"`[^`]*`", "code", FENCE.sub("", text))
        assert 2 <= len(re.findall(r"[.!?](?=\s|$)", prose)) <= 6, text


def right_answer(question: Question) -> Answer:
    """A right answer to any question."""
    if question.kind in ("choice", "several"):
        return [number for number, option in enumerate(question.options) if option.right]
    answers: dict[str, Answer] = {
        "order": list(range(len(question.items))),
        "number": repr(question.value),
        "gap": question.accept[0] if question.accept else "",
        "output": printed(question) if question.kind == "output" else "",
        "bug": str(question.numbers()[0]) if question.kind == "bug" else "",
    }
    return answers[question.kind]


@pytest.mark.parametrize("question", [q for q in ALL if q.kind != "text"], ids=lambda q: q.id)
def test_the_right_answer_is_right(question: Question) -> None:
    """And is confirmed with a reason."""
    judgement = judge(question, right_answer(question))
    assert judgement.right, judgement
    assert judgement.reasons


@pytest.mark.parametrize("question", of("choice") + of("several"))
def test_every_wrong_option_is_wrong(question: Question) -> None:
    """And refuted by its own words."""
    for number, option in enumerate(question.options):
        if not option.right:
            judgement = judge(question, [number])
            assert not judgement.right
            assert judgement.reasons[0].why == option.why


@pytest.mark.parametrize("question", of("number"))
def test_tempting_numbers_are_wrong(question: Question) -> None:
    """Each is refuted by its own words, any other by the question's."""
    for wrong in question.wrong:
        judgement = judge(question, wrong.answer)
        assert (False, wrong.why) == (judgement.right, judgement.reasons[0].why)
    other = judge(question, repr(question.value + question.tolerance + 12345))
    assert (False, question.why) == (other.right, other.reasons[0].why)


@pytest.mark.parametrize("question", of("text"))
def test_patterns_of_wrong_answers_do_not_meet_right_ones(question: Question) -> None:
    """Where patterns are plain words, each is judged as it should be."""
    for pattern in question.accept:
        if re.fullmatch(r"[\w -]+", pattern):
            assert judge(question, pattern).right
    for wrong in question.wrong:
        if re.fullmatch(r"[\w -]+", wrong.answer):
            judgement = judge(question, wrong.answer)
            assert (False, wrong.why) == (judgement.right, judgement.reasons[0].why)
    other = judge(question, "no such answer")
    assert (False, question.why) == (other.right, other.reasons[0].why)


@pytest.mark.parametrize("question", of("gap"))
def test_what_fills_a_gap(question: Question) -> None:
    """All code that the site accepts makes the program print what it must, and what tempts is refused."""
    for code in question.accept:
        assert judge(question, code).right, code
    for wrong in question.wrong:
        judgement = judge(question, wrong.answer)
        assert (False, wrong.why) == (judgement.right, judgement.reasons[0].why), wrong.answer
    assert not judge(question, ";").right
    assert not {*map(without_blanks, question.accept)} & {
        without_blanks(wrong.answer) for wrong in question.wrong
    }


@pytest.mark.parametrize("question", of("gap"))
def test_the_program_around_a_gap_is_sound(question: Question) -> None:
    """With the model answer both compilers are content."""
    text = question.program_text().replace(questions.GAP, question.accept[0])
    for tool in ("plain", "clang"):
        with boxed.scratch() as stage:
            assert "" == experiments.compile_text(text, "whole", tool, Path(stage))


@pytest.mark.parametrize("question", of("bug"))
def test_the_program_with_a_bug_compiles(question: Question) -> None:
    """What is wrong with it is not for the compiler to say; tempting lines are refuted by their own words."""
    experiments.build_text(question.program_text(), "bug")
    for wrong in question.wrong:
        number = questions.line_numbers(question.program_text(), wrong.answer)[0]
        judgement = judge(question, [number])
        assert (False, wrong.why) == (judgement.right, judgement.reasons[0].why)


@pytest.mark.parametrize("question", of("output"))
def test_outputs_are_the_same_each_time(question: Question) -> None:
    """A prediction can be right only where nothing varies; what tempts is refuted by its own words."""
    real = printed(question)
    assert real.strip() and all(same_output(real, printed(question)) for _time in range(4))
    for wrong in question.wrong:
        judgement = judge(question, wrong.answer)
        assert (False, wrong.why) == (judgement.right, judgement.reasons[0].why)


@pytest.mark.skipif(not REAL, reason="there are no questions here")
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        (
            "which-signal-kills",
            ["SIGPIPE", "pipe", "13", "SIGPIPE (13)", "сигнал 13", "Broken pipe."],
            ["EPIPE", "9", "SIGSEGV", "141"],
        ),
        (
            "leave-main-alone",
            ["pthread_exit", "pthread_exit()", "`pthread_exit(NULL);`", "thrd_exit(0)"],
            ["exit", "_exit(0)", "return 0;", "pthread_join", "pthread_cancel"],
        ),
        ("threads-run-out-error", ["EAGAIN", "eagain (11)"], ["ENOMEM", "-1", "EMFILE"]),
        (
            "copy-then-register",
            ["AC", "a c", "A, C", "A и C", "АС", "A → C", "A, then C"],
            ["ABC", "АВС", "A, B, B, C", "BABC", "BC", "C", "A"],
        ),
        ("interrupted-poll", ["EINTR", "errno == EINTR", "EINTR (4)"], ["EAGAIN", "0"]),
    ],
)
def test_what_a_student_types(name: str, right: list[str], wrong: list[str]) -> None:
    """However a right answer is written, in whichever alphabet, it is right; a neighbour of it is not."""
    (question,) = (question for question in REAL if question.id == name)
    assert right == [typed for typed in right + wrong if judge(question, typed).right]


# -- what the site gets --------------------------------------------------------------------------------


def test_the_export() -> None:
    """Everything is there, in the language asked for, as JSON, with the same keys for all."""
    for language, name in (("en", "Threads"), ("ru", "Потоки")):
        exported = questions.export(language, SAMPLES)
        assert json.loads(json.dumps(exported)) == exported
        by_id = {one["id"]: one for one in exported}
        assert list(SAMPLE) == list(by_id)
        assert 1 == len({tuple(sorted(one)) for one in exported})
        assert {"id": "threads", "name": name} == by_id["what-is-shared"]["topic"]
        shown = by_id["what-waits"]["experiment"]
        assert ("joined.c", "$ ./joined\nnumber is 2\nbye\n") == (
            shown["name"],
            shown["transcript"],
        )
        assert "number is 2\nbye\n" == by_id["what-it-prints"]["prints"]
        assert [12] == by_id["no-unlock"]["lines"]
        assert [13] == [wrong["answer"] for wrong in by_id["no-unlock"]["wrong"]]
        assert 1.0 == by_id["how-many"]["wrong"][0]["answer"]


# -- how answers are compared --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "evidence"),
    [
        (";", "It prints:\n"),
        ("pthread_join(thread, NULL); *(volatile int *)0 = 0;", "[killed by SIGSEGV]"),
    ],
)
def test_a_program_in_the_gap_that_goes_wrong(code: str, evidence: str) -> None:
    """What is printed instead is shown."""
    judgement = judge(SAMPLE["join-it"], code)
    assert not judgement.right
    assert evidence in judgement.evidence


def test_a_program_in_the_gap_that_does_not_compile() -> None:
    """It is not judged: the compiler's words are shown, and it may be mended."""
    with pytest.raises(NotAnAnswer, match="It does not compile:") as refused:
        judge(SAMPLE["join-it"], "no such thing")
    assert "gap_join.c: " in refused.value.evidence


def test_a_program_in_the_gap_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, and that is what is wrong with it."""
    monkeypatch.setattr(judging, "GAP_SECONDS", 0.2)
    judgement = judge(SAMPLE["join-it"], "for (;;)\n;")
    assert (False, "The program did not come to an end.") == (judgement.right, judgement.evidence)


def test_several_names_what_is_wrong_and_what_is_missing() -> None:
    """A reason for each."""
    judgement = judge(SAMPLE["what-waits"], [0, 1])
    assert [("`pthread_detach`", False), ("`pthread_cond_wait`", True)] == [
        (reason.about and reason.about.en, reason.missed) for reason in judgement.reasons
    ]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("what-is-shared", [3]),
        ("what-is-shared", [0, 1]),
        ("what-is-shared", []),
        ("what-is-shared", "1"),
        ("in-which-order", [0, 1]),
        ("in-which-order", [0, 1, 1]),
        ("how-many", "two"),
        ("how-many", "inf"),
        ("no-unlock", "0"),
        ("no-unlock", "99"),
        ("no-unlock", "return"),
    ],
)
def test_what_is_no_answer(name: str, answer: Answer) -> None:
    """It is not judged, and counts for nothing."""
    with pytest.raises(NotAnAnswer):
        judge(SAMPLE[name], answer)


def test_how_it_is_written_does_not_matter() -> None:
    """Quotation marks, blanks, capitals, a decimal comma."""
    assert judge(SAMPLE["which-call"], " `PTHREAD_join()`. ").right
    assert judge(SAMPLE["how-many"], "2,0").right
    assert not judge(SAMPLE["how-many"], "2,000").right
    assert judge(SAMPLE["what-it-prints"], "\n number is 2  \nbye\n\n").right
    assert "./a.out" == plain_text(" «./a.out». ")


# -- broken questions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("02", 'id = "what-waits"', 'id = "What waits"', "its id must be lower-case words"),
        ("02", 'id = "what-waits"', 'id = "how-many"', "another question has this id"),
        ("02", 'kind = "choice"', 'kind = "riddle"', "there is no kind riddle"),
        ("02", 'topic = "threads"', 'topic = "yarn"', "there is no topic yarn"),
        ("02", "course = 2", "course = 7", "course must be a number from 1 to 6"),
        ("02", "course = 2", 'hint = "no"', "hint is not known here"),
        ("02", "threads.md#join", "yarn.md#join", "there is no chapter en/yarn.md"),
        ("02", "threads.md#join", "threads.md#part", "en/threads.md has no heading {#part}"),
        ("02", "threads.md#join", "threads.md", "en/threads.md has no heading {#}"),
        ("02", 'experiment = "joined"', 'experiment = "knit"', "there is no experiment knit"),
        ("02", "ask.ru", "ask.de", "this must be said in en and ru: ask"),
        ("02", 'ru = "Стек."\n', "", "ru is missing"),
        ("02", 'ru = "Стек."', 'ru = " "', "ru must be text"),
        ("02", 'right = true\nen = "Glo', 'en = "Glo', "no option is right"),
        ("02", 'en = "The stack."', 'right = true\nen = "The stack."', "more than one option is"),
        ("02", 'en = "The stack."', 'right = 1\nen = "The stack."', "right must be true or false"),
        ("02", 'en = "The stack."', 'wrong = 1\nen = "The stack."', "wrong is not known here"),
        ("02", 'en = "Tempting', 'de = "Tempting', "this must be said in en and ru"),
        ("02", '[[question.item]]\nen = "run"\nru = "выполнить"\n', "", "three items or more"),
        ("02", "\nvalue = 2", '\nvalue = "2"', "value must be a number"),
        ("02", "\nvalue = 2", "", "value is missing"),
        ("02", "value = 1", 'value = ""', "value of a wrong answer is empty or of a wrong type"),
        ("03", "accept = ['", "accept = ['((", "missing \\)"),
        ("03", "accept = ['", "accept = ['(?i)", "JavaScript does not know this pattern"),
        ("03", "accept = ['", "accept = [] #", "accept must be a list of texts"),
        ("03", '"gap_join.c"', '"gap_knit.c"', "there is no program gap_knit.c"),
        (
            "03",
            '"gap_join.c"',
            '"bug_unlock.c"',
            "its program must have one line that is /* GAP */",
        ),
        ("03", 'prints = "7"', "prints = 7", "prints must be text"),
        ("03", 'program = "joined"', 'program = "knit"', "there is no experiment knit"),
        ("03", 'line = "return -1;"', 'line = "return -2;"', "this line must stand in its program"),
        ("03", 'line = "return -1;"', 'line = "{"', "must stand in its program once: {"),
        ("03", 'line = "return -1;"', "", "it must have either `line` or `lines`"),
        (
            "03",
            'line = "number++;"',
            'line = "number--;"',
            "must stand in its program once: number",
        ),
        ("03", "[[question]]", "[[query]]", "no questions, or not named NN-name.toml"),
        ("03", "[[question]]", "[[question", "Expected"),
    ],
)
def test_broken_questions(tmp_path: Path, file: str, old: str, new: str, why: str) -> None:
    """Each mistake is named, with the file and the question."""
    shutil.copytree(SAMPLES, tmp_path / "docs")
    path = next((tmp_path / "docs" / "questions").glob(f"{file}-*.toml"))
    text = path.read_text(encoding="utf-8")
    assert old in text
    everywhere = new.startswith("[[query") or new.startswith("accept = [] #")
    path.write_text(text.replace(old, new, -1 if everywhere else 1), encoding="utf-8")
    with pytest.raises(Trouble) as trouble:
        questions.load(tmp_path / "docs")
    assert re.search(why if "\\" in why else re.escape(why), str(trouble.value))
    assert path.name in str(trouble.value)
