import path from 'node:path';
import { applyChange } from './apply-change.mjs';

/** @typedef {import('./apply-change.mjs').Change & { readonly file: string }} FileChange */

/**
 * A plugin for vitest that puts one change into one source file as it is loaded. The files on disk stay as they are.
 *
 * @param {string} root of the repository
 */
export function changePlugin(root) {
  /** @type {FileChange | undefined} */
  let change;
  let applied = false;
  return {
    /** What is in force from the next load on. @param {FileChange | undefined} next */
    set(next) {
      change = next;
      applied = false;
    },
    /** Whether the file with the change was loaded since. */
    get applied() {
      return applied;
    },
    /** @type {import('vite').Plugin} */
    plugin: {
      name: 'coterie:change',
      enforce: 'pre',
      transform(code, id) {
        if (change === undefined || id.split('?')[0] !== path.join(root, change.file)) return null;
        applied = true;
        return { code: applyChange(code, change, change.file), map: null };
      },
    },
  };
}
