// What the page of a table asks of its own address: rows as JSON, and changes of them.

// The words of a problem (RFC 9457), or of whatever the server answered.
export async function reason(response) {
  return said(await response.text(), response);
}

export function said(text, { status, statusText }) {
  const problem = parsed(text);
  return problem?.detail || problem?.title || `The server answered ${status} ${statusText}`.trim();
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// JSON with the numbers as they are written, where the browser tells: JavaScript's have 53 bits.
export function exactly(text) {
  return JSON.parse(text, (name, value, context) => (typeof value === "number" ? (context?.source ?? value) : value));
}

// The headers of a change. The browser itself says that a page of this site sends it; old ones need to be helped.
export function changing() {
  const token = document.cookie.split("; ").find((pair) => pair.startsWith("_xsrf="));
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-Requested-With": "XMLHttpRequest" };
  return token ? { ...headers, "X-XSRFToken": decodeURIComponent(token.slice(6)) } : headers;
}

// { ok, status, data, etag, reason }; a server that cannot be reached is a reason too.
export async function ask(url, { signal, exact = false } = {}) {
  return answered(fetch(url, { headers: { Accept: "application/json" }, signal, cache: "no-store" }), signal, exact);
}

export async function change(url, method, body, headers = {}) {
  return answered(fetch(url, { method, headers: { ...changing(), ...headers }, body: JSON.stringify(body) }));
}

async function answered(request, signal, exact) {
  try {
    const response = await request;
    const [{ ok, status }, text] = [response, await response.text()];
    if (!ok) return { ok, status, reason: said(text, response) };
    return { ok, status, data: exact ? exactly(text) : parsed(text), etag: response.headers.get("ETag") };
  } catch (error) {
    if (signal?.aborted) throw error;
    return { ok: false, status: 0, reason: "The server cannot be reached. Nothing was changed." };
  }
}

// The records of one dataset: alone they are the answer, beside others they stand under its name.
export function records(data, name) {
  return Array.isArray(data) ? data : (data?.[name] ?? []);
}

// The values that tell a row from all others, of its `data-key`, with the prefix of its dataset.
export function keyOf(row, prefix) {
  return Object.fromEntries(Array.from(new URLSearchParams(row.dataset.key), ([name, value]) => [prefix + name, value]));
}

// The body of a change: of one of several datasets it stands under its name.
export function bodyOf({ dataset: { prefix, name } }, value) {
  return prefix ? { [name]: value } : value;
}

// How many rows a change has met.
export function met(data, name) {
  return (data?.[name] ?? data?.data)?.count ?? 0;
}
