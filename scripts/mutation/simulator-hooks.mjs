// Module hooks (node:module `register`): one module is loaded from another text than the one on disk.

/** @type {{ url: string, source: string } | undefined} */
let changed;

/** @param {{ url: string, source: string }} data */
export function initialize(data) {
  changed = data;
}

/** @type {import('node:module').LoadHook} */
export async function load(url, context, nextLoad) {
  if (changed === undefined || url !== changed.url) return nextLoad(url, context);
  return { format: 'module', source: changed.source, shortCircuit: true };
}
