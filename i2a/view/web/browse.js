// The conversations of a run: the server filters, sorts and pages; here is only what is in sight.
"use strict";

import { ask } from "./api.js";
import { el } from "./dom.js";
import { RowList, summaryRow } from "./list.js";
import { dialogue, known } from "./tree.js";
import { whole } from "./words.js";

const PAGE = 100, KEPT = 12; // rows of a page, and pages that are kept
const ORDERS = {
  file: "as run", newest: "newest", lowest: "lowest score", highest: "highest score", disagreements: "most disagreements",
  flipped: "most flips", longest: "longest", shortest: "shortest", persona: "persona",
};

export async function browse(place, { run, tree: firstTree, node: firstNode, link }) {
  const about = await ask("run", { run });
  const form = filters(about);
  const list = el("div", { id: "list", role: "listbox", tabindex: "0", "aria-label": "Conversations" });
  const article = el("article", { id: "tree", tabindex: "-1", "aria-label": "The conversation" });
  const count = el("output", { id: "count", "aria-live": "polite" });
  const trouble = el("p", { class: "trouble", role: "alert", hidden: true });
  form.append(count);
  place.replaceChildren(form, trouble, el("div", { class: "explorer", id: "explorer" }, list, article));

  let pages = new Map(), asked = 0, timer = 0, open = "", closed = false, seen = about.totals?.trees ?? 0;

  const rows = new RowList(list, {
    row: (i) => {
      const entry = pages.get(Math.floor(i / PAGE))?.[i % PAGE];
      if (entry) return summaryRow(entry);
      load(Math.floor(i / PAGE));
      return [el("span", { class: "quiet" }, "\u2026")];
    },
    onselect: (i) => {
      const entry = pages.get(Math.floor(i / PAGE))?.[i % PAGE];
      if (entry) show(entry.id);
      else load(Math.floor(i / PAGE)).then(() => rows.selected === i && rows.onselect(i));
    },
    onenter: () => article.focus(),
  });

  function query(page) {
    return { run, ...Object.fromEntries(new FormData(form)), offset: page * PAGE, limit: PAGE };
  }

  const loading = new Map();

  function load(page, { fresh = false } = {}) {
    if (!fresh && loading.has(page)) return loading.get(page);
    const ticket = asked;
    const work = ask("trees", query(page)).then((found) => {
      loading.delete(page);
      if (ticket !== asked || closed) return;
      pages.set(page, found.entries);
      if (pages.size > KEPT) pages.delete(pages.keys().next().value);
      seen = found.count;
      trouble.hidden = !found.trouble;
      trouble.textContent = found.trouble;
      count.textContent = `${whole(found.total)} of ${whole(found.count)} conversations${found.left ? ", reading on \u2026" : ""}`;
      rows.resize(found.total);
      return found;
    }, (error) => { loading.delete(page); trouble.hidden = false; trouble.textContent = error.message; });
    loading.set(page, work);
    return work;
  }

  async function filter() {
    asked += 1;
    pages = new Map();
    loading.clear();
    const found = await load(0);
    if (!found) return;
    const at = found.entries.findIndex((entry) => entry.id === open);
    rows.resize(found.total, { selected: at, top: true });
    if (!found.total) {
      article.replaceChildren(el("p", { class: "empty" }, seen ? "No conversation matches. Change the filters." : about.kind === "training" ? "A training holds no conversations. Progress and Curves show how it goes." : "No conversation is finished yet. Progress shows those that grow."));
      open = "";
    } else if (at < 0 && !firstTree) rows.select(0, false);
    keepUp(found);
  }

  // While the file is read or grows, the list follows.
  function keepUp(found) {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(async () => {
      const page = Math.floor(Math.floor(list.scrollTop / 56) / PAGE), before = rows.count;
      const next = await load(page, { fresh: true });
      if (next && !open && next.total && !before) rows.select(0, false);
      keepUp(next ?? found);
    }, found.left ? 50 : 2000);
  }

  let latest = 0;

  async function show(id, node = null) {
    open = id;
    const ticket = ++latest;
    let found;
    try {
      found = await ask("tree", { run, id });
    } catch (error) {
      if (ticket === latest) article.replaceChildren(el("p", { class: "empty" }, error.message));
      return;
    }
    if (ticket !== latest || closed) return;
    if (node === null) history.replaceState(null, "", link("", run, id));
    draw(article, found, { run, link, node });
  }

  place.addEventListener("goto", ({ detail }) => detail.tree && show(detail.tree, detail.node === "" ? "" : Number(detail.node)));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 150); });
  place.addEventListener("shown", () => rows.draw(), { once: true });
  document.addEventListener("keydown", slash);
  function slash(event) {
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      form.elements.words.focus();
      event.preventDefault();
    }
  }

  await filter();
  if (firstTree) await show(firstTree, firstNode === "" ? "" : Number(firstNode));
  return () => { closed = true; clearTimeout(timer); document.removeEventListener("keydown", slash); };
}

function draw(article, { entry, tree, beside }, { run, link, node }) {
  const focus = typeof node === "number" ? node : null;
  const onfocus = (id) => { location.hash = link("", run, tree.id, id); };
  const columns = el("div", { class: "columns" }, dialogue(tree, entry.candidate, { focus, onfocus }));
  const table = el("div", { class: "wide" });
  const others = new Map();

  async function toggle(other, on) {
    if (on) others.set(other.id, { ...other, tree: (await ask("tree", { run, id: other.id })).tree });
    else others.delete(other.id);
    const all = [{ candidate: entry.candidate, tree }, ...others.values()];
    columns.replaceChildren(...all.map((each) => dialogue(each.tree, each.candidate, each.tree === tree ? { focus, onfocus } : {})));
    columns.classList.toggle("two", all.length > 1);
    table.replaceChildren(...(all.length > 1 ? [byTurn(all)] : []));
  }

  const compare = beside.length === 0 ? "" : el("fieldset", { class: "beside" }, el("legend", {}, "On the same case, beside it"),
    ...beside.slice(0, 20).map((other) => el("label", { class: "tick" },
      el("input", { type: "checkbox", on: { change: (event) => toggle(other, event.target.checked) } }), other.candidate ?? other.id)));
  const facts = [tree.scenario, `persona ${tree.persona.id}`, `seed ${tree.seed}`,
    entry.labelled + entry.flipped + entry.unjudged ? `${entry.labelled} pairs labelled, ${entry.flipped} flipped, ${entry.unjudged} unjudged` : null,
    `${whole(entry.length)} characters`];
  article.replaceChildren(
    el("h2", {}, tree.id), el("p", { class: "quiet" }, facts.filter(Boolean).join(" \u00b7 ")),
    known("The persona", tree.persona) ?? "",
    ...Object.entries(tree.personas ?? {}).map(([role, persona]) => known(`The persona of ${role}`, persona) ?? ""),
    compare, table, columns);
  article.scrollTop = 0;
  if (focus !== null) article.querySelector(".focused")?.scrollIntoView({ block: "center" });
}

// The scores of each candidate, turn by turn: the mean over the judges.
function byTurn(all) {
  const scores = all.map(({ tree }) => tree.nodes.filter((node) => node.notes?.ratings).map((node) => {
    const given = Object.values(node.notes.ratings).map((rating) => rating.score).filter((score) => score !== null);
    return given.length ? given.reduce((a, b) => a + b) / given.length : null;
  }));
  const turns = Math.max(...scores.map((row) => row.length));
  return el("table", { class: "by-turn" }, el("caption", {}, "Score by turn"),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "candidate"), ...Array.from({ length: turns }, (_, i) => el("th", { scope: "col" }, String(i + 1))))),
    el("tbody", {}, ...all.map((each, i) => el("tr", {}, el("th", { scope: "row" }, each.candidate ?? each.tree.id),
      ...Array.from({ length: turns }, (_, k) => el("td", {}, scores[i][k] === undefined || scores[i][k] === null ? "-" : String(Math.round(scores[i][k] * 100) / 100)))))));
}

function filters(about) {
  const option = ([value, words]) => el("option", { value }, words);
  const several = (name, label, values) => values.length < 2 ? "" : el("label", {}, label,
    el("select", { name, id: name }, el("option", { value: "" }, "all"), ...values.map((value) => option([value, value]))));
  const totals = about.totals ?? {};
  const rated = about.kind === "evaluation";
  const judged = (totals.labelled ?? 0) + (totals.flipped ?? 0) + (totals.unjudged ?? 0) > 0;
  const hidden = new Set([...(rated ? [] : ["lowest", "highest"]), ...(judged ? [] : ["flipped"])]);
  const number = (name, label) => el("label", {}, label, el("input", { name, id: name, type: "number", step: "any", min: "0" }));
  return el("form", { class: "filters", role: "search" },
    el("label", { class: "grow" }, "Words ( / )", el("input", { name: "words", id: "words", type: "search", autocomplete: "off", placeholder: "in persona, name or text" })),
    el("label", {}, "Persona", el("input", { name: "persona", id: "persona", autocomplete: "off", size: "12", placeholder: "id" })),
    several("candidate", "Candidate", about.candidates), several("scenario", "Scenario", about.scenarios),
    judged ? el("label", {}, "Pairs", el("select", { name: "label", id: "label" }, ...Object.entries({ "": "any", labelled: "with a labelled pair", flipped: "with a flip", unjudged: "with one unjudged" }).map(option))) : "",
    rated ? el("span", { class: "range" }, number("least_score", "Score from"), number("most_score", "to")) : "",
    el("span", { class: "range" }, number("least_length", "Length from"), number("most_length", "to")),
    el("label", {}, "Order", el("select", { name: "order", id: "order" }, ...Object.entries(ORDERS).filter(([name]) => !hidden.has(name)).map(option))),
    el("label", { class: "tick" }, el("input", { name: "disagreement", id: "disagreement", type: "checkbox", value: "true" }), "disagreement only"));
}
