// Fields for the values of a table's columns, by its JSON Schema: `?_schema` of the table's address.

import { ask } from "./table-http.js";

const LONG = 60; // characters from which a text gets several lines
const schemas = new Map();

// The properties of a row, by column; asked for once.
export async function properties(section) {
  const { table: path, prefix, name } = section.dataset;
  const key = path + name;
  if (!schemas.has(key)) {
    const { ok, data } = await ask(`${path}?_schema=1`);
    const schema = ok && (data.properties && !prefix ? data : data[name]);
    schemas.set(key, schema?.properties ?? {});
  }
  return schemas.get(key);
}

const allows = (property, type) => [property?.type ?? []].flat().includes(type);
export const nullable = (property) => !property?.type || allows(property, "null");

function kind(property) {
  if (property?.contentEncoding) return "binary";
  if (allows(property, "boolean")) return "boolean";
  if (allows(property, "integer") || allows(property, "number")) return "number";
  return { date: "date", time: "time", "date-time": "datetime-local" }[property?.format] ?? "text";
}

export const editable = (property) => kind(property) !== "binary";

// The value as the field wants it. A table that the original's clients read has times in milliseconds.
function written(value, type) {
  if (value === null || value === undefined) return "";
  const milliseconds = type === "date" || type === "datetime-local" ? /^-?\d{7,}$/.test(value) : false;
  const text = milliseconds ? new Date(Number(value)).toISOString().slice(0, 19) : typeof value === "object" ? JSON.stringify(value) : String(value);
  if (type === "number") return text.replace(/\.0$/, "");
  return type === "date" ? text.slice(0, 10) : text;
}

function choice(options) {
  const select = document.createElement("select");
  for (const [value, label] of options) select.add(new Option(label, value));
  return select;
}

function chosen(property, type, text) {
  if (type === "boolean") return choice([...(nullable(property) ? [["", "–"]] : []), ["true", "true"], ["false", "false"]]);
  if (property?.enum) return choice([["", "–"], ...property.enum.map((each) => [String(each), String(each)])]);
  return document.createElement(type === "text" && (text.length > LONG || text.includes("\n")) ? "textarea" : "input");
}

// A field that holds the value.
export function field(property, value) {
  const type = kind(property);
  const text = written(value, type);
  const made = chosen(property, type, text);
  made.className = "field";
  made.autocomplete = "off";
  if (made.tagName === "INPUT") {
    // Parts of a second are more than the browser's field takes.
    made.type = text.includes(".") && type.startsWith("datetime") ? "text" : type;
    if (type === "number") made.step = allows(property, "integer") ? "1" : "any";
    if (type === "time" || type === "datetime-local") made.step = "1";
  }
  made.value = text;
  return made;
}

// What to send: empty is null, and all else is text, so that no number loses a digit.
export function entered(made) {
  if (made.validity?.badInput) return { problem: made.validationMessage };
  return { value: made.value === "" ? null : made.value };
}
