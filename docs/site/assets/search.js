/*
 * The search of the theme, from the file system too. There a page may neither fetch the index nor start a worker:
 * the index is therefore a script, and the worker's program runs in an empty frame of the page, whose functions
 * stand in for a worker's. The index is loaded once the reader turns to the search, not with each page.
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
      this.dispatchEvent(new MessageEvent("message", { data }));
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
 * A Russian word loses its ending: what is found is what begins like the query. Other words stay as they are,
 * and so do quoted ones and those with a sign of the query's language.
 */
const ENDING = new RegExp(
  "(?:иями|ями|ами|ого|его|ому|ему|ыми|ими|иях|ах|ях|ов|ев|ей|ой|ый|ий|ая|яя|ое|ее|ые|ие|ия|ию|ии|ом|ем|ам|ям|ую|юю|" +
    "[аеиоуыьюяй])$",
);

function stemmed(word) {
  if (!/^[а-яё]{4,}$/i.test(word)) return word;
  const stem = word.replace(ENDING, "");
  return stem.length < 3 || stem === word ? word : `${stem}*`;
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

if (location.protocol === "file:") {
  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
}
