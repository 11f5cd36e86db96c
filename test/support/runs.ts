/**
 * How much is tried at random. `npm test` tries what two cores do in a few minutes; LAZULI_TIMES, as `.ci/run` sets it,
 * multiplies that, LAZULI_SEED begins the programs elsewhere.
 */
const TIMES = Number(process.env.LAZULI_TIMES ?? 1);

/** `count` generated cases, times LAZULI_TIMES; whole, for fast-check never ends where the number of runs is a fraction. */
export const runs = (count: number): number => Math.ceil(count * TIMES);

/** Whether what differs little from other cases runs too. */
export const THOROUGH = TIMES > 1;
