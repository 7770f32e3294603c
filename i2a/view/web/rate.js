// Rating, one blinded item at a time. Keys: a digit scores, 1 2 3 choose left, right, tie, s skips, b goes back, c comments.
"use strict";

import { ask, send } from "./api.js";
import { el } from "./dom.js";
import { whole } from "./words.js";

const SIDES = { 1: "left", 2: "right", 3: "tie" };
const REASONS = ["I cannot tell", "unreadable", "not my language", "not fit to be shown"];

export async function rate(place, { run }) {
  let state = await ask("rate", { run }), busy = false;

  function draw() {
    const { item, before } = state;
    const comment = el("input", { id: "comment", autocomplete: "off", maxlength: "5000", placeholder: "comment ( c ), then Enter", "aria-label": "Comment" });
    comment.value = before?.comment ?? "";
    const progress = el("p", { id: "rated", "aria-live": "polite" }, `${whole(state.done)} of ${whole(state.total)} rated by ${state.rater}`);
    const top = el("div", { class: "rate-top" }, progress, el("progress", { max: String(state.total || 1), value: String(state.done) }));
    if (!item) {
      place.replaceChildren(top, el("p", { class: "empty" }, state.total ? "All done. Thank you." : "There is nothing to rate."), back());
      return;
    }
    const answers = state.kind === "score"
      ? state.scale.map((score) => answer(String(score), score, { score }, before?.score === score))
      : Object.entries(SIDES).map(([key, choice]) => answer(`${choice} ( ${key} )`, key, { choice }, before?.choice === choice));
    const replies = el("div", { class: "siblings" }, ...item.replies.map((content, i) => el("div", { class: "card reply asked" },
      el("b", {}, item.replies.length > 1 ? ["left", "right"][i] : "the reply"), el("p", { class: "said", dir: "auto" }, content))));
    const skip = el("select", { id: "skip", "aria-label": "Skip, because", on: { change: (event) => event.target.value && give({ skipped: event.target.value }) } },
      el("option", { value: "" }, "skip ( s ), because \u2026"), ...REASONS.map((why) => el("option", { value: why }, why)));
    place.replaceChildren(top,
      state.rubric.length ? el("details", { class: "rubric" }, el("summary", {}, "The rubric"), ...state.rubric.map((text) => el("p", { class: "said" }, text))) : "",
      el("details", { class: "persona", open: true }, el("summary", {}, "The person"), ...Object.entries(item.persona).filter(([, text]) => text).map(([name, text]) => el("p", {}, el("b", {}, `${name} `), text))),
      el("ol", { class: "turns" }, ...item.dialogue.map((said) => el("li", {}, el("div", { class: `card ${said.user ? "user" : "reply"}` }, el("p", { class: "said", dir: "auto" }, said.content))))),
      replies,
      el("div", { class: "answers" }, ...answers, skip, comment, back()));
    look();
  }

  const look = () => place.querySelector(".asked")?.scrollIntoView({ block: "nearest" });

  const answer = (words, key, given, chosen) => el("button", { type: "button", class: chosen ? "answer chosen" : "answer", "data-key": key, on: { click: () => give(given) } }, words);
  const back = () => state.previous ? el("button", { type: "button", class: "link", id: "back", on: { click: goBack } }, "back ( b )") : "";

  async function goBack() {
    if (!state.previous) return;
    state = await ask("rate", { run, item: state.previous });
    draw();
  }

  async function give(given) {
    if (busy || !state.item) return;
    busy = true;
    try {
      state = await send("rate", { run }, { item: state.item.item, comment: place.querySelector("#comment").value, ...given });
      draw();
    } catch (error) {
      place.querySelector(".trouble")?.remove();
      place.prepend(el("p", { class: "trouble", role: "alert" }, `Not saved: ${error.message}`));
    } finally {
      busy = false;
    }
  }

  function key(event) {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName);
    if (typing && (event.key === "Enter" || event.key === "Escape")) { document.activeElement.blur(); event.preventDefault(); }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat || !state.item && event.key !== "b") return;
    if (event.key === "b") goBack();
    else if (event.key === "c") place.querySelector("#comment").focus();
    else if (event.key === "s") place.querySelector("#skip").focus();
    else if (state.kind === "score" && state.scale.map(String).includes(event.key)) give({ score: Number(event.key) });
    else if (state.kind === "choice" && event.key in SIDES) give({ choice: SIDES[event.key] });
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", key);
  place.addEventListener("shown", look, { once: true });
  draw();
  return () => document.removeEventListener("keydown", key);
}
