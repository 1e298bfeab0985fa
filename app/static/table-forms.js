// The forms above a table: groups and what they show, which columns in which order, the chart.

import { reason } from "./table-http.js";

// A select that is chosen is followed by another one to choose.
function repeat(fieldset) {
  fieldset.addEventListener("change", ({ target }) => {
    const all = Array.from(fieldset.querySelectorAll("select"));
    if (target === all.at(-1) && target.value) {
      const next = target.cloneNode(true);
      next.value = "";
      target.after(next);
    } else if (!target.value && target !== all.at(-1)) {
      target.remove();
    }
  });
}

function group(form, prefix) {
  form.querySelectorAll("[data-repeats]").forEach(repeat);
  form.addEventListener("asked", ({ detail: data }) => {
    if (data.has(`${prefix}_c`) && !data.has(`${prefix}_by`)) data.set(`${prefix}_by`, ""); // one row of all
  });
}

function mover(item, label, icon, by) {
  const button = document.createElement("button");
  const name = item.querySelector("input").value;
  button.type = "button";
  button.className = "tool";
  button.textContent = icon;
  button.setAttribute("aria-label", `Move ${name} ${label}`);
  button.addEventListener("click", () => {
    const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    if (by < 0) other.before(item);
    else other.after(item);
    button.focus();
  });
  return button;
}

function columns(form, prefix) {
  const all = JSON.parse(form.dataset.columns);
  for (const item of form.querySelectorAll("li")) {
    const moves = document.createElement("span");
    moves.className = "moves";
    moves.append(mover(item, "up", "↑", -1), mover(item, "down", "↓", 1));
    item.append(moves);
  }
  form.addEventListener("asked", ({ detail: data }) => {
    const chosen = data.getAll(`${prefix}_c`);
    if (chosen.length === all.length && chosen.every((name, at) => name === all[at])) data.delete(`${prefix}_c`);
  });
}

// An image tells nobody why it could not be made: its address does.
async function explain(image) {
  const response = await fetch(image.currentSrc || image.src, { headers: { Accept: "application/problem+json" } });
  const line = image.closest("section").querySelector("[role=alert]");
  image.hidden = true;
  line.textContent = response.ok ? "The chart cannot be shown." : await reason(response);
  line.hidden = false;
}

export function setUp({ section }) {
  const { prefix } = section.dataset;
  section.querySelectorAll("[data-group]").forEach((form) => group(form, prefix));
  section.querySelectorAll("[data-columns]").forEach((form) => columns(form, prefix));
  const chart = section.querySelector("[data-chart]");
  if (chart?.complete && !chart.naturalWidth) explain(chart);
  else chart?.addEventListener("error", () => explain(chart));
}
