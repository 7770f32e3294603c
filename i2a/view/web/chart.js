// A line chart with intervals as SVG, and its picture and data to download.
"use strict";

import { el } from "./dom.js";

const COLOURS = ["#0b62a8", "#c2571a", "#2a8c5a", "#8a4fb0", "#b3393f", "#6b7280", "#a07b12", "#13808a"];
const WIDTH = 640, HEIGHT = 300, LEFT = 48, RIGHT = 12, TOP = 10, BOTTOM = 36;
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function ticks(low, high) {
  const rough = (high - low) / 5 || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high + step / 1e6; n += 1) found.push(Number((n * step).toPrecision(6)) + 0);
  return found;
}

// `panel`: title, x, y, range (null: that of the numbers), lines of points [x, y, low, high].
export function chart(panel) {
  const points = panel.lines.flatMap((line) => line.points);
  const xs = points.map((point) => point[0]), ys = points.flatMap((point) => point.slice(1)).filter((y) => y !== null);
  if (!points.length) return el("p", { class: "empty" }, `${panel.title}: no numbers yet.`);
  const span = (values) => { const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b)); return low === high ? [low - 0.5, high + 0.5] : [low, high]; };
  const [x0, x1] = span(xs), [y0, y1] = panel.range ?? span(ys);
  const x = (value) => LEFT + ((value - x0) / (x1 - x0)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - ((value - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const text = (where, words, more = {}) => svg("text", { ...where, "font-size": 12, "font-family": "system-ui, sans-serif", fill: "#5b6470", ...more }, words);
  const drawn = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": panel.title, xmlns: SVG },
    svg("rect", { class: "paper", width: WIDTH, height: HEIGHT, fill: "#fff" }));
  for (const at of ticks(y0, y1)) drawn.append(svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(at), y2: y(at), stroke: "#e3e6ea" }), text({ x: LEFT - 6, y: y(at) + 4, "text-anchor": "end" }, String(at)));
  for (const at of ticks(x0, x1).filter((each) => Number.isInteger(each))) drawn.append(text({ x: x(at), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, String(at)));
  drawn.append(text({ x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, panel.x));
  panel.lines.forEach((line, i) => {
    const colour = COLOURS[i % COLOURS.length], known = line.points.filter((point) => point[2] !== null);
    if (known.length > 1) drawn.append(svg("polygon", { fill: colour, opacity: 0.13, points: [...known.map((p) => `${x(p[0])},${y(p[2])}`), ...known.toReversed().map((p) => `${x(p[0])},${y(p[3])}`)].join(" ") }));
    drawn.append(svg("polyline", { fill: "none", stroke: colour, "stroke-width": 1.8, "stroke-dasharray": i < COLOURS.length ? "none" : "5 3", points: line.points.map((p) => `${x(p[0])},${y(p[1])}`).join(" ") }));
    if (line.points.length < 30) for (const p of line.points) drawn.append(svg("circle", { cx: x(p[0]), cy: y(p[1]), r: 3, fill: colour }, svg("title", {}, `${line.name}, ${panel.x} ${p[0]}: ${p[1].toFixed(3)}${p[2] === null ? "" : ` [${p[2].toFixed(3)}, ${p[3].toFixed(3)}]`}`)));
  });
  const legend = panel.lines.length < 2 ? "" : el("ul", { class: "legend" }, ...panel.lines.map((line, i) => {
    const mark = svg("svg", { width: 12, height: 12, "aria-hidden": "true" }, svg("rect", { width: 12, height: 12, rx: 2, fill: COLOURS[i % COLOURS.length] }));
    return el("li", {}, mark, ` ${line.name}`);
  }));
  return el("figure", { class: "curve" }, el("figcaption", {}, panel.title), drawn, legend,
    el("p", { class: "downloads" }, download("Picture (SVG)", "svg", () => new XMLSerializer().serializeToString(drawn), "image/svg+xml", panel),
      download("Numbers (CSV)", "csv", () => csv(panel), "text/csv", panel)));
}

function csv(panel) {
  const cell = (value) => /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  const rows = panel.lines.flatMap((line) => line.points.map((point) => [line.name, ...point.map((each) => each ?? "")]));
  return [["name", panel.x, panel.y, "low", "high"], ...rows].map((row) => row.map((value) => cell(String(value))).join(",")).join("\n");
}

function download(words, ending, made, type, panel) {
  const save = () => {
    const url = URL.createObjectURL(new Blob([made()], { type }));
    el("a", { href: url, download: `${panel.title.replace(/[^\w-]+/g, "_")}.${ending}` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  return el("button", { class: "link", type: "button", on: { click: save } }, words);
}
