// One tree: the dialogue that was really held, with siblings side by side, verdicts, ratings and what the Inducer knew.
"use strict";

import { el } from "./dom.js";

// What is known of a person; null if nothing is.
export function known(title, persona) {
  const told = Object.entries({ Profile: persona.profile, Personality: persona.personality, ...persona.fields }).filter(([, value]) => value !== "");
  return told.length === 0 ? null : el("details", { class: "persona" }, el("summary", {}, title),
    ...told.map(([name, value]) => el("p", {}, el("b", {}, `${name} `), typeof value === "object" ? JSON.stringify(value) : String(value))));
}

export function dialogue(tree, candidate, { focus = null, onfocus = null } = {}) {
  const nodes = new Map(tree.nodes.map((node) => [node.id, { ...node, children: [] }]));
  const roots = { id: "roots", children: [] };
  for (const node of nodes.values()) (node.parent === null ? roots : nodes.get(node.parent)).children.push(node);
  const followed = new Map();
  for (let here = nodes.get(focus); here; here = nodes.get(here.parent)) followed.set(here.parent ?? "roots", here.id);
  const list = el("ol", { class: "turns" });
  const box = el("div", { class: "dialogue" }, candidate ? el("h4", {}, candidate) : "", list);

  function next(node) {
    const chosen = node.children.find((child) => child.id === followed.get(node.id));
    return chosen ?? node.children.find((child) => child.continued) ?? node.children.find((child) => child.children.length);
  }

  function follow(parent, child) {
    followed.set(parent.id, child.id);
    render();
    list.querySelector(`[data-node="${child.id}"] button`)?.focus();
  }

  function render() {
    const items = [];
    for (let here = roots; here && here.children.length; here = next(here)) {
      const went = next(here), parent = here;
      const cards = here.children.map((child) => card(child, nodes, {
        alone: parent.children.length === 1, went: child === went,
        focused: child.id === focus, onfocus,
        follow: child !== went && child.children.length ? () => follow(parent, child) : null,
      }));
      const siblings = { class: "siblings", role: "group", "aria-label": `${cards.length} replies side by side` };
      items.push(el("li", {}, ...(cards.length > 1 ? [el("div", siblings, ...cards)] : cards)));
    }
    list.replaceChildren(...items);
  }

  render();
  return box;
}

function card(node, nodes, { alone, went, follow, focused, onfocus }) {
  const marks = [el("b", {}, node.speaker)];
  if (node.label) marks.push(el("span", { class: `label ${node.label}` }, `judged ${node.label}`));
  for (const [judge, rating] of Object.entries(node.notes?.ratings ?? {})) {
    marks.push(el("span", { class: rating.score === null ? "rating none" : "rating", title: judge }, rating.score === null ? "unscored" : `score ${rating.score}`));
  }
  if (!alone) marks.push(el("span", { class: "quiet" }, went ? "→ the dialogue went on here" : node.children.length ? "also went on" : "not continued"));
  if (node.finish_reason) marks.push(el("span", { class: "quiet" }, `ended: ${node.finish_reason}`));
  for (const fault of node.notes?.faults ?? []) marks.push(el("span", { class: "rating none" }, String(fault)));
  if (node.usage) marks.push(el("span", { class: "quiet", title: "tokens of the prompt, and of the answer" }, `${node.usage.prompt_tokens} + ${node.usage.completion_tokens} tokens`));
  if (onfocus) marks.push(el("button", { class: "link", type: "button", title: "Link to this utterance", on: { click: () => onfocus(node.id) } }, `#${node.id}`));
  return el("div", { class: `card ${node.speaker === "user" ? "user" : "reply"}${went && !alone ? " went" : ""}${focused ? " focused" : ""}`, "data-node": node.id, dir: "auto" },
    el("p", { class: "marks" }, ...marks), ...said(node.content),
    follow ? el("button", { type: "button", on: { click: follow } }, "Follow this branch") : null,
    ...knowledge(node), ...reasons(node, nodes));
}

// What was said; the rest of a very long text comes when it is asked for.
const LONG = 4000;

function said(content) {
  if (content.length <= LONG) return [el("p", { class: "said", dir: "auto" }, content)];
  const text = el("p", { class: "said", dir: "auto" }, `${content.slice(0, LONG)}\u2026`);
  const more = el("button", { class: "link", type: "button", on: { click: () => { text.textContent = content; more.remove(); } } },
    `All ${content.length.toLocaleString("en")} characters`);
  return [text, more];
}

function knowledge(node) {
  if (!node.inference) return [];
  const known = [...node.inference.profile, ...node.inference.personality];
  return [el("details", {}, el("summary", {}, `What the Inducer knew (${known.length})`),
    el("ul", {}, ...known.map((item) => el("li", {}, item))), el("p", { class: "quiet" }, node.inference.reason))];
}

function reasons(node, nodes) {
  const made = [];
  if (node.verdicts.length) {
    const winners = new Set(node.verdicts.map((verdict) => verdict.winner));
    const agree = winners.has(null) ? "a verdict is missing" : winners.size > 1 ? "the two orders disagree" : "both orders agree";
    made.push(el("details", {}, el("summary", {}, `Verdicts: ${agree}`), el("ul", {}, ...node.verdicts.map((verdict) => {
      const name = (id) => nodes.get(id)?.speaker ?? "nobody";
      return el("li", {}, `Shown ${name(verdict.first)}, then ${name(verdict.second)}: `, el("b", {}, verdict.winner === null ? "no verdict" : name(verdict.winner)), ` - ${verdict.reason}`);
    }))));
  }
  const ratings = Object.entries(node.notes?.ratings ?? {});
  if (ratings.length) {
    made.push(el("details", {}, el("summary", {}, "Why this score"), el("ul", {}, ...ratings.map(([judge, rating]) =>
      el("li", {}, `${judge}: `, el("b", {}, rating.score === null ? "unscored" : String(rating.score)), ` - ${rating.reason}`)))));
  }
  return made;
}
