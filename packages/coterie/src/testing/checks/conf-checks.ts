import type { ConfState } from '@coterie/raft';
import { quorumsMeet } from './quorums.js';

/** One history of configurations: equal on every member, and the quorums of neighbours meet (thesis §4). */
export class ConfChecks {
  readonly #report: (problem: string) => void;
  readonly #history: { readonly index: number; readonly conf: ConfState; readonly text: string }[] = [];

  constructor(report: (problem: string) => void) {
    this.#report = report;
  }

  /** @param index of the change, or of a snapshot that holds it */
  inForce(name: string, index: number, conf: ConfState): void {
    const text = JSON.stringify(conf);
    const last = this.#history.at(-1);
    if (last === undefined || index > last.index) {
      // A snapshot behind the last change carries its configuration.
      if (last?.text === text) return;
      if (last !== undefined && !quorumsMeet(last.conf, conf)) {
        this.#report(`configurations: quorums of ${last.text} at ${last.index} and ${text} at ${index} need not meet`);
      }
      this.#history.push({ index, conf, text });
      return;
    }
    const known = this.#history.findLast((change) => change.index <= index);
    if (known !== undefined && known.text !== text)
      this.#report(`configurations: ${name} has ${text} at ${index}, where ${known.text} is in force`);
  }
}
