type Done = (error: Error | undefined, result: undefined) => void;

/** Who waits for the files below a revision to be gone. */
export class Deletions {
  #waiting: { readonly revision: number; readonly done: Done }[] = [];

  add(revision: number, done: Done): void {
    this.#waiting.push({ revision, done });
  }

  /** Those whose files a checkpoint with this compact revision does not name. */
  take(compactRevision: number): readonly Done[] {
    const ready = this.#waiting.filter(({ revision }) => revision <= compactRevision);
    this.#waiting = this.#waiting.filter(({ revision }) => revision > compactRevision);
    return ready.map(({ done }) => done);
  }

  /** Whether a checkpoint with this compact revision would let somebody go on. */
  waitsFor(compactRevision: number): boolean {
    return this.#waiting.some(({ revision }) => revision <= compactRevision);
  }

  end(error: Error | undefined): void {
    for (const { done } of this.#waiting.splice(0)) done(error, undefined);
  }
}
