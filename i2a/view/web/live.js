// How a run goes, followed through its folder while another process works on it.
"use strict";

import { follow } from "./api.js";
import { chart } from "./chart.js";
import { el } from "./dom.js";
import { ago, duration, money, whole } from "./words.js";

const STATES = { complete: "complete", going: "going", quiet: "nothing was written lately: it was stopped, or waits" };

export async function live(place, { run, link }) {
  const title = el("h1", {}, run), bar = el("progress", { max: "1" }), facts = el("p", { id: "facts", "aria-live": "off" }, "\u2026");
  const parts = el("div", {}), growing = el("div", { id: "growing", class: "growing" });
  place.replaceChildren(title, bar, facts, parts, growing);
  return follow(run, (state) => {
    if (state.trouble) {
      facts.textContent = state.trouble;
      return;
    }
    if (state.far === null) bar.removeAttribute("value");
    else bar.value = state.far;
    const told = [
      `${whole(state.done)}${state.total === null ? "" : ` of ${whole(state.total)}`} ${state.unit}`,
      state.far === null ? null : `${Math.floor(100 * state.far)}%`,
      STATES[state.state],
      state.eta === null ? null : `${duration(state.eta)} left`,
      state.state === "going" && state.kind !== "training" ? `${state.calls_per_second.toFixed(1)} calls/s` : null,
      state.failed ? `${whole(state.failed)} failed` : null,
      state.roles.length ? money(state.cost) : null,
      `written ${ago(state.changed)}`,
    ];
    facts.textContent = told.filter(Boolean).join(" \u00b7 ");
    place.dataset.state = state.state;
    parts.replaceChildren(...failures(state.reasons), ...roles(state.roles), ...state.panels.map(chart),
      state.done && state.kind !== "training" ? el("p", {}, el("a", { href: link("", run) }, "Look at the finished conversations")) : "");
    growing.replaceChildren(...(state.growing.length ? [el("h2", {}, "Growing now"), el("div", { class: "cards" }, ...state.growing.map(conversation))] : []));
  });
}

function failures(reasons) {
  return reasons.length ? [el("h2", {}, "Failed"), el("ul", { class: "reasons" }, ...reasons.map(([why, count]) => el("li", {}, el("b", {}, `${whole(count)} `), why)))] : [];
}

function roles(found) {
  if (!found.length) return [];
  const head = ["role", "calls", "tokens", "money"].map((name) => el("th", { scope: "col" }, name));
  return [el("div", { class: "wide" }, el("table", { id: "roles" }, el("thead", {}, el("tr", {}, ...head)),
    el("tbody", {}, ...found.map((one) => el("tr", {}, el("th", { scope: "row" }, one.role), el("td", {}, whole(one.calls)), el("td", {}, whole(one.tokens)), el("td", {}, money(one.cost)))))))];
}

// Answers that follow one another by different speakers to the same message stand side by side.
function conversation({ tree, said }) {
  const turns = [];
  for (const each of said) {
    const last = turns.at(-1);
    if (last && !each.structured && each.role !== "user" && last[0].role !== "user" && !last[0].structured && !last.some((one) => one.role === each.role)) last.push(each);
    else turns.push([each]);
  }
  return el("section", { class: "conversation" }, el("h3", {}, tree), ...turns.map((turn) => el("div", { class: "siblings" }, ...turn.map((each) =>
    each.structured ? el("p", { class: "quiet aside" }, el("b", {}, `${each.role}: `), each.text)
      : el("div", { class: `card ${each.role === "user" ? "user" : "reply"}` }, el("b", {}, each.role), el("p", { class: "said", dir: "auto" }, each.text))))));
}
