// @ts-check
// The messages above the table, on the page: matched by what they are about, changed in place, spoken
// when they appear, dismissed for good.

/** @import { Fact, Message, Offer } from "./news.js" */

import { byId, element, fromTemplate, icon, part, plain, setAttribute, setAvailable, setIcon, setPieces, setShown, setText, unavailable } from "./dom.js";
import { alarm, say } from "./live.js";

const DISMISSED = "nightkeep.dismissed";
/** @type {Map<string, HTMLElement>} */
const shown = new Map();
/** What was dismissed on this page. The newest is remembered beyond it: only the newest record's is told. */
const dismissed = new Set([readDismissed()]);

/**
 * What the page does when a message is dismissed, or one of its buttons is used.
 * @typedef {object} Actions
 * @property {() => void} onDismiss
 * @property {(offer: Offer, button: HTMLElement) => void} onOffer
 */

/** @param {string} id */
export function isDismissed(id) {
  return dismissed.has(id);
}

/**
 * @param {Message[]} messages
 * @param {Actions} actions
 */
export function show(messages, actions) {
  const place = byId("messages");
  const keys = new Set(messages.map((message) => message.key));
  for (const [key, node] of shown) {
    if (keys.has(key)) continue;
    const hadFocus = node.contains(document.activeElement);
    node.remove();
    shown.delete(key);
    if (hadFocus) focusHeading();
  }
  for (const [position, message] of messages.entries()) {
    let node = shown.get(message.key);
    if (!node) {
      node = create(message, actions);
      shown.set(message.key, node);
      (message.spoken === "alarm" ? alarm : say)(spoken(message));
    }
    setAttribute(node, "class", `message ${message.tone}`);
    setIcon(node, message.icon);
    setText(part(node, "title"), message.title);
    setPieces(part(node, "text"), message.text);
    setShown(part(node, "text"), message.text.length > 0);
    showFacts(part(node, "facts"), message.facts ?? []);
    for (const [position, offer] of (message.offers ?? []).entries()) {
      setAvailable(/** @type {HTMLElement} */ (part(node, "offers").children[position]), offer.available ? null : "why");
    }
    if (place.children[position] !== node) place.insertBefore(node, place.children[position] ?? null);
  }
  setShown(place, messages.length > 0);
}

/** Moves the focus to the newest message, if there is one. */
export function focusFirst() {
  const title = /** @type {HTMLElement | null} */ (byId("messages").querySelector("h2"));
  if (title) title.focus();
  else focusHeading();
}

/** Moves the focus to the heading of what is shown below. */
export function focusHeading() {
  const view = byId("activity-view").hidden ? "records-title" : "activity-title";
  byId(view).focus({ preventScroll: true });
}

/**
 * @param {Message} message
 * @param {Actions} actions
 */
function create(message, { onDismiss, onOffer }) {
  const node = fromTemplate("t-message");
  const title = part(node, "title");
  title.id = `message-${message.key.replaceAll(" ", "-")}`;
  node.setAttribute("aria-labelledby", title.id);
  const { about } = message;
  if (about) {
    const button = fromTemplate("t-dismiss");
    button.addEventListener("click", () => {
      dismiss(about);
      onDismiss();
    });
    node.append(button);
  }
  for (const offer of message.offers ?? []) {
    const button = /** @type {HTMLButtonElement} */ (element("button", offer.label, `button ${offer.look}`.trim()));
    button.type = "button";
    if (offer.icon) button.prepend(icon(offer.icon));
    button.addEventListener("click", () => {
      if (unavailable(button)) say(byId("why").textContent?.trim() ?? "");
      else onOffer(offer, button);
    });
    part(node, "offers").append(button);
  }
  setShown(part(node, "offers"), (message.offers ?? []).length > 0);
  return node;
}

/**
 * @param {HTMLElement} list
 * @param {Fact[]} facts
 */
function showFacts(list, facts) {
  setShown(list, facts.length > 0);
  const signature = JSON.stringify(facts);
  if (list.dataset.shown === signature) return;
  list.dataset.shown = signature;
  list.replaceChildren(...facts.flatMap(({ name, lines }) => {
    const value = element("dd");
    if (lines.length === 1) {
      setPieces(value, lines[0]);
    } else {
      const steps = element("ol");
      steps.append(...lines.map((line) => {
        const step = element("li");
        setPieces(step, line);
        return step;
      }));
      value.append(steps);
    }
    return [element("dt", name), value];
  }));
}

/** @param {Message} message */
function spoken({ title, text, facts = [] }) {
  const lines = facts.flatMap((fact) => fact.lines.map(plain));
  return [`${title}.`, plain(text), ...lines].filter((part) => part !== "").join(" ");
}

/** @param {string} id */
function dismiss(id) {
  dismissed.add(id);
  try {
    localStorage.setItem(DISMISSED, id);
  } catch {
    // Storage is refused: it stays dismissed until the page is loaded again.
  }
}

function readDismissed() {
  try {
    return localStorage.getItem(DISMISSED) ?? "";
  } catch {
    return "";
  }
}
