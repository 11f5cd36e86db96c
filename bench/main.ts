/**
 * `npm run bench`: Lazuli beside its peers, in one run.
 *
 *   npm run bench                                  everything; writes bench/RESULTS.md and bench/results.json
 *   npm run bench -- --only adadelta --quick       works whose name contains one of these, in shorter turns
 *   npm run bench -- --contestants wasm,jax,torch  only these
 *   npm run bench -- --mnist                       the training runs too (minutes)
 *   npm run bench -- --native                      the native backend's table; writes bench/NATIVE.md (4 minutes)
 *   npm run bench -- --layers                      layers and nets; writes bench/LAYERS.md (5 minutes)
 *   npm run bench -- --write                       writes the files although something was left out
 */
import { parseArgs } from 'node:util';
import { makeContestants, prepareLibrary } from './run/contestants.js';
import { type Effort, measure, type Measurement } from './run/measure.js';
import { describeMachine } from './run/machine.js';
import { COMMON_PROBES, findingRow, PROBES, runProbe } from './run/probes.js';
import { measurementLines, writeResults } from './run/report.js';
import { LAYER_TARGETS, NATIVE_TARGETS } from './run/peer-targets.js';
import { targetRows, targetLines } from './run/targets.js';
import { adadelta } from './work/adadelta.js';
import { adam } from './work/adam.js';
import type { Benchmark } from './work/benchmark.js';
import { crossEntropy } from './work/cross-entropy.js';
import { layers } from './work/layers.js';
import { matmul } from './work/matmul.js';
import { perceptron } from './work/perceptron.js';

const BENCHMARKS: readonly Benchmark[] = [...adadelta, ...adam, ...matmul, ...crossEntropy, ...perceptron];
const EFFORT: Effort = { seconds: 12, burst: 20, warmUp: 400 };
const QUICK: Effort = { seconds: 2.5, burst: 5, warmUp: 150 };

/** A table of its own: who and what takes part. */
interface Table {
  readonly name: 'RESULTS' | 'NATIVE' | 'LAYERS';
  readonly benchmarks: readonly Benchmark[];
  readonly probes: readonly string[];
  readonly contestants: readonly string[];
  readonly effort: Effort;
}
const TABLES = {
  all: { name: 'RESULTS', benchmarks: BENCHMARKS, probes: COMMON_PROBES, contestants: [], effort: EFFORT },
  native: {
    name: 'NATIVE',
    benchmarks: BENCHMARKS.filter(
      ({ id }) =>
        !['adadelta 1e4', 'adadelta 1e7', 'adadelta 100×1000', 'matmul 96×784×496', 'matmul 1×784×500'].includes(id),
    ),
    probes: ['build', 'epoch'],
    contestants: ['native', 'native-all', 'wasm', 'torch', 'torch-all', 'c'],
    effort: { ...EFFORT, seconds: 8 },
  },
  layers: {
    name: 'LAYERS',
    benchmarks: layers,
    probes: ['attention'],
    contestants: ['torch', 'wasm', 'native', 'jax', 'tfjs', 'tfjs-cpu'],
    effort: { ...EFFORT, seconds: 10 },
  },
} as const satisfies Record<string, Table>;

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(2);
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        contestants: { type: 'string', default: '' },
        quick: { type: 'boolean', default: false },
        mnist: { type: 'boolean', default: false },
        native: { type: 'boolean', default: false },
        layers: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
      },
    });
    const list = (text: string): string[] => text.split(',').filter((part) => part !== '');
    return { ...values, only: list(values.only), contestants: list(values.contestants) };
  } catch (error) {
    return fail((error as Error).message);
  }
}

const options = readOptions();
if (options.native && options.layers) fail('--native and --layers are tables of their own');
const table: Table = TABLES[options.native ? 'native' : options.layers ? 'layers' : 'all'];
// Peers run as they are for anybody: these settings make OpenBLAS take the kernels of another processor.
for (const name of ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE']) delete process.env[name];
await prepareLibrary();
const everyone = makeContestants();
for (const id of options.contestants)
  if (!everyone.some((each) => each.id === id))
    fail(`there is no contestant '${id}'; there are ${everyone.map((each) => each.id).join(', ')}`);
const wanted = (id: string): boolean => options.only.length === 0 || options.only.some((part) => id.includes(part));
const invited = options.contestants.length > 0 ? options.contestants : table.contestants;
const takesPart = (id: string): boolean => invited.length === 0 || invited.includes(id);

const benchmarks = table.benchmarks.filter(({ id }) => wanted(id));
const probes = PROBES.filter(({ id }) => table.probes.includes(id) && wanted(id) && (id !== 'mnist' || options.mnist));
if (benchmarks.length + probes.length === 0)
  fail(`nothing is called so; there are ${[...table.benchmarks.map(({ id }) => id), ...table.probes].join(', ')}`);

const effort = options.quick ? QUICK : table.effort;
const machine = describeMachine();
console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${machine.load} before the start\n`);
const measurements: Measurement[] = [];
for (const benchmark of benchmarks) {
  const contestants = everyone
    .filter(
      ({ id, onRequest }) =>
        takesPart(id) && benchmark.without?.[id] === undefined && (!onRequest || benchmark.also?.includes(id) === true),
    )
    .sort((a, b) => table.contestants.indexOf(a.id) - table.contestants.indexOf(b.id));
  const taken = await measure(benchmark, contestants, effort);
  measurements.push(...taken);
  console.log(`${measurementLines(benchmark, taken).join('\n')}\n`);
}
const findings: Record<string, number | string> = {};
for (const probe of probes) {
  const found = runProbe(probe, takesPart);
  Object.assign(findings, found);
  console.log(
    `${probe.id}\n${Object.entries(found)
      .map(([name, value]) => `  ${findingRow(name, value).join(', ')}`)
      .join('\n')}\n`,
  );
}
const targets = targetRows(
  { benchmarks, measurements, findings },
  { RESULTS: undefined, NATIVE: NATIVE_TARGETS, LAYERS: LAYER_TARGETS }[table.name],
);
console.log(targetLines(targets).join('\n'));

const complete = options.only.length === 0 && options.contestants.length === 0 && !options.quick;
if (complete || options.write) {
  const { name } = table;
  const command = name === 'RESULTS' ? 'npm run bench' : `npm run bench -- --${name.toLowerCase()}`;
  await writeResults({ machine, benchmarks, measurements, findings, targets, effort, name, command });
}
