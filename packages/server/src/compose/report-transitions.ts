/**
 * Reports when a problem appears and when it is gone; not that it stays, nor that its wording changes.
 *
 * @param report gets the problem, or `undefined` when it is gone
 * @returns takes the present state, as often as it is known; at first there is no problem
 */
export function reportTransitions(
  report: (problem: string | undefined) => void,
): (problem: string | undefined) => void {
  let hadProblem = false;
  return (problem) => {
    const hasProblem = problem !== undefined;
    if (hasProblem !== hadProblem) report(problem);
    hadProblem = hasProblem;
  };
}
