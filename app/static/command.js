// Runs a command by fetching its output once, and shows what it prints as it comes: colours and weights of ANSI
// (ECMA-48 SGR) as classes, carriage returns as overwriting. Without JavaScript the page has a link to the plain output.

const MOST = 2_000_000; // characters that stay on the page; the oldest go first
const SEQUENCE = /\x1b\[([0-9;:?]*)([@-~])|\x1b\]([^\x07\x1b]*)(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]|\r+\n|[\r\b]/g;
const UNFINISHED = /(?:\x1b(?:\[[0-9;:?]*|\][^\x07\x1b]*\x1b?|[ -/]*)?|\r)$/; // a sequence whose end has yet to come
const SIMPLE = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const ENDS = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };
const STEPS = [0, 95, 135, 175, 215, 255]; // the levels of the 6 × 6 × 6 colours of xterm

const plain = () => ({ marks: new Set(), fg: null, bg: null });

function indexed(number) {
  if (number < 16) return number;
  if (number >= 232) return Array(3).fill(8 + 10 * (number - 232));
  const cube = number - 16;
  return [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((step) => STEPS[step]);
}

// The colour that follows 38 or 48, and how many parameters it took.
function extended(codes) {
  if (codes[0] === 5 && codes[1] <= 255) return [indexed(codes[1]), 2];
  if (codes[0] === 2) return [codes.slice(1, 4).map((level) => Math.min(level || 0, 255)), 4];
  return [null, codes.length];
}

function restyled(style, codes) {
  const next = { ...style, marks: new Set(style.marks) };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    if (code === 0) Object.assign(next, plain());
    else if (SIMPLE[code]) next.marks.add(SIMPLE[code]);
    else if (ENDS[code]) ENDS[code].forEach((mark) => next.marks.delete(mark));
    else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
    else if (code === 39) next.fg = null;
    else if (code === 49) next.bg = null;
    else if (code === 38 || code === 48) {
      const [colour, taken] = extended(codes.slice(at + 1));
      next[code === 38 ? "fg" : "bg"] = colour;
      at += taken;
    }
  }
  return next;
}

// Colours beyond the 16 with names get a rule each in a sheet of the script's own, which a strict CSP allows.
const sheet = new CSSStyleSheet();
const ruled = new Set();
document.adoptedStyleSheets.push(sheet);

const GROUNDS = [[240, 244, 245], [24, 38, 44]]; // the terminal's, in light and dark
const READABLE = 4.5; // the contrast that WCAG 2 asks for (1.4.3)

// Relative luminance and contrast as WCAG 2 defines them.
function luminance(colour) {
  const [red, green, blue] = colour.map((level) => {
    const part = level / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

// The colour, moved away from the ground as far as reading needs it: commands choose colours for a terminal of theirs.
function readable(colour, ground) {
  const end = luminance(ground) > 0.5 ? 0 : 255;
  const steps = Array.from({ length: 11 }, (_, step) => colour.map((level) => Math.round(level + ((end - level) * step) / 10)));
  return steps.find((step) => contrast(step, ground) >= READABLE) ?? steps.at(-1);
}

const rgb = (colour) => `rgb(${colour.join(" ")})`;

function rules(kind, name, colour) {
  if (kind === "fg") {
    const [light, dark] = GROUNDS.map((ground) => rgb(readable(colour, ground)));
    return [`.terminal .${name} { color: light-dark(${light}, ${dark}); }`, `.terminal .${name}[class*="bg-"] { color: ${rgb(colour)}; }`];
  }
  const text = luminance(colour) > 0.18 ? "#000" : "#fff";
  return [`.terminal .${name} { color: ${text}; background-color: ${rgb(colour)}; }`];
}

function colourClass(kind, colour) {
  if (typeof colour === "number") return `${kind}-${colour}`;
  const name = `${kind}-${colour.map((level) => level.toString(16).padStart(2, "0")).join("")}`;
  if (!ruled.has(name)) {
    ruled.add(name);
    for (const rule of rules(kind, name, colour)) sheet.insertRule(rule, sheet.cssRules.length);
  }
  return name;
}

function classes({ marks, fg, bg }) {
  const names = [...marks];
  if (fg !== null) names.push(colourClass("fg", fg));
  if (bg !== null) names.push(colourClass("bg", bg));
  return names.join(" ");
}

// Text as a terminal would show it that has no cursor but the one at its end.
class Terminal {
  constructor(element) {
    this.element = element;
    this.style = plain();
    this.left = "";
    this.size = 0;
    this.overwrites = false;
    this.exitStatus = null;
  }

  write(text) {
    const follows = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 40;
    const fragment = document.createDocumentFragment();
    text = this.left + text;
    this.left = UNFINISHED.exec(text)?.[0] ?? "";
    if (this.left.length > 4096) this.left = "";
    text = text.slice(0, text.length - this.left.length);
    let start = 0;
    for (const found of text.matchAll(SEQUENCE)) {
      this.add(fragment, text.slice(start, found.index));
      start = found.index + found[0].length;
      this.obey(fragment, found);
    }
    this.add(fragment, text.slice(start));
    this.element.append(fragment);
    this.trim();
    if (follows) this.element.scrollTop = this.element.scrollHeight;
  }

  obey(fragment, [sequence, parameters, final, command]) {
    if (final === "m") this.style = restyled(this.style, parameters.split(/[;:]/).map(Number));
    else if (sequence.endsWith("\n")) this.add(fragment, "\n");
    else if (sequence === "\r") this.overwrites = true;
    else if (command?.startsWith("133;D;")) this.exitStatus = Number(command.slice(6));
  }

  add(fragment, text) {
    if (!text) return;
    if (this.overwrites && !text.startsWith("\n")) this.clearLine(fragment);
    this.overwrites = false;
    const names = classes(this.style);
    const node = document.createElement("span");
    if (names) node.className = names;
    node.textContent = text;
    fragment.append(node);
    this.size += text.length;
  }

  // Progress bars write a line again and again.
  clearLine(fragment) {
    for (const parent of [fragment, this.element]) {
      while (parent.lastChild) {
        const text = parent.lastChild.textContent;
        const end = text.lastIndexOf("\n") + 1;
        this.size -= text.length - end;
        if (end) parent.lastChild.textContent = text.slice(0, end);
        else parent.lastChild.remove();
        if (end) return;
      }
    }
  }

  trim() {
    while (this.size > MOST && this.element.firstChild) {
      this.size -= this.element.firstChild.textContent.length;
      this.element.firstChild.remove();
    }
  }
}

async function reason(response) {
  const exit = response.headers.get("X-Exit-Status");
  if (exit) return `Ended with status ${exit}, without output`;
  const problem = await response.json().catch(() => null);
  return problem?.detail ?? `The server answered ${response.status} ${response.statusText}`;
}

// One run; `say(text, state)` tells how it stands.
async function run(url, terminal, signal, say) {
  try {
    const response = await fetch(url, { headers: { Accept: "text/plain" }, cache: "no-store", signal });
    if (!response.ok) return say(await reason(response), "failed");
    say("Running", "running");
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
      terminal.write(decoder.decode(value, { stream: true }));
    }
    const status = Number(response.headers.get("X-Exit-Status") ?? terminal.exitStatus ?? 0);
    say(`Ended with status ${status}`, status ? "failed" : "done");
  } catch (error) {
    if (signal.aborted) say("Stopped", "failed");
    else say("Cut off: the command took too long or printed too much, or the server stopped", "failed");
  }
}

for (const section of document.querySelectorAll("[data-command]")) {
  const part = (name) => section.querySelector(`[data-${name}]`);
  const [output, status, stop, again] = ["output", "status", "stop", "again"].map(part);
  let controller;
  const say = (text, state) => {
    status.textContent = text;
    section.dataset.state = state;
    stop.hidden = state !== "running";
    again.hidden = state === "running";
  };
  const start = async () => {
    controller = new AbortController();
    output.replaceChildren();
    say("Starting", "running");
    await run(section.dataset.command, new Terminal(output), controller.signal, say);
  };
  for (const element of section.querySelectorAll("[data-needs-script]")) element.hidden = false;
  stop.addEventListener("click", () => controller.abort());
  again.addEventListener("click", start);
  start();
}
