/* The language switch leads to the same place of the page: headings and questions have the same ids in both. */
"use strict";

for (const link of document.querySelectorAll(".md-select__link[hreflang]")) {
  link.addEventListener("click", () => {
    link.hash = location.hash;
  });
}
