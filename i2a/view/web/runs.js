// All runs of the given folders.
"use strict";

import { ask } from "./api.js";
import { el } from "./dom.js";
import { ago, bytes } from "./words.js";

const EVERY = 4000; // ms between two looks at the folders

export async function runs(place, link) {
  let found = (await ask("runs")).runs;
  const search = el("input", { id: "find-run", type: "search", autocomplete: "off", "aria-label": "Find a run", placeholder: "Find a run" });
  const list = el("ul", { class: "cards" });
  const draw = () => {
    const words = search.value.toLowerCase();
    const shown = found.filter((run) => `${run.run} ${run.kind}`.toLowerCase().includes(words));
    list.replaceChildren(...shown.map((run) => el("li", {}, el("a", { class: "run", href: link(run.bytes ? "" : "live", run.run) },
      el("strong", {}, run.run), el("span", { class: "kind" }, run.kind),
      el("small", {}, [run.bytes ? bytes(run.bytes) : null, `written ${ago(run.changed)}`, run.simulated ? "offline simulator" : null].filter(Boolean).join(" \u00b7 "))))));
    if (!shown.length) list.replaceChildren(el("li", { class: "empty" }, "No run of that name."));
  };
  search.addEventListener("input", draw);
  draw();
  place.replaceChildren(el("h1", {}, "Runs"), search, list);
  const timer = setInterval(async () => {
    if (list.contains(document.activeElement)) return; // who steps through the list is not thrown out of it
    found = (await ask("runs").catch(() => ({ runs: found }))).runs;
    draw();
  }, EVERY);
  return () => clearInterval(timer);
}
