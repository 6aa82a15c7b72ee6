/** One at a time, in the order of asking. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    // The next one's turn comes whether this one succeeds or not.
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
