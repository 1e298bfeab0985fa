// The page of a table without loading it anew: links and forms of the page, which work without this script too, fetch
// the page that they lead to and show its tables in place of the old ones. All state is in the address.

import { download, isLarge } from "./table-download.js";
import { setUp as setUpEditing } from "./table-edit.js";
import { setUp as setUpFilters } from "./table-filter.js";
import { setUp as setUpForms } from "./table-forms.js";
import { setUp as setUpGrid } from "./table-grid.js";
import { ask, reason, records } from "./table-http.js";
import { wrong } from "./table-parts.js";
import { place } from "./table-pop.js";
import { setUp as setUpRows } from "./table-rows.js";

const TYPING = 300; // milliseconds of no key after which a search is sent
const status = document.querySelector("[data-status]");
const tables = () => document.querySelector("[data-tables]");
let shown = location.pathname + location.search;
let waiting = null;
let typing = 0;

function say(text) {
  status.textContent = text;
}

// Where the focus is, so that it is there again in the new tables.
function remembered() {
  const active = document.activeElement;
  const cell = active?.closest("[data-table] :is(td, th)");
  const at = { id: active?.id, value: active?.value, selection: active?.selectionStart };
  if (!cell) return at;
  const row = cell.parentElement;
  const keyed = row.dataset.key && `tr[data-key="${CSS.escape(row.dataset.key)}"]`;
  return { ...at, table: cell.closest("[data-table]").id, keyed, row: row.rowIndex, column: cell.cellIndex };
}

function restore(at) {
  const element = at.id && document.getElementById(at.id);
  if (element) {
    element.focus({ preventScroll: true });
    if (element.type === "search") restoreText(element, at);
    return;
  }
  const table = at.table && document.querySelector(`#${at.table} table`);
  if (!table) return;
  const row = (at.keyed && table.querySelector(at.keyed)) || table.rows[Math.min(at.row, table.rows.length - 1)];
  const cell = row.cells[Math.min(at.column, row.cells.length - 1)];
  (cell.querySelector("input, a") ?? cell).focus({ preventScroll: true });
}

function restoreText(input, at) {
  input.value = at.value; // one may have typed on while the answer was on its way
  input.setSelectionRange(at.selection, at.selection);
}

function scrolled() {
  return Array.from(document.querySelectorAll("[data-scroller]"), ({ scrollLeft, scrollTop }) => ({ scrollLeft, scrollTop }));
}

function show(fresh, stays) {
  const [at, places] = [remembered(), scrolled()];
  tables().replaceWith(fresh);
  setUp();
  document.querySelectorAll("[data-scroller]").forEach((scroller, index) => {
    scroller.scrollLeft = places[index]?.scrollLeft ?? 0;
    if (stays) scroller.scrollTop = places[index]?.scrollTop ?? 0;
  });
  restore(at);
}

// Show what is at an address of this page. `how` is what becomes of the history: push, replace, or nothing.
async function go(url, how = "push") {
  waiting?.abort();
  const { signal } = (waiting = new AbortController());
  tables().setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" }, signal, cache: "no-cache" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("[data-tables]");
    if (response.ok && !fresh) return location.assign(url); // as the page of sign-in
    if (!response.ok) return wrong(tables(), page.querySelector(".error-message")?.textContent ?? (await reason(response)));
    if (how !== "none") history[`${how}State`](null, "", url);
    const stays = shown === location.pathname + location.search;
    shown = location.pathname + location.search;
    show(fresh, stays);
    say(fresh.querySelector("[data-count]").textContent.trim());
    return true;
  } catch (error) {
    if (!signal.aborted) wrong(tables(), "The server cannot be reached. What you see is as it was before.");
  } finally {
    if (!signal.aborted) tables().removeAttribute("aria-busy");
  }
}

const refresh = () => go(location.href, "none");

// What a form asks for; a field that is left empty asks for nothing.
function asked(form) {
  const data = new FormData(form);
  for (const field of form.elements) {
    if (!field.name || ["hidden", "checkbox", "submit"].includes(field.type)) continue;
    const values = data.getAll(field.name).filter(Boolean);
    data.delete(field.name);
    values.forEach((value) => data.append(field.name, value));
  }
  form.dispatchEvent(new CustomEvent("asked", { detail: data }));
  const query = new URLSearchParams(data).toString();
  return new URL(form.action).pathname + (query && `?${query}`);
}

function follow(event) {
  const link = event.target.closest("[data-tables] a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.altKey) return;
  if (link.hasAttribute("download")) {
    if (isLarge(link)) return;
    event.preventDefault();
    return download(link, say);
  }
  if (link.pathname !== location.pathname || link.hash) return;
  event.preventDefault();
  go(event.shiftKey && link.dataset.also ? link.dataset.also : link.href);
}

document.addEventListener("click", follow);
document.addEventListener("submit", (event) => {
  if (!event.target.closest("[data-tables]") || event.target.method !== "get") return;
  event.preventDefault();
  clearTimeout(typing);
  go(asked(event.target));
});
document.addEventListener("change", (event) => event.target.closest("[data-at-once]")?.requestSubmit());
document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-search]");
  if (!form) return;
  clearTimeout(typing);
  typing = setTimeout(() => form.isConnected && go(asked(form), "replace"), TYPING);
});
window.addEventListener("popstate", () => {
  if (shown !== location.pathname + location.search) go(location.href, "none");
});
document.addEventListener("toggle", (event) => event.target.matches(".pop") && place(event.target, event.newState), true);

// The number of rows, where the server left it for later.
async function count(section) {
  const url = new URL(section.dataset.uncounted, location.href);
  const { prefix } = section.dataset;
  if (prefix) [["_limit", "0"], [`${prefix}_limit`, "1"]].forEach((pair) => url.searchParams.set(...pair)); // not the others
  const { ok, data } = await ask(url);
  const row = ok && records(data, section.dataset.name)[0];
  if (!row || !section.isConnected) return;
  const total = Object.values(row)[0];
  section.querySelector("[data-total]").textContent = total.toLocaleString("en");
  section.querySelector("table").setAttribute("aria-rowcount", total + 1);
}

function setUp() {
  for (const section of document.querySelectorAll("[data-table]")) {
    const context = { section, go, refresh, say };
    for (const each of [setUpGrid, setUpFilters, setUpForms, setUpEditing, setUpRows]) each(context);
    if (section.dataset.uncounted) count(section);
  }
}

setUp();
