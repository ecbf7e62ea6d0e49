/** One after another: a Durable Object's input gate does not cover D1, so two writes would interleave at every await. */

export class Turns {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `work` after everything that was handed in before, whatever became of that. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work, work);
    this.last = turn.catch(() => undefined);
    return turn;
  }
}
