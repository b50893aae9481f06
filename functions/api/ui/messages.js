// @ts-check
// The messages above the table, on the page: matched by what they are about, changed in place, spoken
// when they appear, dismissed for good.

/** @import { Message } from "./news.js" */

import { byId, element, fromTemplate, part, setAttribute, setIcon, setShown, setText } from "./dom.js";
import { alarm, say } from "./live.js";

const DISMISSED = "nightkeep.dismissed";
/** @type {Map<string, HTMLElement>} */
const shown = new Map();
/** What was dismissed on this page. The newest is remembered beyond it: only the newest record's is told. */
const dismissed = new Set([readDismissed()]);

/** @param {string} id */
export function isDismissed(id) {
  return dismissed.has(id);
}

/**
 * @param {Message[]} messages
 * @param {{onDismiss: () => void, onTryNow: () => void}} actions
 */
export function show(messages, actions) {
  const place = byId("messages");
  const keys = new Set(messages.map((message) => message.key));
  for (const [key, node] of shown) {
    if (keys.has(key)) continue;
    const hadFocus = node.contains(document.activeElement);
    node.remove();
    shown.delete(key);
    if (hadFocus) byId("records-title").focus({ preventScroll: true });
  }
  for (const [position, message] of messages.entries()) {
    let node = shown.get(message.key);
    if (!node) {
      node = create(message, actions);
      shown.set(message.key, node);
      (message.spoken === "alarm" ? alarm : say)(`${message.title}. ${message.text}`);
    }
    setAttribute(node, "class", `message ${message.tone}`);
    setIcon(node, message.icon);
    setText(part(node, "title"), message.title);
    setText(part(node, "text"), message.text);
    if (place.children[position] !== node) place.insertBefore(node, place.children[position] ?? null);
  }
  setShown(place, messages.length > 0);
}

/** Moves the focus to the newest message, if there is one. */
export function focusFirst() {
  const title = /** @type {HTMLElement | null} */ (byId("messages").querySelector("h2"));
  (title ?? byId("records-title")).focus();
}

/**
 * @param {Message} message
 * @param {{onDismiss: () => void, onTryNow: () => void}} actions
 */
function create(message, { onDismiss, onTryNow }) {
  const node = fromTemplate("t-message");
  const title = part(node, "title");
  title.id = `message-${message.key.replaceAll(" ", "-")}`;
  node.setAttribute("aria-labelledby", title.id);
  const { record } = message;
  if (record) {
    const button = fromTemplate("t-dismiss");
    button.addEventListener("click", () => {
      dismiss(record);
      onDismiss();
    });
    node.append(button);
  }
  if (message.tryNow) {
    const button = /** @type {HTMLButtonElement} */ (element("button", "Try now", "button small"));
    button.type = "button";
    button.addEventListener("click", onTryNow);
    const actions = element("div", undefined, "actions");
    actions.append(button);
    part(node, "text").after(actions);
  }
  return node;
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
