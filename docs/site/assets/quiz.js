/*
 * The control questions on one page: a question at a time, those that went wrong again after three others, a score
 * for each topic. What was answered is kept in this browser only; nothing is sent anywhere.
 */
"use strict";

(() => {
  const KEY = "concurrent-tcp-servers.quiz";
  const AGAIN_AFTER = 3; // other answers
  const QUESTIONS = window.QUIZ;
  const { say, make, code, output } = window.QUIZ_TOOLS;
  const place = document.getElementById("quiz");
  const { progress, stored } = load();
  let shown = null;

  /* -- progress: { lab, turn, answers: { id: { right, turn, tries } } } -------------------------------- */

  function load() {
    const fresh = { lab: "", turn: 0, answers: {} };
    let text;
    try {
      text = localStorage.getItem(KEY);
    } catch {
      return { progress: fresh, stored: false };
    }
    try {
      const { lab, turn, answers } = JSON.parse(text);
      const known = QUESTIONS.some((question) => question.lab === lab);
      const kept = { lab: known ? lab : "", turn: Number(turn) || 0, answers: { ...answers } };
      return { progress: kept, stored: true };
    } catch {
      return { progress: fresh, stored: true }; // nothing yet, or damaged
    }
  }

  function save() {
    try {
      localStorage.setItem(KEY, JSON.stringify(progress));
    } catch {
      /* said on the page, see `stored` */
    }
  }

  function record(question, right) {
    const before = progress.answers[question.id] || { tries: 0 };
    progress.turn += 1;
    progress.answers[question.id] = { right, turn: progress.turn, tries: before.tries + 1 };
    save();
  }

  function chosen() {
    return QUESTIONS.filter(({ lab }) => !progress.lab || lab === progress.lab);
  }

  function answered(question, right) {
    const answer = progress.answers[question.id];
    return Boolean(answer) && answer.right === right;
  }

  /* A wrong one that has waited long enough, else a new one, else the wrong one that has waited longest. */
  function pick(besides) {
    const turn = ({ id }) => progress.answers[id].turn;
    const wrong = chosen().filter((question) => answered(question, false)).sort((a, b) => turn(a) - turn(b));
    const fresh = chosen().filter(({ id }) => !progress.answers[id]);
    const due = wrong.filter((question) => progress.turn - turn(question) >= AGAIN_AFTER);
    const candidates = [...due, ...fresh, ...wrong];
    return candidates.find((question) => question !== besides) || candidates[0] || null;
  }

  /* -- what is on the page -------------------------------------------------------------------------- */

  const bar = make("div", { class: "quiz-bar" });
  const card = make("section", { class: "quiz-card", "aria-live": "off" });
  const scores = make("section", { class: "quiz-scores" });

  function drawBar() {
    const select = make("select", {
      change: (event) => {
        progress.lab = event.target.value;
        save();
        drawBar();
        bar.querySelector("select").focus();
        show(pick());
      },
    });
    const labs = [...new Set(QUESTIONS.map(({ lab }) => lab))].sort();
    const option = (value, words) => make("option", { value, selected: value === progress.lab }, words);
    select.append(option("", say("all")), ...labs.map((n) => option(n, say("labNumber", { n }))));
    const reset = make("button", { type: "button", class: "quiz-reset", click: forget }, say("reset"));
    const label = make("label", {}, `${say("lab")}: `, select);
    bar.replaceChildren(label, make("span", { class: "quiz-score" }), reset);
    drawScore();
  }

  function drawScore() {
    const list = chosen();
    const right = list.filter((question) => answered(question, true)).length;
    const wrong = list.filter((question) => answered(question, false)).length;
    const words = [say("score", { n: right, m: list.length })];
    if (wrong) words.push(say("again", { n: wrong }));
    const meter = make("progress", { max: list.length, value: right, "aria-label": words[0] });
    bar.querySelector(".quiz-score").replaceChildren(meter, ` ${words.join("; ")}`);
    drawTopics(list);
  }

  function drawTopics(list) {
    const names = new Map(list.map(({ topic }) => [topic.id, topic.name]));
    const rows = [...names].map(([id, name]) => {
      const all = list.filter(({ topic }) => topic.id === id);
      const right = all.filter((question) => answered(question, true)).length;
      return make("tr", {}, make("td", {}, name), make("td", {}, `${right} ${say("of")} ${all.length}`));
    });
    const head = make("tr", {}, make("th", { scope: "col" }, say("topic")), make("th", { scope: "col" }, say("right")));
    const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
    scores.replaceChildren(make("h2", { id: "scores" }, say("scores")), table);
  }

  function forget() {
    if (!window.confirm(say("resetSure"))) return;
    progress.answers = {};
    progress.turn = 0;
    save();
    drawScore();
    show(pick());
  }

  function about(question) {
    const words = [say("labNumber", { n: question.lab }), question.topic.name];
    if (question.course) words.push(say("courseQuestion", { n: question.course }));
    return words.join(" · ");
  }

  /* -- one question --------------------------------------------------------------------------------- */

  function show(question) {
    shown = question;
    history.replaceState(null, "", question ? `#${question.id}` : "#quiz");
    if (!question) {
      card.replaceChildren(make("p", { class: "quiz-verdict" }, say("done")), make("p", {}, say("doneHint")));
      return;
    }
    const kind = window.QUIZ_KINDS[question.kind](question);
    const feedback = make("div", { class: "quiz-feedback", role: "status" });
    const check = make("button", { type: "submit", class: "md-button md-button--primary" }, say("check"));
    const another = make("button", { type: "button", class: "md-button", click: next }, say("skip"));
    const form = make(
      "form",
      {
        submit: (event) => {
          event.preventDefault();
          answer(question, kind, { form, feedback, check, another });
        },
        keydown: (event) => {
          if (event.key !== "Enter" || !event.ctrlKey) return;
          event.preventDefault(); // else the same key presses the button that gets the focus
          form.requestSubmit();
        },
      },
      kind.element,
      make("p", { class: "quiz-buttons" }, check, another),
    );
    card.replaceChildren(
      make("p", { class: "quiz-about" }, about(question)),
      make("div", { class: "quiz-ask", id: "quiz-ask", html: question.ask }),
      form,
      feedback,
    );
    form.setAttribute("aria-labelledby", "quiz-ask");
  }

  function next() {
    show(pick(shown));
    const first = card.querySelector("input:not(:disabled), textarea, button");
    if (first) first.focus();
    card.scrollIntoView({ block: "nearest" });
  }

  function answer(question, kind, { form, feedback, check, another }) {
    let found;
    try {
      found = kind.judge(kind.read());
    } catch (missing) {
      if (typeof missing !== "string") throw missing;
      feedback.replaceChildren(make("p", {}, missing));
      return;
    }
    record(question, found.right);
    drawScore();
    for (const input of form.querySelectorAll("input, textarea, .quiz-order button")) input.disabled = true;
    check.remove();
    another.textContent = say("next");
    another.classList.add("md-button--primary");
    feedback.replaceChildren(...explained(question, found));
    form.after(feedback, another.parentElement);
    another.focus({ preventScroll: true });
    feedback.scrollIntoView({ block: "nearest" });
  }

  function explained(question, found) {
    const what = found.unknown ? "unknown" : found.right ? "right" : "wrong";
    const said = say({ unknown: "unknownCode", right: "isRight", wrong: "isWrong" }[what]);
    const verdict = found.right ? said : `${said} ${say("comesAgain")}`;
    const rows = [make("p", { class: `quiz-verdict quiz-${what}` }, verdict)];
    if (found.unknown) rows.push(...found.evidence);
    for (const reason of found.reasons) {
      if (reason.missed) rows.push(make("p", {}, say("notChosen")));
      if (reason.about) rows.push(make("p", { class: "quiz-option-again", html: reason.about }));
      rows.push(make("div", { html: reason.why }));
    }
    if (!found.unknown) rows.push(...(found.evidence || []));
    if (!found.model) rows.push(folded(say("model"), make("div", { html: question.model })));
    if (found.unknown) rows.push(counting(question));
    const { experiment } = question;
    rows.push(folded(say("shown"), code(experiment), output(experiment.transcript)));
    rows.push(make("p", {}, make("a", { href: question.chapter }, say("explained"))));
    return rows;
  }

  /* A button for code that only a compiler could judge: the reader has compared it with the model answer. */
  function counting(question) {
    const count = () => {
      record(question, true);
      drawScore();
      row.replaceChildren(say("isRight"));
      row.className = "quiz-verdict quiz-right";
    };
    const row = make("p", {}, make("button", { type: "button", class: "md-button", click: count }, say("countIt")));
    return row;
  }

  function folded(title, ...inside) {
    return make("details", {}, make("summary", {}, title), ...inside);
  }

  /* -- start ---------------------------------------------------------------------------------------- */

  function start() {
    if (!QUESTIONS.length) {
      place.replaceChildren(make("p", {}, say("empty")));
      return;
    }
    // The theme's keys (n: next page) would act while a button of ours has the focus.
    place.addEventListener("keydown", (event) => event.stopPropagation());
    drawBar();
    const warning = stored ? [] : [make("p", {}, say("noStorage"))];
    place.replaceChildren(bar, ...warning, card, scores);
    const named = QUESTIONS.find(({ id }) => `#${id}` === decodeURIComponent(location.hash));
    show(named || pick());
  }

  // When the theme has gone over the page: its buttons for copying code would submit our forms.
  window.addEventListener("load", start);
})();
