import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** The one place where the demo writes. */
export interface DataFolder {
  readonly path: string;
  /** Removes what the demo wrote. Synchronous, so that it works in an exit handler; safe to call twice. */
  remove(): void;
}

/**
 * Makes the folder, or takes an empty one.
 *
 * @throws Error for a folder with something in it: it would be removed at the end
 */
export function makeDataFolder(wanted: string | undefined): DataFolder {
  if (wanted === undefined) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'coterie-demo-'));
    return { path: folder, remove: () => removeTree(folder) };
  }
  const folder = path.resolve(wanted);
  const existed = fs.existsSync(folder);
  if (existed && fs.readdirSync(folder).length > 0) throw new Error(`--data ${folder} is not empty`);
  fs.mkdirSync(folder, { recursive: true });
  const remove = (): void => {
    if (!existed) removeTree(folder);
    else for (const name of fs.readdirSync(folder)) removeTree(path.join(folder, name));
  };
  return { path: folder, remove };
}

// A process that was killed a moment ago may still be creating a file.
const removeTree = (target: string): void =>
  fs.rmSync(target, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
