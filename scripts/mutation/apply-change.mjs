/**
 * A change of one place in a source text.
 *
 * @typedef {{ readonly find: string, readonly replace: string }} Change
 */

/**
 * Puts a change into a text.
 *
 * The text to be replaced has to occur exactly once: twice, and it would be left to chance which place is meant; not at
 * all, and the code has moved on and whoever relies on the change proves nothing any longer.
 *
 * @param {string} text
 * @param {Change} change
 * @param {string} where what the text is, for the error: a path
 * @returns {string}
 * @throws Error when `find` does not occur exactly once, or when the change changes nothing
 */
export function applyChange(text, { find, replace }, where) {
  if (find === '') throw new Error(`${where}: an empty text to replace`);
  if (find === replace) throw new Error(`${where}: the change replaces \`${find}\` by itself`);
  const parts = text.split(find);
  if (parts.length === 2) return `${parts[0]}${replace}${parts[1]}`;
  throw new Error(`${where}: \`${find}\` occurs ${parts.length - 1} times and not once`);
}
