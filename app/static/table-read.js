// The rows of a file of text: CSV (RFC 4180), TSV, JSON or NDJSON.

import { exactly } from "./table-http.js";

function cells(text, separator) {
  const rows = [[]];
  const part = new RegExp(`("(?:[^"]|"")*"?|[^"${separator}\\r\\n][^${separator}\\r\\n]*)?(${separator}|\\r?\\n|\\r|$)`, "y");
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (!found) throw new Error(`line ${rows.length} has a quote where none should be`);
    const value = found[1] ?? "";
    rows.at(-1).push(value.startsWith('"') ? value.slice(1, -1).replaceAll('""', '"') : value);
    if (found[2] === separator && part.lastIndex === text.length) rows.at(-1).push("");
    if (found[2] !== separator && part.lastIndex < text.length) rows.push([]);
  }
  return rows.filter((row) => row.length > 1 || row[0]);
}

function separated(text, separator) {
  const [names = [], ...rows] = cells(text, separator);
  return rows.map((row, index) => {
    if (row.length > names.length) throw new Error(`row ${index + 1} has ${row.length} values, and there are ${names.length} columns`);
    return Object.fromEntries(names.map((name, at) => [name, row[at] ?? ""]));
  });
}

export function rowsOf(text, name) {
  text = text.replace(/^\ufeff/, "");
  if (/\.(ndjson|jsonl)$/i.test(name)) return text.split("\n").filter((line) => line.trim()).map((line) => exactly(line));
  if (/\.json$/i.test(name)) return [exactly(text)].flat();
  const first = text.slice(0, text.search(/[\r\n]|$/));
  return separated(text, /\.tsv$/i.test(name) || first.includes("\t") ? "\t" : first.includes(";") && !first.includes(",") ? ";" : ",");
}
