// The table as a grid of ARIA: one stop of the Tab key, in which the arrow keys move from cell to cell. In its head they
// stop at each link and button. Page Up and Page Down turn the pages.

// Where the focus can be in a cell.
function stops(cell) {
  const inner = Array.from(cell.querySelectorAll("a, button, input"));
  return inner.length ? inner : [cell];
}

const rowOf = (element) => element.closest("tr");
const cellOf = (element) => element.closest("td, th");

function inRow(row) {
  return Array.from(row.cells).flatMap(stops).filter((stop) => stop.checkVisibility());
}

function sideways(from, by) {
  const all = inRow(rowOf(from));
  return all[all.indexOf(from) + by];
}

function upright(table, from, by) {
  const row = table.rows[rowOf(from).rowIndex + by];
  return row && stops(row.cells[cellOf(from).cellIndex] ?? row.cells[0])[0];
}

const MOVES = {
  ArrowRight: (table, from) => sideways(from, 1),
  ArrowLeft: (table, from) => sideways(from, -1),
  ArrowDown: (table, from) => upright(table, from, 1),
  ArrowUp: (table, from) => upright(table, from, -1),
  Home: (table, from, far) => inRow(far ? table.rows[0] : rowOf(from))[0],
  End: (table, from, far) => inRow(far ? table.rows[table.rows.length - 1] : rowOf(from)).at(-1),
};

export function setUp({ section }) {
  const table = section.querySelector("table");
  let current = null;
  const become = (stop) => {
    if (current) current.tabIndex = -1;
    current = stop;
    current.tabIndex = 0;
  };

  describe(section, table);
  for (const cell of table.querySelectorAll("th, td")) {
    for (const stop of stops(cell)) stop.tabIndex = -1;
  }
  become(inRow(table.rows[1] ?? table.rows[0])[0] ?? table.rows[0].cells[0]);
  table.addEventListener("focusin", (event) => {
    if (event.target.tabIndex === -1 && !event.target.closest(".is-edited")) become(event.target);
  });
  table.addEventListener("keydown", (event) => {
    if (event.target.closest(".is-edited") || event.altKey || event.defaultPrevented) return;
    if (turn(section, event.key)) return event.preventDefault();
    const next = MOVES[event.key]?.(table, event.target, event.ctrlKey || event.metaKey);
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

function turn(section, key) {
  const link = { PageDown: "next", PageUp: "before" }[key];
  const to = link && section.querySelector(`#${section.id}-${link}[href]`);
  to?.click();
  return Boolean(to);
}

function describe(section, table) {
  const first = Number(table.dataset.first);
  section.querySelector("[data-scroller]").removeAttribute("tabindex"); // the cells take the focus, and scroll to it
  table.setAttribute("role", "grid");
  table.setAttribute("aria-readonly", !("edit" in section.dataset));
  table.setAttribute("aria-rowcount", table.dataset.rows ? Number(table.dataset.rows) + 1 : -1);
  if ("edit" in section.dataset) table.setAttribute("aria-multiselectable", "true");
  Array.from(table.rows, (row, index) => row.setAttribute("aria-rowindex", index ? first + index : 1));
  for (const cell of table.querySelectorAll("td")) cell.setAttribute("role", "gridcell");
}
