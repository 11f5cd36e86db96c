/**
 * How much is tried at random. `npm test` tries a third, which two cores do in a few minutes; LAZULI_TIMES is how often all of
 * it is tried instead, 3 in `.ci/run`, and LAZULI_SEED begins the programs elsewhere.
 */
const TIMES = Number(process.env.LAZULI_TIMES ?? 1 / 3);

/** `count` generated cases, times LAZULI_TIMES; whole, for fast-check never ends where the number of runs is a fraction. */
export const runs = (count: number): number => Math.ceil(count * TIMES);

/** Whether what differs little from other cases runs too. */
export const THOROUGH = TIMES > 1;

/** At most `few` of the cases, from all over them; all where all is tried. What is left out is said by name. */
export function casesOf<T>(what: string, cases: readonly T[], few: number): readonly T[] {
  if (THOROUGH || few >= cases.length) return cases;
  const step = Math.ceil(cases.length / few);
  const chosen = cases.filter((_, i) => i % step === 0 && few > 0);
  const left = cases.length - chosen.length;
  console.warn(`skipped: ${what}, ${left} of ${cases.length} (LAZULI_TIMES=3 runs them)`);
  return chosen;
}
