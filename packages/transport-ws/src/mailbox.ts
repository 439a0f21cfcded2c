/** Why nothing more will come. */
export class MailboxClosed extends Error {
  override readonly name = 'MailboxClosed';
}

/** Messages that come as events and are taken one by one, by one taker who does not wait for ever. */
export class Mailbox<T> {
  readonly #stallMs: number;
  readonly #items: T[] = [];
  #closed: MailboxClosed | undefined;
  #taker: { resolve(item: T): void; reject(error: Error): void } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(stallMs: number) {
    this.#stallMs = stallMs;
  }

  get length(): number {
    return this.#items.length;
  }

  put(item: T): void {
    if (this.#closed !== undefined) return;
    const taker = this.#endWait();
    if (taker === undefined) this.#items.push(item);
    else taker.resolve(item);
  }

  /** What is in the box is forgotten: whoever closes it has no more use for it. */
  close(why: string): void {
    this.#closed ??= new MailboxClosed(why);
    this.#items.length = 0;
    this.#endWait()?.reject(this.#closed);
  }

  /** @throws MailboxClosed when it is closed or nothing comes within the longest silence allowed */
  take(): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject };
      this.#timer = setTimeout(() => this.close(`silent for ${this.#stallMs} ms`), this.#stallMs).unref();
    });
  }

  #endWait(): { resolve(item: T): void; reject(error: Error): void } | undefined {
    clearTimeout(this.#timer);
    const taker = this.#taker;
    this.#taker = undefined;
    return taker;
  }
}
