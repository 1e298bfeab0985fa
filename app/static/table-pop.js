// Puts what pops up beside its button. Without this it stands in the middle of the window, and on a phone at its foot.

const GAP = 8; // pixels to the edges of the window

const opener = (pop) => document.querySelector(`[popovertarget="${pop.id}"]:not([popovertargetaction])`);

// The place beside an element at which another fits into the window, as [left, top].
export function beside(anchor, { width, height }) {
  const box = anchor.getBoundingClientRect();
  const left = Math.max(GAP, Math.min(box.left, innerWidth - width - GAP));
  const below = box.bottom + 4;
  const above = box.top - height - 4;
  const top = below + height + GAP <= innerHeight ? below : above >= GAP ? above : Math.max(GAP, innerHeight - height - GAP);
  return [left, top];
}

// Under its button, or as far below as it fits: one that grows should not jump to the other side.
function put(pop) {
  const { width, height } = pop.getBoundingClientRect();
  const [left] = beside(opener(pop), { width, height });
  const top = Math.max(GAP, Math.min(opener(pop).getBoundingClientRect().bottom + 4, innerHeight - height - GAP));
  pop.style.setProperty("--at-x", `${left}px`);
  pop.style.setProperty("--at-y", `${top}px`);
}

// What is fetched when it is open makes it larger.
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => target.isConnected && put(target)));

// After a pop was opened or closed.
export function place(pop, state) {
  const button = opener(pop);
  button?.setAttribute("aria-expanded", state === "open");
  sizes.unobserve(pop);
  if (state !== "open" || !button) return;
  pop.classList.add("is-placed");
  put(pop);
  sizes.observe(pop);
  pop.dispatchEvent(new CustomEvent("opened"));
  // A phone's keyboard would hide half of the form.
  if (!matchMedia("(pointer: coarse)").matches) pop.querySelector(":is(.field, input:not([type=hidden]), .pop-links a)")?.focus();
}
