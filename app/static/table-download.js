// Saves a link's answer as a file, and shows how far it is: by its length, or else by its lines and the table's rows.

const LATE = 400; // milliseconds after which the progress is worth showing
const NEWLINE = 10;
const LARGE = 20_000_000; // cells

const box = document.querySelector("[data-progress]");
const bar = box.querySelector("progress");
const text = box.querySelector("[data-progress-text]");

function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB"];
  const step = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${(bytes / 1000 ** step).toFixed(step > 1 ? 1 : 0)} ${units[step]}`;
}

// Show a progress until `work({ signal, report })` is done; `report(part, text)` with null for an unknown part.
export async function progress(title, work) {
  const controller = new AbortController();
  const late = setTimeout(() => (box.hidden = false), LATE);
  box.querySelector("[data-progress-stop]").onclick = () => controller.abort();
  bar.removeAttribute("value");
  text.textContent = title;
  const report = (part, detail) => {
    if (part === null) bar.removeAttribute("value");
    else bar.value = Math.min(part, 1);
    text.textContent = `${title}: ${detail}`;
  };
  try {
    return await work({ signal: controller.signal, report });
  } catch (error) {
    if (controller.signal.aborted) return null;
    throw error;
  } finally {
    clearTimeout(late);
    box.hidden = true;
  }
}

function lines(chunk) {
  let count = 0;
  for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

// The body, piece by piece. A body that is compressed is longer than its length says.
async function read(response, rows, report) {
  const length = response.headers.has("Content-Encoding") ? 0 : Number(response.headers.get("Content-Length"));
  const chunks = [];
  let [bytes, seen] = [0, 0];
  const reader = response.body.getReader();
  for (let { value: chunk, done } = await reader.read(); !done; { value: chunk, done } = await reader.read()) {
    chunks.push(chunk);
    bytes += chunk.length;
    seen += rows ? lines(chunk) : 0;
    report(length ? bytes / length : seen > 1 && rows ? seen / rows : null, size(bytes));
  }
  return new Blob(chunks, { type: response.headers.get("Content-Type") ?? "" });
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const rowsOf = (link) => Number(link.closest("[data-table]").querySelector("table").dataset.rows ?? 0);

// A script has the whole file in memory first. The browser writes it to the disk as it comes, with a progress of its own.
export function isLarge(link) {
  return rowsOf(link) * link.closest("[data-table]").querySelectorAll("thead th").length > LARGE;
}

export async function download(link, say) {
  link.closest("[popover]")?.hidePopover();
  const rows = rowsOf(link);
  const perLine = /\.(csv|tsv|ndjson)$/.test(link.download);
  const blob = await progress(`Downloading ${link.download}`, async ({ signal, report }) => {
    const response = await fetch(link.href, { signal });
    if (!response.ok) throw new Error(`${response.status}`);
    return read(response, perLine ? rows : 0, report);
  }).catch(() => location.assign(link.href)); // the browser shows what is wrong, or manages by itself
  if (blob) {
    save(blob, link.download);
    say(`${link.download} is downloaded, ${size(blob.size)}`);
  }
}
