/*
 * The search of the theme, from the file system too. There a page may neither fetch the index nor start a worker:
 * the index is therefore a script, and the worker's program runs in an empty frame of the page, whose functions
 * stand in for a worker's. The index is loaded once the reader turns to the search, not with each page.
 * A word is looked for without its ending, and what the theme then says of missing words is put right.
 */
"use strict";

/* The search frame says by this name that it is no worker; the theme's program asks for it. */
class IFrameWorker extends EventTarget {
  constructor(url) {
    super();
    this.waiting = [];
    const frame = document.createElement("iframe");
    frame.hidden = true;
    document.body.append(frame);
    this.inside = frame.contentWindow;
    this.inside.importScripts = (...urls) => this.importAll(url, urls);
    this.inside.postMessage = (data) =>
      this.dispatchEvent(new MessageEvent("message", { data: data.type === FOUND ? corrected(data) : data }));
    this.load(url).then(() => this.flush());
  }

  load(url) {
    return new Promise((resolve, reject) => {
      const script = this.inside.document.createElement("script");
      script.addEventListener("load", resolve);
      script.addEventListener("error", () => reject(new Error(url)));
      script.src = url;
      this.inside.document.head.append(script);
    });
  }

  /* What the worker imports lies beside it, in lunr/; one after the other, since each builds on the first. */
  async importAll(worker, urls) {
    for (const url of urls) {
      const name = url.slice(url.lastIndexOf("/lunr/") + 1);
      await this.load(new URL(`../${name}`, new URL(worker, location.href)).href);
    }
  }

  flush() {
    const early = this.waiting;
    this.waiting = null;
    early.forEach((data) => this.postMessage(data));
  }

  postMessage(data) {
    if (this.waiting) this.waiting.push(data);
    else this.inside.dispatchEvent(new MessageEvent("message", { data }));
  }

  terminate() {}
}

/*
 * A word loses its ending: what is found is what begins like the query. Short words stay as they are, and so do
 * quoted ones and those with a sign of the query's language. Who types е may mean ё: both are looked for; and so
 * is the vowel that comes and goes (гонка, гонок).
 */
const ENGLISH = /(?:([sxz]|[cs]h)es|([^s])s|ies|y|ing|ed)$/; // what is in brackets stays
const RUSSIAN = new RegExp(
  "(?:иями|ями|ами|ого|его|ому|ему|ыми|ими|иях|ах|ях|ов|ев|ей|ой|ый|ий|ая|яя|ое|ее|ые|ие|ия|ию|ии|ом|ем|ам|ям|ую|юю|" +
    "[аеиоуыьюяй])$",
);

const typed = new Map(); // what is looked for instead of a word, without the asterisk -> the word

function stemmed(written) {
  // pthread_join() and pthread_join(3) are pthread_join, and a question may end with its mark.
  const word = written.replace(/[?!.,;:]+$/, "").replace(/\(\d?\)$/, "");
  const small = word.toLowerCase();
  const russian = /^[а-яё]{4,}$/.test(small);
  if (!russian && !/^[a-z]{4,}$/.test(small)) return word;
  const cut = russian ? small.replace(RUSSIAN, "") : small.replace(ENGLISH, "$1$2");
  const stem = cut.length < (russian ? 3 : 4) ? small : cut;
  const letters = [...stem.matchAll(/е/g)];
  const forms = [stem, ...letters.map(({ index }) => `${stem.slice(0, index)}ё${stem.slice(index + 1)}`)];
  if (/[^аеиоуыэюя]к$/.test(stem)) forms.push(...["ок", "ек"].map((end) => stem.slice(0, -1) + end));
  else if (/.{3}[оеё]к$/.test(stem)) forms.push(`${stem.slice(0, -2)}к`);
  for (const form of forms) typed.set(form, word);
  return forms.map((form) => `${form}*`).join(" ");
}

/*
 * The theme compares what it looked for with the words found, asterisk and all, and so calls missing what is there.
 * Found is what begins a word of the page; missing is a word of which no form is there, as it was typed.
 */
const FOUND = 3; // the kind of a message

function begins(text, form) {
  return new RegExp(`(?:^|[^\\p{L}\\p{N}_])${form.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}`, "u").test(text);
}

function recounted(item) {
  const text = `${item.title} ${item.text}`.replace(/<[^>]*>/g, "").toLowerCase();
  const terms = {};
  const missing = new Set();
  for (const [term, there] of Object.entries(item.terms)) {
    const form = term.replace(/\*$/, "");
    if (there || begins(text, form)) terms[form] = true;
    else missing.add(typed.get(form) || form);
  }
  for (const form of Object.keys(terms)) missing.delete(typed.get(form));
  const page = Number(!item.location.includes("#"));
  const more = !missing.size && Object.values(item.terms).includes(false) ? (2 + page) / (1 + page) : 1;
  for (const word of missing) terms[word] = false;
  return { ...item, terms, score: item.score * more };
}

function corrected(message) {
  const best = (a, b) => b.score - a.score;
  const items = message.data.items.map((group) => group.map(recounted).sort(best));
  return { ...message, data: { ...message.data, items: items.sort(([a], [b]) => best(a, b)) } };
}

function transform(query) {
  return query
    .split(/"([^"]+)"/g)
    .map((part, i) =>
      i % 2
        ? part.replace(/^\b|^(?![^\x00-\x7F]|$)|\s+/g, " +")
        : part.split(/(\s+)/).map(stemmed).join(""),
    )
    .join("")
    .replace(/"|(?:^|\s+)[*+\-:^~]+(?=\s+|$)/g, "")
    .replace(/\*$/, "") // the theme adds one
    .trim();
}

function loadIndex(base) {
  return new Promise((resolve) => {
    window.__searchIndex = resolve; // called by the script
    const wanted = () => {
      if (wanted.done) return;
      wanted.done = true;
      const script = document.createElement("script");
      script.src = new URL("../search/search_index.js", base).href;
      document.head.append(script);
    };
    if (/[?&][qh]=/.test(location.search)) wanted();
    document.addEventListener("focusin", (event) => {
      if (event.target.matches("[name=query]")) wanted();
    });
  });
}

/* eslint-disable-next-line no-unused-vars -- the theme looks for it */
var __search = { index: loadIndex(document.currentScript.src), transform };

window.IFrameWorker = IFrameWorker;
window.Worker = IFrameWorker;
