// The filter of a column: its values with how many rows have each, fetched when it opens and while one searches in
// them; and text that is contained, for which the table takes a regular expression.

import { ask, records } from "./table-http.js";
import { made } from "./table-parts.js";

const MOST = 100; // values that are listed; a search finds the others
const TYPING = 250;
const SPECIAL = /[.*+?^${}()|[\]\\\/]/g;
const NOT_OURS = /(^|:)_(by|c|sort|offset|limit|format|download|count|distinct|meta|chart|x|y|color)$/;
const HAVING = /\|[a-z]+(>~|<~|!~|!\*|[!><~*])?$/i;

const literal = (text) => text.replace(SPECIAL, "\\$&");
const unescaped = (pattern) => pattern.replace(/\\(.)/g, "$1");

// The rows that pass the other filters, grouped by the column.
function query(form, search) {
  const { column, prefix } = form.dataset;
  const kept = Array.from(form.querySelectorAll("input[type=hidden]"), ({ name, value }) => [name, value]);
  const params = new URLSearchParams(kept.filter(([name]) => !NOT_OURS.test(name) && !HAVING.test(name)));
  if (prefix) params.set("_limit", "0"); // of the other tables nothing is needed
  const own = { _by: column, _c: `${column}|size`, _sort: `-${column}|size`, _offset: "0", _limit: MOST + 1 };
  for (const [name, value] of Object.entries(own)) params.set(prefix + name, value);
  if (search) params.set(`${prefix}${column}*`, literal(search));
  params.set("_format", "json");
  return `${new URL(form.action).pathname}?${params}`;
}

function tick(name, value, many, checked) {
  const input = made("input", { type: "checkbox", name, value, checked });
  const label = made("label", { className: "tick" }, input, made("span", { textContent: value }));
  if (many !== undefined) label.append(made("span", { className: "many", textContent: many.toLocaleString("en") }));
  return label;
}

class Values {
  constructor(form, name) {
    Object.assign(this, { form, name });
    this.box = form.querySelector("[data-values]");
    this.ticked = new Set(Array.from(this.box.querySelectorAll("input:checked"), (input) => input.value));
    this.search = made("input", { className: "field", type: "search", placeholder: "Find a value", autocomplete: "off" });
    this.search.setAttribute("aria-label", `Find a value of ${form.dataset.column}`);
    this.list = made("div", { className: "pop-list" });
    this.note = made("p", { role: "status" });
    this.list.addEventListener("change", ({ target }) => this.ticked[target.checked ? "add" : "delete"](target.value));
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.load(), TYPING);
    });
    this.search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  }

  start() {
    const parts = [this.search, this.list, this.note];
    if (this.form.dataset.filter === "boolean") parts.shift();
    this.box.replaceChildren(...parts);
    this.load();
  }

  async load() {
    this.loading?.abort();
    const { signal } = (this.loading = new AbortController());
    this.note.textContent = "Looking for values …";
    try {
      const { ok, data, reason } = await ask(query(this.form, this.search.value.trim()), { signal });
      if (!ok) this.note.textContent = reason;
      else this.show(records(data, this.name));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  // As the table has it; one that the original's clients read gives times in milliseconds.
  written(value) {
    const type = this.form.querySelector(".pop-fields input")?.type;
    if (typeof value !== "number" || !type?.startsWith("date")) return String(value);
    return new Date(value).toISOString().slice(0, type === "date" ? 10 : 19);
  }

  show(rows) {
    const { column, prefix } = this.form.dataset;
    const counts = new Map();
    for (const row of rows.slice(0, MOST)) {
      if (row[column] !== null && row[column] !== "") counts.set(this.written(row[column]), row[`${column}|size`]);
    }
    const values = [...new Set([...this.ticked, ...counts.keys()])];
    this.list.replaceChildren(...values.map((value) => tick(prefix + column, value, counts.get(value), this.ticked.has(value))));
    this.list.style.minHeight ||= `${this.list.offsetHeight}px`; // fewer values should not move what is under them
    this.note.textContent = rows.length > MOST ? `The ${MOST} most frequent.` : values.length ? "" : "No values.";
  }
}

// The tick that says whether the text is a regular expression.
function contains(form) {
  const input = form.querySelector(".pop-fields input[name$='*']");
  if (!input) return;
  const simple = unescaped(input.value);
  const isPattern = literal(simple) !== input.value;
  const box = made("input", { type: "checkbox", checked: isPattern });
  if (!isPattern) input.value = simple;
  input.closest(".pop-fields").append(made("label", { className: "tick" }, box, made("span", { textContent: "Regular expression" })));
  form.addEventListener("asked", ({ detail: data }) => {
    if (input.value && !box.checked) data.set(input.name, literal(input.value));
  });
}

function clear(form) {
  for (const field of form.elements) {
    if (field.type === "checkbox") field.checked = false;
    else if (field.type !== "hidden") field.value = "";
  }
  form.requestSubmit();
}

// Numbers and dates have a range first; their values are looked up only when somebody wants them.
function folded(form, start) {
  const fold = made("details", {}, made("summary", { textContent: "Values" }));
  const box = form.querySelector("[data-values]");
  box.replaceWith(fold);
  fold.append(box);
  const ticked = box.querySelector("input:checked") !== null;
  fold.addEventListener("toggle", start, { once: true });
  form.addEventListener("opened", () => (fold.open ||= ticked), { once: true });
}

export function setUp({ section }) {
  for (const form of section.querySelectorAll("form[data-filter]")) {
    const start = () => new Values(form, section.dataset.name).start();
    contains(form);
    form.querySelector("[data-clear]").addEventListener("click", () => clear(form));
    if (form.dataset.filter === "range") folded(form, start);
    else if (form.dataset.filter !== "aggregate") form.addEventListener("opened", start, { once: true });
  }
}
