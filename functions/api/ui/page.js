// @ts-check
// What every part of the page is made with: the language, what is kept in the browser, the elements, and
// what is spoken. Nothing is written that is already so: what stays untouched keeps its selection and its
// focus, and is not spoken again.

// ---- The language.

const LANGUAGE = "nightkeep.language";

/** What was chosen here, or else the first of the browser's languages that the page knows. */
function language() {
  const wanted = [remembered(LANGUAGE), ...navigator.languages].map((tag) => (tag ?? "").slice(0, 2).toLowerCase());
  return wanted.find((tag) => tag === "en" || tag === "de") ?? "en";
}

/** @type {typeof import("./words/en.js").default} */
export const words = (await (language() === "de" ? import("./words/de.js") : import("./words/en.js"))).default;

/**
 * Writes the words into markup, the page's or a template's, and chooses the other language at a click.
 * @param {Document | DocumentFragment} root
 */
function write(root) {
  const said = /** @type {{[key: string]: string}} */ (words.page);
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = said[node.getAttribute("data-t") ?? ""];
  for (const node of root.querySelectorAll("[data-t-name]")) node.setAttribute("aria-label", said[node.getAttribute("data-t-name") ?? ""]);
  for (const node of root.querySelectorAll("[data-t-column]")) node.setAttribute("data-label", said[node.getAttribute("data-t-column") ?? ""]);
  for (const template of root.querySelectorAll("template")) write(template.content);
}

/** Gives the page its words, once. */
export function speakTheLanguage() {
  document.documentElement.lang = words.tag;
  write(document);
  const other = byId("language");
  other.textContent = words.other.name;
  other.lang = words.other.tag;
  other.addEventListener("click", () => {
    remember(LANGUAGE, words.other.tag);
    remember(SWITCHED, "yes", sessionStorage);
    leave();
    location.reload();
  });
}

const SWITCHED = "nightkeep.switched";

/** After the language was changed the focus is where it was. */
export function focusAgain() {
  if (!remembered(SWITCHED, sessionStorage)) return;
  forget(SWITCHED, sessionStorage);
  byId("language").focus({ preventScroll: true });
}

// ---- What is kept in the browser. Storage may be refused or full: then it is kept as long as the page.

/** @param {string} key @param {Storage} [storage] */
export function remembered(key, storage = localStorage) {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value @param {Storage} [storage] */
export function remember(key, value, storage = localStorage) {
  try {
    storage.setItem(key, value);
  } catch {}
}

/** @param {string} key @param {Storage} [storage] */
export function forget(key, storage = localStorage) {
  try {
    storage.removeItem(key);
  } catch {}
}

const DRAFT = "nightkeep.draft.";

/** Text that was typed and is not saved yet, kept in this tab: neither an error nor a reload loses it. */
export const drafts = {
  /** @param {string} key @param {{text: string, version?: number}} draft */
  keep: (key, draft) => remember(DRAFT + key, JSON.stringify(draft), sessionStorage),
  /** @param {string} key @returns {{text: string, version?: number} | null} */
  recall: (key) => JSON.parse(remembered(DRAFT + key, sessionStorage) ?? "null"),
  /** @param {string} key */
  forget: (key) => forget(DRAFT + key, sessionStorage),
};

/** Milliseconds in which the browser finds out whether it leaves the page. */
const LEAVING = 1000;
let leftAt = -LEAVING;

/** Says that the page is left, or seems to be, on purpose. */
export const leave = () => (leftAt = performance.now());
export const isLeaving = () => performance.now() - leftAt < LEAVING;

// ---- Elements.

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element “${id}”`);
  return found;
}

/** The element marked `data-part="name"` within `root`. @param {ParentNode} root @param {string} name @returns {HTMLElement} */
export function part(root, name) {
  const found = /** @type {HTMLElement | null} */ (root.querySelector(`[data-part="${name}"]`));
  if (!found) throw new Error(`there is no part “${name}”`);
  return found;
}

/** All parts within `root`, found once. @param {ParentNode} root @returns {{[name: string]: HTMLElement}} */
export function partsOf(root) {
  const found = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-part]"));
  return Object.fromEntries([...found].map((node) => [node.dataset.part, node]));
}

/** A copy of the one element in a template. @param {string} id @returns {HTMLElement} */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  const first = /** @type {HTMLElement} */ (template.content.firstElementChild);
  return /** @type {HTMLElement} */ (first.cloneNode(true));
}

/** @param {string} name @param {string} [text] @param {string} [look] its class */
export function element(name, text, look) {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  if (look) node.className = look;
  return node;
}

/** An icon of the page's own. @param {string} name */
export function icon(name) {
  const node = fromTemplate("t-icon");
  setIcon(node, name);
  return node;
}

/** @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A part of a sentence: text, or text that leads somewhere, looks different or is in another language.
 * @typedef {string | {text: string, href?: string, look?: string, lang?: string}} Piece
 */

/** @param {Piece[]} pieces */
export const plain = (pieces) => pieces.map((piece) => (typeof piece === "string" ? piece : piece.text)).join("");

/** Pieces as nodes. @param {Piece[]} pieces */
export const nodes = (pieces) => pieces.map((piece) => {
  if (typeof piece === "string") return piece;
  const node = element(piece.href ? "a" : "span", piece.text, piece.look);
  if (piece.href) node.setAttribute("href", piece.href);
  if (piece.lang) node.lang = piece.lang;
  return node;
});

/** Writes a sentence with links in it, unless it is so already. @param {HTMLElement} node @param {Piece[]} pieces */
export function setPieces(node, pieces) {
  const signature = JSON.stringify(pieces);
  if (node.dataset.shown === signature) return;
  node.dataset.shown = signature;
  node.replaceChildren(...nodes(pieces));
}

/** @param {Element} node @param {string} name @param {string | null} value null removes it */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/** @param {Element} node @param {boolean} shown */
export function setShown(node, shown) {
  if (node.hasAttribute("hidden") === shown) node.toggleAttribute("hidden", !shown);
}

/** @param {Element} root an svg, or what holds one @param {string} name */
export function setIcon(root, name) {
  const use = root.querySelector("use");
  if (use) setAttribute(use, "href", `#i-${name}`);
}

/**
 * Makes an action available, or unavailable for a reason. An unavailable one stays in the tab order and
 * points to its reason; whoever handles it asks `unavailable` first.
 * @param {HTMLElement} button
 * @param {string | null} reasonId the element that says why, or null if it is available
 */
export function setAvailable(button, reasonId) {
  setAttribute(button, "aria-disabled", reasonId === null ? null : "true");
  setAttribute(button, "aria-describedby", reasonId);
}

/** @param {HTMLElement} button */
export const unavailable = (button) => button.getAttribute("aria-disabled") === "true";

// ---- What is spoken: elements that exist from the start. Only what changes in meaning is said.

/** News: a start, a stage, a quarter of the way, an end. @param {string} text */
export const say = (text) => speak(byId("spoken"), text);

/** A failure. @param {string} text */
export const alarm = (text) => speak(byId("alarm"), text);

/**
 * In an element of a dialog's own: what is outside of an open dialog is not heard. The same text is a
 * change too: asked twice, it is said twice.
 * @param {HTMLElement} node @param {string} text
 */
export function speak(node, text) {
  node.textContent = node.textContent === text ? `${text}\u00a0` : text;
}
