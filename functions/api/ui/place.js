// @ts-check
// Nothing moves under the hand: when something appears or goes above the table, the page is scrolled by
// as much, so that the row under the pointer, or the one that has the focus, stays where it is.

import { byId } from "./dom.js";

/** @type {Element | null} */
let pointed = null;

/** Follows the pointer over the rows. */
export function watchPointer() {
  const rows = byId("rows");
  rows.addEventListener("pointerover", (event) => {
    const target = /** @type {Element} */ (event.target);
    pointed = event.pointerType === "mouse" ? target.closest("tr") : null;
  });
  rows.addEventListener("pointerleave", () => (pointed = null));
}

/**
 * @param {() => void} change
 */
export function keepPlace(change) {
  const anchor = anchorRow();
  const before = anchor?.getBoundingClientRect().top ?? 0;
  change();
  if (!anchor?.isConnected) return;
  const moved = anchor.getBoundingClientRect().top - before;
  if (Math.abs(moved) >= 1) window.scrollBy({ top: moved, behavior: "instant" });
}

function anchorRow() {
  if (pointed?.isConnected) return pointed;
  const focused = document.activeElement?.closest("#rows tr");
  if (focused && isSeen(focused)) return focused;
  // Only once the page is scrolled past what may appear: before that it should be seen to appear.
  const rows = byId("rows");
  if (rows.getBoundingClientRect().top >= 0) return null;
  return [...rows.children].find(isSeen) ?? null;
}

/** @param {Element} element */
function isSeen(element) {
  const box = element.getBoundingClientRect();
  return box.bottom > 0 && box.top < window.innerHeight;
}
