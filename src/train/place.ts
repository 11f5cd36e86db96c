/** How far a run is: what a checkpoint has to tell beside the Variables. */
import type { History } from './history.js';

/** Running sums of the steps of an epoch that has not ended. */
export interface Sums {
  readonly sum: Record<string, number>;
  readonly count: Record<string, number>;
}
export interface Place {
  /** Epochs that have ended. */
  epoch: number;
  /** Batches of the next epoch that have been used. */
  step: number;
  /** All steps. */
  steps: number;
  sums: Sums;
  /** Of early stopping: the best measure, and epochs since. */
  best: number | null;
  waited: number;
  readonly history: Pick<History, 'loss' | 'metrics' | 'evaluation'>;
}

export const beginning = (): Place => ({
  epoch: 0,
  step: 0,
  steps: 0,
  sums: { sum: {}, count: {} },
  best: null,
  waited: 0,
  history: { loss: [], metrics: {}, evaluation: {} },
});

/** JSON has no NaN and no infinities. */
export const writePlace = (place: Place): string =>
  JSON.stringify(place, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isList = (value: unknown): boolean => Array.isArray(value) && value.every(isNumber);
const isRecord = (value: unknown, holds: (each: unknown) => boolean): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(holds);

/** The place that {@link writePlace} wrote; undefined for anything else. */
export function readPlace(text: string): Place | undefined {
  let place: Partial<Place> | null;
  try {
    place = JSON.parse(text, (_, value: unknown) =>
      value === 'NaN' || value === 'Infinity' || value === '-Infinity' ? Number(value) : value,
    ) as Partial<Place> | null;
  } catch {
    return undefined;
  }
  const { epoch, step, steps, waited, best, sums, history } = place ?? {};
  const valid =
    [epoch, step, steps, waited].every((each) => Number.isSafeInteger(each) && each! >= 0) &&
    (best === null || isNumber(best)) &&
    isRecord(sums?.sum, isNumber) &&
    isRecord(sums?.count, isNumber) &&
    isList(history?.loss) &&
    isRecord(history?.metrics, isList) &&
    isRecord(history?.evaluation, isList);
  return valid ? (place as Place) : undefined;
}
