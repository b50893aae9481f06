// @ts-check
// Small helpers for the document. Nothing is written that is already so: what stays untouched keeps its
// selection and its focus, and is not spoken again.

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element “${id}”`);
  return found;
}

/**
 * The element marked `data-part="name"` within `root`.
 * @param {ParentNode} root
 * @param {string} name
 * @returns {HTMLElement}
 */
export function part(root, name) {
  const found = /** @type {HTMLElement | null} */ (root.querySelector(`[data-part="${name}"]`));
  if (!found) throw new Error(`there is no part “${name}”`);
  return found;
}

/**
 * A copy of the one element in a template.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  return /** @type {HTMLElement} */ (copy.firstElementChild);
}

/**
 * @param {string} name
 * @param {string} [text]
 * @param {string} [look] its class
 */
export function element(name, text, look) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (look) made.className = look;
  return made;
}

/**
 * An icon of the page's own.
 * @param {string} name
 */
export function icon(name) {
  const made = fromTemplate("t-icon");
  setIcon(made, name);
  return made;
}

/**
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * A part of a sentence: text, or text that leads somewhere or looks different.
 * @typedef {string | {text: string, href?: string, look?: string}} Piece
 */

/** @param {Piece[]} pieces */
export function plain(pieces) {
  return pieces.map((piece) => (typeof piece === "string" ? piece : piece.text)).join("");
}

/**
 * Writes a sentence with links in it, unless it is so already.
 * @param {HTMLElement} node
 * @param {Piece[]} pieces
 */
export function setPieces(node, pieces) {
  const signature = JSON.stringify(pieces);
  if (node.dataset.shown === signature) return;
  node.dataset.shown = signature;
  node.replaceChildren(...pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    const made = element(piece.href ? "a" : "span", piece.text, piece.look);
    if (piece.href) made.setAttribute("href", piece.href);
    return made;
  }));
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string | null} value null removes it
 */
export function setAttribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/**
 * @param {Element} node
 * @param {boolean} shown
 */
export function setShown(node, shown) {
  node.toggleAttribute("hidden", !shown);
}

/**
 * @param {Element} root an svg, or what holds one
 * @param {string} name
 */
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

/**
 * @param {HTMLElement} button
 */
export function unavailable(button) {
  return button.getAttribute("aria-disabled") === "true";
}
