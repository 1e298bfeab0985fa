// Small parts that the scripts of a table's page share.

const STAYS = 12_000; // milliseconds in which one may undo

// An element with its properties and children.
export function made(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

export const plural = (count) => `${count.toLocaleString("en")} row${count === 1 ? "" : "s"}`;

// Say above a table what went wrong; empty text takes it away.
export function wrong(section, text) {
  const line = section.querySelector("[data-wrong]");
  line.textContent = text;
  line.hidden = !text;
  if (text) line.scrollIntoView({ block: "nearest" });
}

// A note that goes by itself, with a way back if `undo` is given.
export function toast(text, undo) {
  document.querySelector(".toast")?.remove();
  const box = made("div", { className: "toast", popover: "manual" }, made("span", { textContent: text }));
  if (undo) box.append(made("button", { type: "button", textContent: "Undo", onclick: () => (box.remove(), undo()) }));
  document.body.append(box);
  box.showPopover();
  setTimeout(() => box.remove(), STAYS);
}
