// Which screen is shown follows from what stands behind the # of the address: SCREEN/RUN/TREE/NODE.
"use strict";

import { $, el } from "./dom.js";
import { browse } from "./browse.js";
import { curves } from "./curves.js";
import { differences } from "./differences.js";
import { live } from "./live.js";
import { rate } from "./rate.js";
import { runs } from "./runs.js";

const SCREENS = { live, curves, rate, differences };
const NAMES = { "": "Conversations", live: "Progress", curves: "Curves", differences: "People and judges", rate: "Rate" };
let leave = () => {};

export function link(screen, ...parts) {
  return `#${screen}/${parts.map(encodeURIComponent).join("/")}`;
}

function tabs(screen, run) {
  const kinds = run ? Object.keys(NAMES) : [];
  $("tabs").replaceChildren(...kinds.map((name) => el("a", { href: link(name, run), "aria-current": name === screen ? "page" : null }, NAMES[name])),
    ...(run ? [el("span", { class: "where" }, run)] : []));
}

async function show() {
  leave();
  leave = () => {};
  const [screen, ...parts] = location.hash.slice(1).split("/").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  const [run = "", tree = "", node = ""] = parts;
  document.title = run ? `${run} \u00b7 i2a view` : "i2a view";
  tabs(screen, run);
  const place = el("div", { class: `screen ${screen || (run ? "browse" : "runs")}` });
  try {
    const opened = run === "" ? await runs(place, link) : screen in SCREENS ? await SCREENS[screen](place, { run, link }) : await browse(place, { run, tree, node, link });
    leave = opened ?? leave;
  } catch (error) {
    place.replaceChildren(el("p", { class: "trouble", role: "alert" }, error.message));
  }
  $("screen").replaceChildren(place);
  place.dispatchEvent(new Event("shown"));
}

addEventListener("hashchange", (event) => {
  if (sameScreen(event.oldURL, event.newURL)) return;
  show();
});

// Another tree of the same run is shown without drawing the screen anew: the browser's Back does it too.
function sameScreen(before, after) {
  const parts = (url) => new URL(url).hash.slice(1).split("/");
  const [a, b] = [parts(before), parts(after)];
  if (a[0] !== "" || b[0] !== "" || a[1] !== b[1] || !b[1] || !document.querySelector(".browse")) return false;
  document.querySelector(".browse").dispatchEvent(new CustomEvent("goto", { detail: { tree: decodeURIComponent(b[2] ?? ""), node: decodeURIComponent(b[3] ?? "") } }));
  return true;
}

show();
