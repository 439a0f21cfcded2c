import { CoterieError } from '@coterie/errors';
import type { RawEvent } from '@coterie/mvcc';
import type { SimMember } from '../sim-member.js';
import { ChangeLog } from './change-log.js';

/**
 * Keeps all changes of a run: a watch at every process, from where the record ends. Every member so shows every
 * revision that it applies, also those that others have shown before, and all must show the same.
 */
export class ChangeRecorder {
  readonly log = new ChangeLog();
  readonly #shown = new WeakMap<SimMember, number>();
  readonly #report: (problem: string) => void;
  readonly #onNew: (revision: number, events: readonly RawEvent[]) => void;
  readonly #later: (fn: () => void) => void;

  /**
   * @param later runs something after a rest: a member that serves nothing just now ends every watch at once
   * @param onNew told of every revision once, in order
   */
  constructor(
    report: (problem: string) => void,
    later: (fn: () => void) => void,
    onNew: (revision: number, events: readonly RawEvent[]) => void,
  ) {
    this.#report = report;
    this.#later = later;
    this.#onNew = onNew;
  }

  /** The last revision that the watch at a process has shown. */
  shownBy(member: SimMember): number {
    return this.#shown.get(member) ?? 0;
  }

  attach(member: SimMember): void {
    const from = this.log.next;
    const stream = member.engine.watch({
      ranges: [{ start: '' }],
      fromRevision: from,
      prev: false,
      initial: false,
      progress: false,
      overflow: 'resume',
    });
    let next = from;
    const pull = async (): Promise<void> => {
      for (let batches = await stream.next(); batches !== undefined; batches = await stream.next()) {
        if (member.dead) return;
        for (const { kind, revision, events } of batches) {
          this.#shown.set(member, revision);
          if (kind !== 'change') continue;
          // It asks for everything, so no revision is left out.
          const isNew = revision === next && revision === this.log.next;
          const wrong =
            revision === next ? this.log.add(revision, events) : `revision ${revision} came where ${next} belongs`;
          if (isNew) this.#onNew(revision, events);
          next = revision + 1;
          if (wrong !== undefined) this.#report(`changes: the watch at ${member.name}: ${wrong}`);
        }
      }
    };
    pull().catch((error: unknown) => {
      if (member.dead) return;
      const compacted = error instanceof CoterieError && error.code === 'ERR_COMPACTED';
      // Clients compact behind the record only: a watch that was behind it goes on from there.
      if (compacted && this.log.next > from) this.attach(member);
      // A read that failed ends the watch and not the member, and one that is not a member yet may say what it waits
      // for: whoever watches begins again.
      else if (member.engine.status.state !== 'failed' && isPassing(member, error)) this.#attachLater(member);
      // A member that stops ends its watches with an error.
      else if (compacted || !(error instanceof CoterieError))
        this.#report(`changes: the watch at ${member.name} from ${from} on broke: ${String(error)}`);
    });
  }

  #attachLater(member: SimMember): void {
    this.#later(() => {
      if (!member.dead) this.attach(member);
    });
  }
}

function isPassing(member: SimMember, error: unknown): boolean {
  return error instanceof CoterieError && (error.retryable || member.machine.explains(error));
}
