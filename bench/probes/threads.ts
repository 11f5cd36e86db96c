/**
 * Where a second thread begins to pay: microseconds of an Adadelta update by its size, as steps that follow each other
 * (`spinning`) and as one that comes after 3 ms of other work, when the workers have parked (`parked`).
 */
import { Adadelta, jit, random, TrainVar } from 'lazuli';
import { chooseBackend } from '../contestants/backend.js';
import { median } from '../run/statistics.js';
import { say, type Findings } from './say.js';

await chooseBackend(process.argv[2]!, Number(process.argv[3]));
const PAUSE_MILLISECONDS = 3;

function pause(): void {
  const end = performance.now() + PAUSE_MILLISECONDS;
  while (performance.now() < end);
}

/** Microseconds of a call, of `calls` in a row. */
function microseconds(call: () => void, calls: number): number {
  const start = performance.now();
  for (let i = 0; i < calls; i++) call();
  return ((performance.now() - start) / calls) * 1e3;
}

const found: Findings = {};
for (const size of [30_000, 50_000, 100_000, 200_000, 300_000, 500_000]) {
  const w = new TrainVar(random.normal(random.key(1), [size]));
  const gradient = random.normal(random.key(2), [size]);
  const optimizer = new Adadelta({ trainVars: { w } });
  const step = jit((g: typeof gradient) => optimizer.update({ w: g }));
  const call = (): void => void step(gradient);
  microseconds(call, 300);
  const turns = Array.from({ length: 120 }, () => {
    pause();
    return { parked: microseconds(call, 1), spinning: microseconds(call, 10) };
  });
  found[`${size} parked`] = median(turns.map(({ parked }) => parked));
  found[`${size} spinning`] = median(turns.map(({ spinning }) => spinning));
}
say(found);
