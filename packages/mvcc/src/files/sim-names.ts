import type { Random } from '@coterie/raft';
import { SimInode } from './sim-inode.js';

/** A simulated directory: the names as processes see them and as the platter holds them. */
export class SimDirectory {
  cached = new Map<string, SimNode>();
  durable = new Map<string, SimNode>();
}
export type SimNode = SimInode | SimDirectory;

/** One change of names that is atomic: a rename sets one and removes another. */
interface NameChange {
  readonly set?: { readonly in: SimDirectory; readonly name: string; readonly node: SimNode };
  readonly remove?: { readonly in: SimDirectory; readonly name: string };
}

/** A failure as `node:fs` throws it. */
export function systemError(code: string, operation: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${operation} '${path}'`), { code, syscall: operation, path });
}

/** The tree of names of a simulated disk. A change is durable once one of the directories it touches was synced. */
export class SimNames {
  readonly #root = new SimDirectory();
  #pending: NameChange[] = [];

  find(path: string): SimNode | undefined {
    let node: SimNode | undefined = this.#root;
    for (const name of parts(path)) node = node instanceof SimDirectory ? node.cached.get(name) : undefined;
    return node;
  }

  file(path: string, operation: string): SimInode {
    const node = this.find(path);
    if (node instanceof SimInode) return node;
    throw systemError(node === undefined ? 'ENOENT' : 'EISDIR', operation, path);
  }

  directory(path: string, operation: string): SimDirectory {
    const node = this.find(path);
    if (node instanceof SimDirectory) return node;
    throw systemError(node === undefined ? 'ENOENT' : 'ENOTDIR', operation, path);
  }

  create(path: string): SimInode {
    const { directory, name } = this.#place(path, 'open');
    if (directory.cached.has(name)) throw systemError('EEXIST', 'open', path);
    const node = new SimInode();
    this.#change({ set: { in: directory, name, node } });
    return node;
  }

  rename(from: string, to: string): void {
    const node = this.find(from);
    if (node === undefined) throw systemError('ENOENT', 'rename', from);
    const source = this.#place(from, 'rename');
    const target = this.#place(to, 'rename');
    if (target.directory.cached.get(target.name) instanceof SimDirectory) throw systemError('ENOTEMPTY', 'rename', to);
    if (source.directory === target.directory && source.name === target.name) return;
    this.#change({
      set: { in: target.directory, name: target.name, node },
      remove: { in: source.directory, name: source.name },
    });
  }

  unlink(path: string): void {
    this.file(path, 'unlink');
    const { directory, name } = this.#place(path, 'unlink');
    this.#change({ remove: { in: directory, name } });
  }

  /** @param synced false: the process stops before it could sync the names */
  mkdir(path: string, synced: boolean): void {
    let directory = this.#root;
    for (const name of parts(path)) {
      let next = directory.cached.get(name);
      if (next === undefined) {
        next = new SimDirectory();
        this.#change({ set: { in: directory, name, node: next } });
      }
      if (synced) this.sync(directory);
      if (!(next instanceof SimDirectory)) throw systemError('ENOTDIR', 'mkdir', path);
      directory = next;
    }
  }

  sync(directory: SimDirectory): void {
    this.#pending = this.#pending.filter((change) => {
      if (change.set?.in !== directory && change.remove?.in !== directory) return true;
      apply(change, 'durable');
      return false;
    });
  }

  /**
   * Power is lost: of the changes of names that were not synced, a beginning survives (a journal) or any subset (POSIX
   * allows it).
   * @returns how many were lost
   */
  crash(random: Random): number {
    const journal = random.nextInt(2) === 0;
    const kept = random.nextInt(this.#pending.length + 1);
    let lost = 0;
    this.#pending.forEach((change, i) => {
      if (journal ? i < kept : random.nextInt(2) === 0) apply(change, 'durable');
      else lost++;
    });
    this.#pending = [];
    for (const { node } of this.#walk('durable')) if (node instanceof SimDirectory) node.cached = new Map(node.durable);
    return lost;
  }

  /** Every file that processes see, with its path. */
  *files(): Generator<{ readonly path: string; readonly node: SimInode }> {
    for (const { path, node } of this.#walk('cached')) if (node instanceof SimInode) yield { path, node };
  }

  *#walk(view: 'cached' | 'durable'): Generator<{ readonly path: string; readonly node: SimNode }> {
    const waiting: { path: string; node: SimNode }[] = [{ path: '', node: this.#root }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      yield next;
      if (next.node instanceof SimInode) continue;
      for (const [name, node] of next.node[view]) waiting.push({ path: `${next.path}/${name}`, node });
    }
  }

  #place(path: string, operation: string): { readonly directory: SimDirectory; readonly name: string } {
    const names = parts(path);
    const name = names.pop();
    if (name === undefined) throw systemError('EINVAL', operation, path);
    return { directory: this.directory(names.join('/'), operation), name };
  }

  #change(change: NameChange): void {
    apply(change, 'cached');
    this.#pending.push(change);
  }
}

function apply({ set, remove }: NameChange, view: 'cached' | 'durable'): void {
  remove?.in[view].delete(remove.name);
  set?.in[view].set(set.name, set.node);
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
