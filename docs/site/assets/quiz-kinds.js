/*
 * The kinds of questions: how each is shown, how its answer is read, and what the answer is worth. The rules are
 * those of harness/labkit/workbook/questions/judging.py.
 *
 * KINDS[kind](question) gives { element, read, judge }. read() gives the answer, or throws a string that says what
 * is missing, or is thrown by judge(answer), which else gives { right, reasons: [{ about, why, missed }], evidence }.
 * unknown is set where code is neither one of the right answers nor of the wrong ones: only a compiler could tell.
 */
"use strict";

(() => {
  const WORDS = window.QUIZ_WORDS[document.documentElement.lang === "ru" ? "ru" : "en"];

  function say(name, values = {}) {
    return WORDS[name].replace(/\{(\w)\}/g, (_, key) => values[key]);
  }

  /* An element: make("p", { class: "x" }, "text", element…). Only `html` is taken as HTML: it is the build's. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "html") element.innerHTML = value;
      else if (typeof value === "function") element.addEventListener(name, value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function shuffled(list) {
    const found = [...list];
    for (let i = found.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [found[i], found[j]] = [found[j], found[i]];
    }
    return found;
  }

  function code(program) {
    const title = make("span", { class: "filename" }, program.name);
    const text = make("pre", {}, make("code", {}, program.text.replace(/\n+$/, "")));
    return make("div", { class: "highlight" }, title, text);
  }

  function output(text) {
    return make("div", { class: "highlight" }, make("pre", {}, make("code", {}, text.replace(/\n+$/, ""))));
  }

  function oneReason(question, right, why) {
    return { right, reasons: [{ why: right ? question.model : why || question.why }], model: right };
  }

  /* -- choice, several ------------------------------------------------------------------------------ */

  function options(question, type) {
    const rows = shuffled(question.options).map((option) => {
      const input = make("input", { type, name: "answer", value: question.options.indexOf(option) });
      return make("label", { class: "quiz-option" }, input, make("span", { html: option.text }));
    });
    const legend = make("legend", {}, say(type === "radio" ? "choose" : "chooseSeveral"));
    const element = make("fieldset", {}, legend, ...rows);
    return {
      element,
      read() {
        const chosen = [...element.querySelectorAll(":checked")].map((input) => Number(input.value));
        if (!chosen.length) throw say("typeSomething");
        return chosen;
      },
      judge(chosen) {
        return judgeOptions(question, chosen);
      },
    };
  }

  function judgeOptions(question, chosen) {
    const numbers = question.options.map((_, i) => i);
    const rights = numbers.filter((i) => question.options[i].right);
    const missed = rights.filter((i) => !chosen.includes(i));
    const wrong = chosen.filter((i) => !question.options[i].right);
    const right = !missed.length && !wrong.length;
    const told = right ? rights : [...wrong, ...(question.kind === "several" ? missed : [])];
    const reasons = told.sort((a, b) => a - b).map((i) => ({
      about: question.options[i].text,
      why: question.options[i].why,
      missed: missed.includes(i),
    }));
    return { right, reasons: question.kind === "choice" ? reasons.map(({ why }) => ({ why })) : reasons };
  }

  /* -- order ---------------------------------------------------------------------------------------- */

  function order(question) {
    const status = make("p", { class: "quiz-quiet", role: "status" });
    const list = make("ol", { class: "quiz-order" });
    function move(item, by, pressed) {
      const items = [...list.children];
      const to = items.indexOf(item) + by;
      if (to < 0 || to >= items.length) return;
      if (by < 0) items[to].before(item);
      else items[to].after(item);
      pressed.focus();
      status.textContent = say("position", { n: to + 1, m: items.length });
    }
    const numbers = shuffled(question.items.map((_, i) => i));
    if (numbers.every((number, i) => number === i)) numbers.reverse();
    for (const number of numbers) {
      const text = make("span", { html: question.items[number] });
      const row = make("div");
      const item = make("li", { "data-number": number }, row);
      const button = (name, sign, by) =>
        make(
          "button",
          {
            type: "button",
            "aria-label": say(name, { t: text.textContent }),
            click: (event) => move(item, by, event.currentTarget),
            keydown(event) {
              const way = { ArrowUp: -1, ArrowDown: 1 }[event.key];
              if (way) move(item, way, event.currentTarget);
              if (way) event.preventDefault();
            },
          },
          sign,
        );
      row.append(button("up", "↑", -1), button("down", "↓", 1), text);
      list.append(item);
    }
    return {
      element: make("div", {}, make("p", {}, say("order")), list, status),
      read: () => [...list.children].map((item) => Number(item.dataset.number)),
      judge: (found) => oneReason(question, found.every((number, i) => number === i)),
    };
  }

  /* -- number, text --------------------------------------------------------------------------------- */

  function field(label, attributes) {
    const input = make("input", { type: "text", name: "answer", autocomplete: "off", spellcheck: "false", ...attributes });
    return [make("label", { class: "quiz-field" }, make("span", {}, label), input), input];
  }

  function number(question) {
    const [element, input] = field(say("yourNumber"), { inputmode: "decimal" });
    return {
      element,
      read() {
        const plain = input.value.replace(/\s/g, "");
        const thousands = /^[1-9]\d{0,2}(,\d{3})+$/.test(plain);
        const typed = thousands ? plain.replace(/,/g, "") : plain.replace(",", ".");
        if (!typed || !Number.isFinite(Number(typed))) throw say("typeNumber");
        return Number(typed);
      },
      judge(found) {
        const near = (other, most) => Math.abs(found - other) <= most + 1e-9;
        const tempting = question.wrong.find((wrong) => near(wrong.answer, 0));
        return oneReason(question, near(question.value, question.tolerance), tempting && tempting.why);
      },
    };
  }

  function text(question) {
    const [element, input] = field(say("yourText"), {});
    const matches = (pattern, answer) => new RegExp(`^(?:${pattern})$`, "i").test(answer);
    return {
      element,
      read() {
        const plain = input.value.replace(/\s+/g, " ").replace(/^[`'"«»“” ]+|[`'"«»“” .]+$/g, "");
        if (!plain) throw say("typeSomething");
        return plain;
      },
      judge(answer) {
        const tempting = question.wrong.find((wrong) => matches(wrong.answer, answer));
        const right = question.accept.some((pattern) => matches(pattern, answer));
        return oneReason(question, right, tempting && tempting.why);
      },
    };
  }

  /* -- programs: gap, output, bug ------------------------------------------------------------------- */

  const GAP = "/* GAP */";

  function gap(question) {
    const [before, after] = question.program.text.replace(/\n+$/, "").split(GAP);
    const input = make("input", {
      type: "text",
      name: "answer",
      class: "quiz-gap",
      "aria-label": say("yourCode"),
      placeholder: say("yourCode"),
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
    });
    const program = make("pre", {}, make("code", {}, before, input, after));
    const title = make("span", { class: "filename" }, question.program.name);
    const plain = (typed) => typed.replace(/\s/g, "");
    return {
      element: make(
        "div",
        {},
        make("div", { class: "highlight" }, title, program),
        make("p", {}, say("mustPrint")),
        output(question.prints),
      ),
      read() {
        if (!plain(input.value)) throw say("typeSomething");
        return plain(input.value);
      },
      judge(answer) {
        const tempting = question.wrong.find((wrong) => plain(wrong.answer) === answer);
        const right = !tempting && question.accept.some((known) => plain(known) === answer);
        const known = [...question.accept, ...question.wrong.map((wrong) => wrong.answer)];
        if (known.some((code) => plain(code) === `${answer};`)) throw say("semicolon");
        const unknown = !right && !tempting;
        const hint = say(unknown ? "mayBeRight" : "gapForReal");
        const evidence = [make("p", {}, `${hint} `, make("code", {}, `make quiz LAB=${question.lab}`))];
        return { ...oneReason(question, right, tempting && tempting.why), unknown, evidence };
      },
    };
  }

  function predict(question) {
    const area = make("textarea", { name: "answer", rows: 6, spellcheck: "false", autocapitalize: "off" });
    const lines = (printed) => printed.trim().split("\n").map((line) => line.trim()).join("\n");
    return {
      element: make(
        "div",
        {},
        code(question.program),
        output(`$ ${question.command}`),
        make("label", { class: "quiz-field" }, make("span", {}, say("yourOutput")), area),
      ),
      read() {
        if (!area.value.trim()) throw say("typeSomething");
        return area.value;
      },
      judge(answer) {
        const same = (other) => lines(other) === lines(answer);
        const tempting = question.wrong.find((wrong) => same(wrong.answer));
        const right = same(question.prints);
        const evidence = right ? [] : [make("p", {}, say("itPrints")), output(question.prints)];
        return { ...oneReason(question, right, tempting && tempting.why), evidence };
      },
    };
  }

  function bug(question) {
    const rows = question.program.text.replace(/\n+$/, "").split("\n").map((line, i) => {
      const attributes = { type: "radio", name: "answer", value: i + 1, "aria-label": `${say("line", { n: i + 1 })}: ${line}` };
      const input = make("input", { ...attributes, disabled: !line.trim() });
      return make("label", { class: "quiz-line" }, input, make("span", { class: "quiz-number" }, String(i + 1)), make("code", {}, line));
    });
    const title = make("span", { class: "filename" }, question.program.name);
    const lines = make("div", { class: "highlight quiz-lines" }, title, ...rows);
    const element = make("fieldset", {}, make("legend", {}, say("chooseLine")), lines);
    const text = question.program.text.split("\n");
    return {
      element,
      read() {
        const chosen = element.querySelector(":checked");
        if (!chosen) throw say("typeSomething");
        return Number(chosen.value);
      },
      judge(line) {
        const tempting = question.wrong.find((wrong) => text[wrong.answer - 1].trim() === text[line - 1].trim());
        const right = question.lines.includes(line);
        const evidence = right ? [] : [make("p", {}, say("rightLine", { n: question.lines.join(", ") }))];
        return { ...oneReason(question, right, tempting && tempting.why), evidence };
      },
    };
  }

  window.QUIZ_KINDS = {
    choice: (question) => options(question, "radio"),
    several: (question) => options(question, "checkbox"),
    order,
    number,
    text,
    gap,
    output: predict,
    bug,
  };
  window.QUIZ_TOOLS = { say, make, code, output };
})();
