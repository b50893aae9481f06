// @ts-check
// Nothing moves under the hand: when something appears or goes above the table, the row under the
// pointer, or the one that has the focus, stays where it is. Else what has to make room glides to its
// new place, so that the eye can follow.

import { byId } from "./page.js";

/** @type {Element | null} */
let pointed = null;

/** Follows the pointer over the rows. */
export function watchPointer() {
  const rows = byId("rows");
  rows.addEventListener("pointerover", (event) => {
    const target = /** @type {Element} */ (event.target);
    pointed = event.pointerType === "mouse" ? target.closest("tr") : null;
  });
  rows.addEventListener("pointerleave", () => {
    pointed = null;
    if (hasRoom()) glide(() => makeRoom(0, 0));
  });
}

/** @param {() => void} change */
export function keepPlace(change) {
  const anchor = anchorRow();
  if (!anchor) {
    glide(() => (makeRoom(0, 0), change()));
    return;
  }
  const before = anchor.getBoundingClientRect().top;
  const moved = () => (anchor.isConnected ? anchor.getBoundingClientRect().top - before : 0);
  change();
  scroll(moved());
  // The page may be too short to be scrolled that far: then room is made above or below.
  const left = moved();
  if (left >= 1) makeRoom(0, left);
  else if (left <= -1) makeRoom(-left, 0);
  scroll(moved());
}

/** @param {number} by */
function scroll(by) {
  if (Math.abs(by) >= 1) window.scrollBy({ top: by, behavior: "instant" });
}

const hasRoom = () => document.body.style.minBlockSize !== "" || byId("room").style.blockSize !== "";

/** @param {number} above @param {number} below */
function makeRoom(above, below) {
  const room = byId("room");
  const had = parseFloat(room.style.blockSize || "0");
  if (above > 0 || had > 0) room.style.blockSize = above > 0 ? `${had + above}px` : below > 0 ? room.style.blockSize : "";
  document.body.style.minBlockSize = below > 0 ? `${document.documentElement.scrollHeight + below}px` : above > 0 ? document.body.style.minBlockSize : "";
}

function anchorRow() {
  if (pointed?.isConnected && isSeen(pointed)) return pointed;
  const focused = document.activeElement?.closest("#rows tr");
  if (focused && isSeen(focused)) return focused;
  // Only once the page is scrolled past what may appear: before that it should be seen to appear.
  const rows = byId("rows");
  return rows.getBoundingClientRect().top >= 0 ? null : seenRows().next().value ?? null;
}

/** @param {Element} node */
function isSeen(node) {
  const box = node.getBoundingClientRect();
  return box.bottom > 0 && box.top < window.innerHeight && box.height > 0;
}

function* seenRows() {
  for (const body of document.querySelectorAll(".view:not([hidden]) tbody")) {
    if (isSeen(body)) yield* [...body.children].filter(isSeen);
  }
}

/** @param {() => void} change */
function glide(change) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches || document.body.hasAttribute("data-loading")) return change();
  const blocks = [...document.querySelectorAll(".summary dl > *, .summary dd, main, main > *, .view > *, footer")].filter(isSeen);
  const before = new Map([...blocks, ...seenRows()].map((node) => [node, node.getBoundingClientRect().top]));
  change();
  /** @type {Map<Element | null | undefined, number>} */
  const moves = new Map();
  for (const [node, top] of before) {
    const box = node.getBoundingClientRect();
    moves.set(node, box.height > 0 ? box.top - top : 0);
  }
  for (const [node, move] of moves) {
    let outer = node?.parentElement;
    while (outer && !moves.has(outer)) outer = outer.parentElement;
    const by = move - (moves.get(outer) ?? 0);
    if (Math.abs(by) >= 1) node?.animate([{ transform: `translateY(${-by}px)` }, { transform: "none" }], { duration: 160, easing: "ease-out", composite: "add" });
  }
}
