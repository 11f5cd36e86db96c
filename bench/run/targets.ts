/**
 * What Lazuli set out to reach, as data: each row computes its measured value from one run. Nothing here fails; a row
 * without figures says so.
 */
import { aligned } from './columns.js';
import { amount, Figures, PRODUCTS, ratio, type Run, STEP, type Target } from './figures.js';

export interface TargetRow {
  readonly name: string;
  readonly goal: string;
  /** By medians. */
  readonly measured: string;
  /** By the quiet percentile, which a busy machine disturbs less. */
  readonly quiet: string;
  readonly met: 'yes' | 'no' | 'not measured';
}

/** The part of what two independent processes gain that two threads gain. */
const threads = (work: string): Target =>
  ratio(`${work}: all threads' gain over that of two processes`, ['≥', 0.85], (run) => {
    const gained = run.speedup(work, 'wasm-all', 'wasm');
    return gained / run.speedup(work, 'wasm-twice', 'wasm');
  });

const TARGETS: readonly Target[] = [
  amount('js: kernels of a standalone update of six parameters', '', ['=', 1], (run) =>
    run.found('js launches launches'),
  ),
  amount('wasm: kernels of a standalone update of six parameters', '', ['=', 1], (run) =>
    run.found('wasm launches launches'),
  ),
  amount('outputs a parameter', '', ['=', 3], (run) => run.found('js launches outputs')),
  amount('traces while the rate changes', '', ['=', 1], (run) => run.found('js launches traces')),
  amount('compiles while the rate changes', '', ['=', 1], (run) => run.found('js launches compiles')),
  ratio(
    'js: adadelta 1e6 over the loop by hand',
    ['≤', 1.15],
    (run) => 1 / run.speedup('adadelta 1e6', 'js', 'hand-js'),
  ),
  amount('js: matmul 96×784×496', ' GFLOP/s', ['≥', 1.2], (run) => run.gflops('matmul 96×784×496', 'js')),
  amount('js: the whole MNIST run', ' s', ['≤', 180], (run) => run.found('js mnist run')),
  amount('js: trace + compile of the step, warm process', ' ms', ['≤', 150], (run) =>
    run.found('js first-call compile'),
  ),
  amount('js: heap after 10,000 steps', ' MB', ['≤', 1], (run) => run.found('js heap heap')),
  ratio('wasm: adadelta 1e3, jax-js over ours', ['≥', 15], (run) => run.speedup('adadelta 1e3', 'wasm', 'jax')),
  ratio('wasm: adadelta 1e3, PyTorch over ours', ['≥', 12], (run) => run.speedup('adadelta 1e3', 'wasm', 'torch')),
  amount('wasm: adadelta 1e3', ' µs', ['≤', 4], (run) => run.milliseconds('adadelta 1e3', 'wasm') * 1000),
  ratio(
    'wasm: adadelta 1e6 over WASM SIMD by hand',
    ['≤', 1.1],
    (run) => 1 / run.speedup('adadelta 1e6', 'wasm', 'hand-wasm'),
  ),
  ratio('wasm: adadelta 1e6, jax-js over ours', ['≥', 4], (run) => run.speedup('adadelta 1e6', 'wasm', 'jax')),
  ratio('wasm: adadelta 1e6, PyTorch over ours', ['≥', 2.5], (run) => run.speedup('adadelta 1e6', 'wasm', 'torch')),
  ...['adam 1e6', 'adamw 1e6'].flatMap((work) => [
    ratio(`wasm: ${work}, jax-js over ours`, ['≥', 3], (run) => run.speedup(work, 'wasm', 'jax')),
    ratio(`wasm: ${work}, PyTorch over ours`, ['≥', 2], (run) => run.speedup(work, 'wasm', 'torch')),
  ]),
  ratio(
    'wasm: adadelta 1e7 over the C loop, all threads',
    ['≤', 1.25],
    (run) => 1 / run.speedup('adadelta 1e7', 'wasm-all', 'c-all'),
  ),
  ratio(
    'wasm: 100 parameters of 1,000 over one of 100,000',
    ['≤', 1.3],
    (run) => run.milliseconds('adadelta 100×1000', 'wasm') / run.milliseconds('adadelta 1e5', 'wasm'),
  ),
  ...PRODUCTS.flatMap((work) => [
    ratio(`wasm: ${work}, jax-js over ours`, ['≥', 2.2], (run) => run.speedup(work, 'wasm', 'jax')),
    amount(`wasm: ${work}, quiet`, ' GFLOP/s', ['≥', 35], (run) => run.gflops(work, 'wasm')),
  ]),
  amount('wasm: matmul 1×784×500, quiet', ' GFLOP/s', ['≥', 14], (run) => run.gflops('matmul 1×784×500', 'wasm')),
  threads('matmul 512×512×512'),
  threads(STEP),
  ratio('wasm: step, jax-js over ours', ['≥', 2.5], (run) => run.speedup(STEP, 'wasm', 'jax')),
  ratio('wasm: step, PyTorch over ours, one thread', ['≥', 1], (run) => run.speedup(STEP, 'wasm', 'torch')),
  ratio(
    "wasm: step over PyTorch's better, all threads",
    ['≤', 0.7],
    (run) =>
      run.milliseconds(STEP, 'wasm-all') /
      Math.min(run.milliseconds(STEP, 'torch'), run.milliseconds(STEP, 'torch-all')),
  ),
  amount('js: MNIST, test error', ' %', ['≤', 8], (run) => run.found('js mnist testError')),
  amount('wasm: MNIST, test error', ' %', ['≤', 8], (run) => run.found('wasm mnist testError')),
  amount('wasm: MNIST, same bits as js (1 is yes)', '', ['=', 1], ({ run: { findings } }) => {
    const [ours, theirs] = ['wasm', 'js'].map((backend) => findings[`${backend} mnist digest`]);
    return ours === undefined || theirs === undefined ? NaN : Number(ours === theirs);
  }),
  amount('wasm: MNIST, an epoch, one thread', ' s', ['≤', 0.9], (run) => run.found('wasm mnist epoch')),
  amount('wasm: trace + compile of the step, cold process', ' ms', ['≤', 60], (run) =>
    run.found('wasm first-call cold'),
  ),
  ratio('wasm: tenth call over a steady one', ['≤', 1.15], (run) => run.found('wasm first-call tenth')),
];

const holds = ([relation, bound]: Target['bound'], value: number): boolean =>
  relation === '≥' ? value >= bound : relation === '≤' ? value <= bound : value === bound;

const shown = (value: number, unit: string): string => `${Number(value.toPrecision(3))}${unit}`;

/** Every target beside what this run measured. */
export function targetRows(run: Run, targets: readonly Target[] = TARGETS): TargetRow[] {
  const [medians, quiets] = [new Figures(run, 'median'), new Figures(run, 'quiet')];
  return targets.map(({ name, bound, unit, value }) => {
    const [measured, quiet] = [value(medians), value(quiets)];
    const goal = `${bound[0]} ${bound[1]}${unit}`;
    if (Number.isNaN(measured)) return { name, goal, measured: '', quiet: '', met: 'not measured' };
    const met = holds(bound, measured) ? 'yes' : 'no';
    return { name, goal, measured: shown(measured, unit), quiet: quiet === measured ? '' : shown(quiet, unit), met };
  });
}

/** Those with figures, as a table. */
export function targetLines(rows: readonly TargetRow[]): string[] {
  const measured = rows.filter(({ met }) => met !== 'not measured');
  if (measured.length === 0) return [];
  return aligned([
    ['target', 'goal', 'measured', 'quiet', 'met'],
    ...measured.map(({ name, goal, measured: value, quiet, met }) => [name, goal, value, quiet, met]),
  ]);
}
