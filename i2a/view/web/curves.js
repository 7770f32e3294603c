// The curves of a run, with intervals, from the numbers that its files hold.
"use strict";

import { ask } from "./api.js";
import { chart } from "./chart.js";
import { el } from "./dom.js";

export async function curves(place, { run }) {
  const { panels } = await ask("curves", { run });
  place.replaceChildren(el("h1", {}, "Curves"), ...panels.map(chart),
    panels.length ? "" : el("p", { class: "empty" }, "No curves yet: an evaluation has them once it is complete, a training from its first step on, a simulation has none."));
}
