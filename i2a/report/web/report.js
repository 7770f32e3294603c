// The explorer of a static report: the trees are in the page, in compressed parts. Nothing is fetched.
"use strict";

import { $, el } from "./dom.js";
import { RowList, summaryRow } from "./list.js";
import { dialogue, known } from "./tree.js";

const [RUN, ID, PERSONA, CANDIDATE, CASE, REPLIES, SCORE, DISAGREEMENTS] = Array(8).keys();

let index, list, shown = [];
const parts = new Map();

async function unpack(id) {
  const bytes = Uint8Array.from(atob($(id).textContent.trim()), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).json();
}

async function treeAt(place) {
  const part = Math.floor(place / index.part);
  if (!parts.has(part)) {
    parts.set(part, unpack(`part-${part}`));
    if (parts.size > 8) parts.delete(parts.keys().next().value);
  }
  return (await parts.get(part))[place % index.part];
}

// The list

function filtered() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [run, candidate, order] = ["run", "candidate", "order"].map((name) => $(name).value);
  const least = parseFloat($("least").value), most = parseFloat($("most").value);
  const places = [];
  index.trees.forEach((tree, place) => {
    if (run !== "" && tree[RUN] !== Number(run)) return;
    if (candidate !== "" && tree[CANDIDATE] !== candidate) return;
    if ($("disagreement").checked && !tree[DISAGREEMENTS]) return;
    if (!Number.isNaN(least) && !(tree[SCORE] >= least && tree[SCORE] !== null)) return;
    if (!Number.isNaN(most) && !(tree[SCORE] <= most && tree[SCORE] !== null)) return;
    if (words.length && !words.every((word) => searched(tree).includes(word))) return;
    places.push(place);
  });
  const by = { low: (t) => t[SCORE] ?? Infinity, high: (t) => -(t[SCORE] ?? -Infinity), split: (t) => -t[DISAGREEMENTS] }[order];
  return by ? places.sort((a, b) => by(index.trees[a]) - by(index.trees[b]) || a - b) : places;
}

function searched(tree) {
  if (!tree.searched) tree.searched = [tree[ID], tree[PERSONA], tree[CANDIDATE] ?? "", ...index.personas[tree[PERSONA]]].join(" ").toLowerCase();
  return tree.searched;
}

function filter() {
  const open = shown[list.selected];
  shown = filtered();
  $("count").textContent = `${shown.length.toLocaleString("en")} of ${index.trees.length.toLocaleString("en")} conversations`;
  list.resize(shown.length, { selected: shown.indexOf(open), top: true });
  if (list.selected < 0 && shown.length) list.select(0, false);
  if (!shown.length) $("tree").replaceChildren(el("p", { class: "quiet" }, "No conversation matches. Change the filters."));
}

// One tree

let latest = 0;

async function show(place) {
  const ticket = ++latest;
  const tree = await treeAt(place), about = index.trees[place];
  if (ticket !== latest) return;
  const others = about[CASE] === null ? [] : [...index.trees.keys()].filter((other) => {
    const like = index.trees[other];
    return other !== place && like[RUN] === about[RUN] && like[CASE] === about[CASE];
  });
  const columns = el("div", { class: "columns" }, dialogue(tree, about[CANDIDATE]));
  const compare = others.length ? el("label", {}, "Beside it: ", el("select", {
    id: "compare",
    on: {
      change: async (event) => {
        const beside = event.target.value === "" ? [] : [dialogue(await treeAt(Number(event.target.value)), index.trees[event.target.value][CANDIDATE])];
        columns.replaceChildren(dialogue(tree, about[CANDIDATE]), ...beside);
        columns.classList.toggle("two", beside.length > 0);
      },
    },
  }, el("option", { value: "" }, "nothing"), ...others.map((other) => el("option", { value: other }, index.trees[other][CANDIDATE])))) : null;
  $("tree").replaceChildren(
    el("h3", {}, tree.id),
    el("p", { class: "quiet" }, [index.runs[about[RUN]], tree.scenario, `persona ${about[PERSONA]}`, `seed ${tree.seed}`].join(" · ")),
    known("The persona", tree.persona) ?? "",
    ...Object.entries(tree.personas ?? {}).map(([role, persona]) => known(`The persona of ${role}`, persona) ?? ""),
    compare ?? "", columns);
  $("tree").scrollTop = 0;
}

function choices(select, pairs) {
  for (const [value, words] of pairs) select.append(el("option", { value }, words));
  select.parentElement.hidden = pairs.length < 2;
}

async function start() {
  if (!$("explorer")) return;
  index = await unpack("index");
  choices($("run"), index.runs.map((name, i) => [i, name]));
  choices($("candidate"), [...new Set(index.trees.map((tree) => tree[CANDIDATE]).filter((name) => name !== null))].map((name) => [name, name]));
  const rated = index.trees.some((tree) => tree[SCORE] !== null);
  for (const element of document.querySelectorAll(".rated")) element.hidden = !rated;
  for (const name of ["run", "candidate", "order", "disagreement"]) $(name).addEventListener("change", filter);
  for (const name of ["search", "least", "most"]) $(name).addEventListener("input", filter);
  list = new RowList($("list"), {
    row: (i) => {
      const tree = index.trees[shown[i]];
      return summaryRow({ id: tree[ID], candidate: tree[CANDIDATE], case: tree[CASE], replies: tree[REPLIES], score: tree[SCORE], disagreements: tree[DISAGREEMENTS] });
    },
    onselect: (i) => show(shown[i]),
    onenter: () => $("tree").focus(),
  });
  filter();
}

start();
