// What is asked of the server. Addresses are relative, so that they carry the token of the page.
"use strict";

function address(name, values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false));
  return `api/${name}?${query}`;
}

async function answer(asked) {
  const response = await asked;
  if (response.headers.get("Content-Type")?.startsWith("application/json")) {
    const told = await response.json();
    if (!response.ok) throw new Error(told.error);
    return told;
  }
  throw new Error(await response.text());
}

export const ask = (name, values = {}, signal) => answer(fetch(address(name, values), { signal }));

export const send = (name, values, body) => answer(fetch(address(name, values), {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
}));

// Calls `told` with each new state of a run; returns a function that ends it.
export function follow(run, told) {
  const events = new EventSource(address("progress", { run }));
  events.onmessage = (event) => told(JSON.parse(event.data));
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) told({ trouble: "there is no such run" }); };
  return () => events.close();
}
