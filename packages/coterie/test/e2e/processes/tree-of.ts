import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Every name below a folder, with a hash of the content of each file: equal before and after is "nothing was written".
 *
 * @param namesOnly files whose content is left out
 */
export function treeOf(folder: string, namesOnly = /^$/): Readonly<Record<string, string>> {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true });
  const lines = entries.map((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    const content =
      entry.isFile() && !namesOnly.test(file) ? createHash('sha256').update(fs.readFileSync(file)).digest('hex') : '';
    return [path.relative(folder, file), content] as const;
  });
  return Object.fromEntries(lines.sort(([a], [b]) => (a < b ? -1 : 1)));
}
