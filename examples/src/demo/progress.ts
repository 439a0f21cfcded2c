const terminalMs = 200;
const linesMs = 1000;

/** Tells how it goes: in a terminal one line that changes, elsewhere a line a second. */
export class Progress {
  readonly #line: () => string;
  readonly #timer: NodeJS.Timeout;
  readonly #terminal = process.stdout.isTTY;

  constructor(line: () => string) {
    this.#line = line;
    this.#timer = setInterval(() => this.#show(), this.#terminal ? terminalMs : linesMs);
  }

  /** Something worth a line of its own. */
  say(text: string): void {
    this.#clear();
    process.stdout.write(`${text}\n`);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#clear();
  }

  #show(): void {
    const line = this.#line();
    // Cut to the width: a wrapped line cannot be taken back.
    if (this.#terminal) process.stdout.write(`\r\u001b[2K${line.slice(0, (process.stdout.columns || 80) - 1)}`);
    else process.stdout.write(`${line}\n`);
  }

  #clear(): void {
    if (this.#terminal) process.stdout.write('\r\u001b[2K');
  }
}
