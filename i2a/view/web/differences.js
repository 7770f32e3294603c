// Where people and judges are furthest apart.
"use strict";

import { ask } from "./api.js";
import { el } from "./dom.js";

export async function differences(place, { run, link }) {
  const { replies } = await ask("differences", { run });
  const head = ["apart", "people", "judges", "what"].map((name) => el("th", { scope: "col" }, name));
  place.replaceChildren(el("h1", {}, "Where people and judges differ most"), replies.length
    ? el("div", { class: "wide" }, el("table", { class: "differences" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...replies.map((one) => el("tr", {},
      el("td", {}, one.apart.toFixed(2)), el("td", {}, one.people.join(", ")),
      el("td", {}, Object.entries(one.judges).map(([name, score]) => `${name}: ${score ?? "unscored"}`).join(", ")),
      el("td", {}, el("a", { href: link("", run, one.tree, one.node) }, one.what), ...one.replies.map((reply) => el("p", { class: "said", dir: "auto" }, reply))))))))
    : el("p", { class: "empty" }, "Nothing is rated yet: i2a view RUN --rate NAME opens the screen for it."));
}
