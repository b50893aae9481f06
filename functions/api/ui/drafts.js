// @ts-check
// Text that was typed and is not saved yet. It is kept in this tab, so that neither an error nor a
// reload of the page loses it.

const PREFIX = "nightkeep.draft.";

/**
 * @param {string} key
 * @param {{text: string, version?: number}} draft
 */
export function keep(key, draft) {
  try {
    sessionStorage.setItem(PREFIX + key, JSON.stringify(draft));
  } catch {
    // Storage is refused or full: the text is still in its field.
  }
}

/**
 * @param {string} key
 * @returns {{text: string, version?: number} | null}
 */
export function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + key) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} key */
export function forget(key) {
  try {
    sessionStorage.removeItem(PREFIX + key);
  } catch {
    // As above.
  }
}
