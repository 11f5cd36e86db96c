/** What steps and evaluations measure: numbers that may still be on their way from a device, and their means. */
import { OptionError } from '../core/errors.js';
import { describeValue, isPlainObject } from '../core/options.js';
import { Tensor } from '../trace/tensor.js';
import type { Measured } from './options.js';
import type { Place, Sums } from './place.js';

/** Numbers by name. */
export type Numbers = Readonly<Record<string, number>>;
type StepNumbers = Numbers & { readonly loss: number };

const wrongResult = (owner: 'step' | 'evaluate', facts: string): OptionError =>
  new OptionError('STEP_RESULT', `${owner} returned ${facts}`, 'Return a loss, one number, or { loss, …metrics }.');

/** The numbers of what a step or an evaluation returned, once they are there. @throws OptionError `STEP_RESULT` */
export async function readNumbers(owner: 'step' | 'evaluate', given: Measured): Promise<Numbers> {
  const named: unknown = given instanceof Tensor || typeof given === 'number' ? { loss: given } : given;
  if (!isPlainObject(named)) throw wrongResult(owner, describeValue(given));
  const entries = Object.entries(named).map(async ([name, value]): Promise<[string, number]> => {
    if (typeof value === 'number') return [name, value];
    if (!(value instanceof Tensor) || value.size !== 1) throw wrongResult(owner, `${describeValue(value)} as ${name}`);
    return [name, Number((await value.data())[0])];
  });
  return Object.fromEntries(await Promise.all(entries));
}

/** As {@link readNumbers}, of a step, which has a loss. */
async function readStep(given: Measured | Promise<Measured>): Promise<StepNumbers> {
  const numbers = await readNumbers('step', await given);
  const { loss } = numbers;
  if (loss === undefined) throw wrongResult('step', 'no loss');
  return { ...numbers, loss };
}

/** The numbers of steps in their order: a device answers while the next steps are queued. */
export interface StepReadings {
  /** Asks for what a step returned. */
  readonly add: (result: Measured | Promise<Measured>) => void;
  /** Waits until at most `left` are on their way; returns the latest that is there. */
  readonly settle: (left: number) => Promise<StepNumbers | undefined>;
}

/** @param place has the sums to which numbers are added. */
export function stepReadings(place: Place): StepReadings {
  /** The oldest first. */
  const waiting: Promise<StepNumbers>[] = [];
  let latest: StepNumbers | undefined;
  return {
    add(result) {
      const reading = readStep(result);
      // Whoever awaits it hears of its failure.
      reading.catch(() => undefined);
      waiting.push(reading);
    },
    async settle(left) {
      while (waiting.length > left) addTo(place.sums, (latest = await waiting.shift()!));
      return latest;
    },
  };
}

/** What stands under a name that a user chose, which may be that of something every object has. */
export const own = <V>(record: Readonly<Record<string, V>>, name: string): V | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

function addTo({ sum, count }: Sums, numbers: Numbers): void {
  for (const [name, value] of Object.entries(numbers)) {
    sum[name] = (own(sum, name) ?? 0) + value;
    count[name] = (own(count, name) ?? 0) + 1;
  }
}

/** The mean of each number over the steps that had it. */
export const means = ({ sum, count }: Sums): Record<string, number> =>
  Object.fromEntries(Object.entries(sum).map(([name, total]) => [name, total / count[name]!]));

/** Appends each number to the list of its name. */
export function append(lists: Record<string, number[]>, numbers: Numbers): void {
  for (const [name, value] of Object.entries(numbers)) (own(lists, name) ?? (lists[name] = [])).push(value);
}
