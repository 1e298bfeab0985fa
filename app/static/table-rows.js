// Whole rows: select and delete them, with a way back; add one by a form, or many from a file.

import { progress } from "./table-download.js";
import { editable, entered, field, nullable, properties } from "./table-fields.js";
import { ask, bodyOf, change, changing, keyOf, met, records, said } from "./table-http.js";
import { made, plural, toast, wrong } from "./table-parts.js";
import { rowsOf } from "./table-read.js";

// --- select and delete ---

function select(section) {
  const all = Array.from(section.querySelectorAll("[data-pick]"));
  const every = section.querySelector("[data-pick-all]");
  const remove = section.querySelector("[data-delete]");
  let last = null;
  const update = () => {
    const picked = all.filter((box) => box.checked);
    for (const box of all) {
      box.closest("tr").classList.toggle("is-picked", box.checked);
      box.closest("tr").setAttribute("aria-selected", box.checked);
    }
    remove.hidden = !picked.length;
    remove.querySelector("span").textContent = `Delete ${plural(picked.length)}`;
    every.checked = picked.length > 0 && picked.length === all.length;
    every.indeterminate = picked.length > 0 && picked.length < all.length;
  };
  all.forEach((box, index) =>
    box.addEventListener("click", (event) => {
      const [from, to] = [last ?? index, index].sort((a, b) => a - b);
      if (event.shiftKey) all.slice(from, to + 1).forEach((other) => (other.checked = box.checked));
      last = index;
      update();
    }),
  );
  every.addEventListener("change", () => {
    all.forEach((box) => (box.checked = every.checked));
    update();
  });
  return () => all.filter((box) => box.checked).map((box) => box.closest("tr"));
}

const same = (value, text) => String(value) === text || (text !== "" && Number(value) === Number(text));

// The rows in full, as they are read again to be put back.
async function full(section, rows) {
  const { prefix, name } = section.dataset;
  const url = new URL(location.href);
  url.searchParams.delete(`${prefix}_c`);
  url.searchParams.set(`${prefix}_limit`, section.querySelectorAll("tbody tr").length);
  url.searchParams.set("_format", "json");
  const { data } = await ask(url, { exact: true });
  const keys = rows.map((row) => Object.entries(keyOf(row, "")));
  return records(data, name).filter((record) => keys.some((key) => key.every(([column, text]) => same(record[column], text))));
}

async function remove({ section, refresh, say }, rows) {
  const { table: path, name } = section.dataset;
  const before = await full(section, rows);
  const answer = await change(path, "DELETE", bodyOf(section, rows.map((row) => keyOf(row, ""))));
  if (!answer.ok) return wrong(section, answer.reason);
  const count = met(answer.data, name) || rows.length;
  const undo = async () => {
    const back = await change(path, "POST", bodyOf(section, before));
    if (!back.ok) return wrong(document.getElementById(section.id), back.reason);
    await refresh();
    say(`${plural(before.length)} put back`);
  };
  await refresh();
  say(`${plural(count)} deleted`);
  toast(`${plural(count)} deleted`, before.length === rows.length ? undo : null);
}

// --- add one ---

function labelled(section, name, property) {
  const input = field(property, null);
  input.id = `${section.id}-new-${name}`;
  input.name = name;
  const label = made("label", { htmlFor: input.id }, name);
  if (nullable(property)) label.append(" ", made("span", { className: "optional", textContent: "optional" }));
  return made("div", {}, label, input, made("p", { className: "wrong", hidden: true, id: `${input.id}-wrong` }));
}

function mark(form, text) {
  const at = text.match(/^(?:row \d+: )?(.+?): /)?.[1];
  const input = Array.from(form.elements).find((each) => each.name && each.name === at) ?? null;
  for (const each of form.querySelectorAll("[aria-invalid]")) each.removeAttribute("aria-invalid");
  for (const line of form.querySelectorAll(".wrong")) line.hidden = true;
  const line = input ? input.parentElement.querySelector(".wrong") : form.querySelector(".wrong[role]");
  line.textContent = text.replace(/^row 1: /, "");
  line.hidden = false;
  input?.setAttribute("aria-invalid", "true");
  input?.setAttribute("aria-describedby", line.id);
  (input ?? form.elements[0]).focus();
}

async function send(dialog, form, { section, refresh, say }) {
  const record = {};
  for (const input of form.elements) {
    if (!input.name) continue;
    const { value, problem } = entered(input);
    if (problem) return mark(form, `${input.name}: ${problem}`);
    if (value !== null) record[input.name] = value;
  }
  const answer = await change(section.dataset.table, "POST", bodyOf(section, [record]));
  if (!answer.ok) return mark(form, answer.reason);
  dialog.close();
  await refresh();
  say("1 row added");
  toast("1 row added");
}

async function add(context) {
  const { section } = context;
  const all = Object.entries(await properties(section)).filter(([, property]) => editable(property));
  const form = made("form", { method: "dialog", noValidate: true }, made("h2", { textContent: "Add a row", id: `${section.id}-new` }));
  const general = made("p", { className: "wrong", hidden: true });
  general.setAttribute("role", "alert");
  form.append(general, ...all.map(([name, property]) => labelled(section, name, property)));
  const dialog = made("dialog", { className: "row-form" }, form);
  dialog.setAttribute("aria-labelledby", `${section.id}-new`);
  const cancel = made("button", { className: "button quiet", type: "button", textContent: "Cancel", onclick: () => dialog.close() });
  form.append(made("div", { className: "actions" }, made("button", { className: "button", textContent: "Add" }), cancel));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(dialog, form, context);
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

// --- add many ---

// fetch tells nothing of what it has sent.
function upload(path, body, { signal, report }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(changing())) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => report(loaded / total, `${Math.round((100 * loaded) / total)} % sent`);
    request.upload.onload = () => report(null, "sent, the server is writing");
    request.onload = () => resolve({ ok: request.status < 300, reason: said(request.responseText, request) });
    request.onerror = () => resolve({ ok: false, reason: "The server cannot be reached. Nothing was added." });
    request.onabort = () => reject(new Error("stopped"));
    signal.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

async function load({ section, refresh, say }, file) {
  let rows;
  try {
    rows = rowsOf(await file.text(), file.name);
  } catch (error) {
    return wrong(section, `${file.name}: ${error.message}`);
  }
  if (!rows.length) return wrong(section, `${file.name}: there are no rows in it`);
  const body = JSON.stringify(bodyOf(section, rows));
  const answer = await progress(`Adding ${plural(rows.length)}`, (how) => upload(section.dataset.table, body, how));
  if (!answer) return say("Stopped");
  if (!answer.ok) return wrong(section, `${file.name}: ${answer.reason}`);
  await refresh();
  say(`${plural(rows.length)} added`);
  toast(`${plural(rows.length)} added`);
}

export function setUp(context) {
  const { section } = context;
  if (!("edit" in section.dataset)) return;
  const picked = select(section);
  const file = made("input", { type: "file", accept: ".csv,.tsv,.json,.ndjson" });
  file.addEventListener("change", () => file.files.length && load(context, file.files[0]));
  section.querySelector("[data-delete]").addEventListener("click", () => remove(context, picked()));
  section.querySelector("[data-add]").addEventListener("click", () => add(context));
  section.querySelector("[data-import]").addEventListener("click", () => file.click());
}
