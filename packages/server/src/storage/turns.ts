/** Lets callers have something one after the other, in the order of their asking. */
export interface Turns {
  /** Runs the work once everything before it has ended. */
  take<Result>(work: () => Promise<Result>): Promise<Result>;
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return {
    take(work) {
      const turn = last.then(work);
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}
