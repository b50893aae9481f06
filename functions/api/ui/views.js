// @ts-check
// The page's two views, the records and the activity. Which one is shown is in the address.

import { byId, setAttribute, setShown } from "./dom.js";

/** Where each view was scrolled to when it was left. */
const places = { records: 0, activity: 0 };
/** @type {"records" | "activity"} */
let shown = "records";

export const current = () => shown;

/** @param {(byHand: boolean) => void} callback whenever another view is shown; not by hand at the start */
export function watch(callback) {
  const follow = (/** @type {boolean} */ byHand) => {
    const view = location.hash === "#activity" ? "activity" : "records";
    if (view === shown) return;
    places[shown] = window.scrollY;
    shown = view;
    show();
    callback(byHand);
    if (byHand) window.scrollTo({ top: places[view], behavior: "instant" });
  };
  window.addEventListener("hashchange", () => follow(true));
  show();
  follow(false);
}

function show() {
  for (const view of /** @type {const} */ (["records", "activity"])) {
    setShown(byId(`${view}-view`), view === shown);
    setAttribute(byId(`to-${view}`), "aria-current", view === shown ? "page" : null);
  }
}
