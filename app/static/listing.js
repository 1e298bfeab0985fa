// Filters a folder's table by name while one types. Without JavaScript the box stays hidden and the table whole.

const FEW = 8; // a shorter table is read faster than it is filtered

function matcher(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (name) => words.every((word) => name.includes(word));
}

function filter(rows, text, status) {
  const matches = matcher(text);
  let shown = 0;
  for (const [row, name] of rows) {
    row.hidden = !matches(name);
    shown += row.hidden ? 0 : 1;
  }
  status.textContent = text.trim() ? `${shown} of ${rows.length} names match` : "";
}

for (const box of document.querySelectorAll("[data-filter]")) {
  const body = document.getElementById(box.dataset.filter)?.tBodies[0];
  if (!body || body.rows.length < FEW) continue;
  const rows = Array.from(body.rows, (row) => [row, row.cells[0].textContent.trim().toLowerCase()]);
  const input = box.querySelector("input");
  input.addEventListener("input", () => filter(rows, input.value, box.querySelector("[role=status]")));
  box.hidden = false;
}
