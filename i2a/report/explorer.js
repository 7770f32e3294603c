// The tree explorer: a list to filter, and the dialogue that was really held, with siblings side by side.
// Text of models and personas becomes text nodes only, never markup. Nothing is fetched.
"use strict";

const ROW = 56; // px, as in style.css
const [RUN, ID, PERSONA, CANDIDATE, CASE, REPLIES, SCORE, DISAGREEMENTS] = Array(8).keys();
const $ = (id) => document.getElementById(id);

let index, shown = [], selected = -1;
const parts = new Map();

function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

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
  const open = shown[selected];
  shown = filtered();
  selected = shown.indexOf(open);
  $("count").textContent = `${shown.length.toLocaleString("en")} of ${index.trees.length.toLocaleString("en")} conversations`;
  $("space").style.height = `${shown.length * ROW}px`;
  $("list").scrollTop = 0;
  draw();
  if (selected < 0 && shown.length) select(0, false);
  if (!shown.length) $("tree").replaceChildren(el("p", { class: "quiet" }, "No conversation matches. Change the filters."));
}

function draw() {
  const list = $("list"), first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
  const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
  const rows = [];
  for (let i = first; i < last; i++) rows.push(option(i));
  $("rows").style.transform = `translateY(${first * ROW}px)`;
  $("rows").replaceChildren(...rows);
  if (selected >= first && selected < last) list.setAttribute("aria-activedescendant", `option-${selected}`);
  else list.removeAttribute("aria-activedescendant");
}

function option(i) {
  const tree = index.trees[shown[i]];
  const facts = [tree[CANDIDATE], `${tree[REPLIES]} replies`, tree[DISAGREEMENTS] ? `${tree[DISAGREEMENTS]} disagreement${tree[DISAGREEMENTS] > 1 ? "s" : ""}` : null];
  return el("div", {
    role: "option", id: `option-${i}`, class: "row", "aria-selected": String(i === selected),
    "aria-setsize": shown.length, "aria-posinset": i + 1, on: { click: () => select(i, true) },
  }, el("strong", {}, tree[CASE] ?? tree[ID]), tree[SCORE] === null ? null : el("span", { class: "score" }, tree[SCORE].toFixed(2)),
  el("small", {}, facts.filter(Boolean).join(", ")));
}

function select(i, focus) {
  selected = Math.max(0, Math.min(shown.length - 1, i));
  const list = $("list"), top = selected * ROW;
  if (top < list.scrollTop) list.scrollTop = top;
  if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
  draw();
  if (focus) list.focus({ preventScroll: true });
  show(shown[selected]);
}

function steer(event) {
  const page = Math.max(1, Math.floor($("list").clientHeight / ROW) - 1);
  const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -shown.length, End: shown.length };
  if (event.key === "Enter") { $("tree").focus(); event.preventDefault(); }
  if (!(event.key in moves) || !shown.length) return;
  event.preventDefault();
  select(selected + moves[event.key], true);
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

// What is known of a person; null if nothing is.
function known(title, persona) {
  const told = Object.entries({ Profile: persona.profile, Personality: persona.personality, ...persona.fields }).filter(([, value]) => value !== "");
  return told.length === 0 ? null : el("details", { class: "persona" }, el("summary", {}, title),
    ...told.map(([name, value]) => el("p", {}, el("b", {}, `${name} `), typeof value === "object" ? JSON.stringify(value) : String(value))));
}

function dialogue(tree, candidate) {
  const nodes = new Map(tree.nodes.map((node) => [node.id, { ...node, children: [] }]));
  const roots = { id: "roots", children: [] };
  for (const node of nodes.values()) (node.parent === null ? roots : nodes.get(node.parent)).children.push(node);
  const followed = new Map();
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

function card(node, nodes, { alone, went, follow }) {
  const marks = [el("b", {}, node.speaker)];
  if (node.label) marks.push(el("span", { class: `label ${node.label}` }, `judged ${node.label}`));
  for (const [judge, rating] of Object.entries(node.notes?.ratings ?? {})) {
    marks.push(el("span", { class: rating.score === null ? "rating none" : "rating", title: judge }, rating.score === null ? "unscored" : `score ${rating.score}`));
  }
  if (!alone) marks.push(el("span", { class: "quiet" }, went ? "→ the dialogue went on here" : node.children.length ? "also went on" : "not continued"));
  return el("div", { class: `card ${node.speaker === "user" ? "user" : "reply"}${went && !alone ? " went" : ""}`, "data-node": node.id },
    el("p", { class: "marks" }, ...marks), el("p", { class: "said" }, node.content),
    follow ? el("button", { type: "button", on: { click: follow } }, "Follow this branch") : null,
    ...knowledge(node), ...reasons(node, nodes));
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

// Start

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
  $("list").addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  $("list").addEventListener("keydown", steer);
  new ResizeObserver(draw).observe($("list"));
  filter();
}

start();
