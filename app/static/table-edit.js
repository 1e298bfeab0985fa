// Editing in place: double click, Enter or F2 make a field of a cell. Before, the row is read, and its ETag goes with the
// change: who was slower sees what the other has written, and chooses.

import { editable, entered, field, properties } from "./table-fields.js";
import { ask, bodyOf, change, keyOf, met, records } from "./table-http.js";
import { made, wrong } from "./table-parts.js";
import { beside } from "./table-pop.js";

const GONE = "This row is no longer there.";
const KEY = "This column says which row it is, and cannot be changed.";

function button(textContent, onclick, quiet) {
  return made("button", { type: "button", className: quiet ? "button quiet" : "button", textContent, onclick });
}

class Edit {
  constructor(cell, context) {
    Object.assign(this, { cell, context, row: null });
    this.hasTags = !context.section.dataset.prefix; // an answer of several tables has none for a row of one of them
    this.path = context.section.dataset.table;
    this.column = context.section.querySelectorAll("thead th")[cell.cellIndex].dataset.name;
    this.shown = made("span", {}, ...cell.childNodes); // stays under the field, so that no column changes its width
    cell.replaceChildren(this.shown);
    this.note = made("div", { className: "cell-note", popover: "manual", id: `${context.section.id}-note` });
  }

  async start() {
    this.cell.classList.add("is-edited");
    if (JSON.parse(this.context.section.dataset.id).includes(this.column)) return this.fail(KEY);
    const [all] = [await properties(this.context.section), await this.read()];
    if (!this.row) return this.fail(this.problem);
    if (!editable(all[this.column])) return this.fail("Bytes cannot be edited here.");
    this.input = field(all[this.column], this.row[this.column]);
    this.before = this.input.value;
    this.input.setAttribute("aria-label", this.column);
    this.cell.append(this.input, this.note);
    this.input.addEventListener("keydown", (event) => this.press(event));
    this.cell.addEventListener("focusout", (event) => this.left(event));
    this.input.focus();
    this.input.select?.();
  }

  fail(text) {
    this.cancel();
    wrong(this.context.section, text);
  }

  // The row as it is now.
  async read() {
    const { section } = this.context;
    const { prefix } = section.dataset;
    const others = prefix ? { _limit: "0", [`${prefix}_limit`]: "1" } : {};
    const query = new URLSearchParams({ ...keyOf(this.cell.parentElement, prefix), ...others, _format: "json" });
    const answer = await ask(`${this.path}?${query}`, { exact: true });
    this.row = answer.ok ? records(answer.data, section.dataset.name)[0] : null;
    this.etag = this.hasTags ? answer.etag : null;
    this.problem = answer.reason ?? GONE;
  }

  press(event) {
    event.stopPropagation();
    const isLine = event.key === "Enter" && event.shiftKey && this.input.tagName === "TEXTAREA";
    if (event.key === "Escape") this.cancel();
    else if (event.key === "Enter" && !isLine) this.save(this.cell);
    else if (event.key === "Tab") this.save(this.neighbour(event.shiftKey));
    else return;
    event.preventDefault();
  }

  neighbour(back) {
    const next = back ? this.cell.previousElementSibling : this.cell.nextElementSibling;
    return next && !next.matches(".pick") ? next : this.cell;
  }

  left(event) {
    if (!this.cell.contains(event.relatedTarget) && !this.isSaving && this.input.value !== this.refused) this.save(null);
  }

  cancel() {
    this.close();
    this.cell.focus();
  }

  close() {
    this.isSaving = true; // the field goes, and with it the focus
    if (this.note.matches(":popover-open")) this.note.hidePopover();
    this.cell.replaceChildren(...this.shown.childNodes);
    this.cell.classList.remove("is-edited");
  }

  // Save, then go to the cell `next`, or stay where the focus is.
  async save(next) {
    const { value, problem } = entered(this.input);
    if (problem) return this.refuse(problem);
    if (this.input.value === this.before) return this.close(), next?.focus();
    this.isSaving = this.input.readOnly = true;
    const answer = !this.etag && (await this.isOutdated()) ? { status: 412 } : await this.send(value);
    this.isSaving = this.input.readOnly = false;
    if (answer.status === 412) return (await this.isOutdated()) ? this.conflict() : this.save(next);
    if (!answer.ok) return this.refuse(answer.reason);
    if (!met(answer.data, this.context.section.dataset.name)) return this.refuse(GONE);
    await this.saved(next, value);
  }

  // Read the row again: has somebody changed this column since it was read, and not only others, which stay as they are?
  async isOutdated() {
    if (this.isCompared) return true;
    const before = this.row;
    await this.read();
    if (JSON.stringify(before) === JSON.stringify(this.row)) this.hasTags = this.etag = null; // a tag of something else
    this.isCompared = this.row?.[this.column] !== before[this.column];
    return this.isCompared;
  }

  send(value) {
    const { section } = this.context;
    const record = { ...keyOf(this.cell.parentElement, ""), [this.column]: value };
    return change(this.path, "PUT", bodyOf(section, record), this.etag ? { "If-Match": this.etag } : {});
  }

  async saved(next, value) {
    this.close();
    next?.focus();
    this.cell.textContent = value ?? "";
    this.cell.classList.add("is-saved");
    if (!this.context.section.querySelector(".is-edited")) await this.context.refresh(); // another one is being edited
    this.context.say(`Saved: ${this.column} is ${value ?? "empty"}`);
  }

  refuse(text) {
    this.refused = this.input.value;
    this.input.setAttribute("aria-invalid", "true");
    this.input.setAttribute("aria-describedby", this.note.id);
    this.tell(text, []);
    this.input.focus();
  }

  conflict() {
    this.isCompared = false;
    if (!this.row) return this.refuse(this.problem);
    const theirs = this.row[this.column];
    const keep = button("Keep mine", () => this.save(this.cell));
    const take = button("Take theirs", () => (this.close(), this.cell.focus(), this.context.refresh()), true);
    this.refused = this.input.value;
    this.tell(`Meanwhile somebody has changed this to ${theirs === null ? "nothing" : `“${theirs}”`}.`, [keep, take]);
    keep.focus();
  }

  tell(text, buttons) {
    const line = made("p", { textContent: text, role: "alert" });
    this.note.replaceChildren(line, ...(buttons.length ? [made("div", { className: "actions" }, ...buttons)] : []));
    this.note.showPopover();
    const [left, top] = beside(this.cell, this.note.getBoundingClientRect());
    this.note.style.setProperty("left", `${left}px`);
    this.note.style.setProperty("top", `${top}px`);
    this.note.onkeydown = (event) => event.key === "Escape" && this.cancel();
  }
}

export function setUp(context) {
  const { section } = context;
  if (!("edit" in section.dataset)) return;
  const start = (target) => {
    const cell = target.closest("tbody td:not(.pick)");
    if (cell?.parentElement.dataset.key && !cell.matches(".is-edited")) new Edit(cell, context).start();
    return cell;
  };
  const table = section.querySelector("table");
  table.addEventListener("dblclick", (event) => start(event.target));
  table.addEventListener("keydown", (event) => {
    const isCell = event.target.matches("tbody td");
    if (isCell && (event.key === "Enter" || event.key === "F2") && start(event.target)) event.preventDefault();
  });
}
