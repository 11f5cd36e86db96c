/** Waits that somebody may leave. */

/**
 * The moment at which nobody waits any more. `Promise.race` with a promise that stays open would do, but that promise then
 * keeps the result of every race: all batches of a run.
 */
export class Departure {
  /** Whether it has come. */
  over = false;
  private readonly waiting = new Set<() => void>();

  /** What is asked for, or undefined where the departure comes first. */
  before<T>(asked: PromiseLike<T>): Promise<T | undefined> {
    return new Promise<T | undefined>((resolve, reject) => {
      const leave = (): void => resolve(undefined);
      const settled =
        <V>(settle: (value: V) => void): ((value: V) => void) =>
        (value) => {
          this.waiting.delete(leave);
          settle(value);
        };
      asked.then(settled(resolve), settled(reject));
      if (this.over) leave();
      else this.waiting.add(leave);
    });
  }

  readonly leave = (): void => {
    this.over = true;
    for (const each of this.waiting) each();
    this.waiting.clear();
  };
}
