interface Travelling {
  readonly deliver: () => void;
  arrived: boolean;
}

/**
 * One direction of one connection: delivers in the order of sending, whatever the scheduler does.
 *
 * A frame whose time has come waits for older ones, as the bytes of a TCP stream do; order across connections is not
 * kept.
 */
export class MemoryConnection {
  #travelling: Travelling[] = [];

  /** @returns what to call when the frame's time on the way is over */
  put(deliver: () => void): () => void {
    const travelling: Travelling = { deliver, arrived: false };
    this.#travelling.push(travelling);
    return () => {
      travelling.arrived = true;
      while (this.#travelling[0]?.arrived === true) this.#travelling.shift()?.deliver();
    };
  }

  /**
   * The connection breaks: what travels on it never arrives.
   * @returns how many frames that were
   */
  break(): number {
    const lost = this.#travelling.length;
    this.#travelling = [];
    return lost;
  }
}
