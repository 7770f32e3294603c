// A list of any length, of which only the rows in sight are in the page. Keys: arrows or j and k, Page, Home, End, Enter.
"use strict";

import { el } from "./dom.js";

export const ROW = 56; // px, as in style.css

// `row(i)`: the children of a row; `onselect(i)`: one was chosen; `onenter()`: Enter was pressed.
export class RowList {
  constructor(list, { row, onselect, onenter }) {
    Object.assign(this, { list, row, onselect, onenter, count: 0, selected: -1 });
    this.rows = el("div", { id: "rows", role: "presentation" });
    this.space = el("div", { id: "space", role: "presentation" }, this.rows);
    list.replaceChildren(this.space);
    list.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()), { passive: true });
    list.addEventListener("keydown", (event) => this.steer(event));
    new ResizeObserver(() => this.draw()).observe(list);
  }

  // Another number of rows; `top`: back to the first.
  resize(count, { selected = this.selected, top = false } = {}) {
    this.count = count;
    this.selected = selected;
    this.space.style.height = `${count * ROW}px`;
    if (top) this.list.scrollTop = 0;
    this.draw();
  }

  draw() {
    const list = this.list, first = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
    const last = Math.min(this.count, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
    const rows = [];
    for (let i = first; i < last; i++) rows.push(this.option(i));
    this.rows.style.transform = `translateY(${first * ROW}px)`;
    this.rows.replaceChildren(...rows);
    if (this.selected >= first && this.selected < last) list.setAttribute("aria-activedescendant", `option-${this.selected}`);
    else list.removeAttribute("aria-activedescendant");
  }

  option(i) {
    return el("div", {
      role: "option", id: `option-${i}`, class: "row", "aria-selected": String(i === this.selected),
      "aria-setsize": this.count, "aria-posinset": i + 1, on: { click: () => this.select(i, true) },
    }, ...this.row(i));
  }

  select(i, focus) {
    this.selected = Math.max(0, Math.min(this.count - 1, i));
    const list = this.list, top = this.selected * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    this.draw();
    if (focus) list.focus({ preventScroll: true });
    this.onselect(this.selected);
  }

  steer(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / ROW) - 1);
    const moves = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, PageUp: -page, Home: -this.count, End: this.count };
    if (event.key === "Enter") { this.onenter(); event.preventDefault(); }
    if (!(event.key in moves) || !this.count || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.select(this.selected + moves[event.key], true);
  }
}

// What a row shows of a tree: its name, its score, and a line of facts.
export function summaryRow({ id, candidate, case: of, replies, score, disagreements }) {
  const facts = [candidate, `${replies} replies`, disagreements ? `${disagreements} disagreement${disagreements > 1 ? "s" : ""}` : null];
  return [el("strong", {}, of ?? id), score === null ? null : el("span", { class: "score" }, score.toFixed(2)),
    el("small", {}, facts.filter(Boolean).join(", "))];
}
