/**
 * `npm run bench`: Lazuli beside its peers, in one run.
 *
 *   npm run bench                                  everything; writes bench/RESULTS.md and bench/results.json
 *   npm run bench -- --only adadelta --quick       works whose name contains one of these, in shorter turns
 *   npm run bench -- --contestants wasm,jax,torch  only these
 *   npm run bench -- --mnist                       the training runs too (minutes)
 *   npm run bench -- --write                       writes the two files although something was left out
 */
import { parseArgs } from 'node:util';
import { makeContestants, prepareLibrary } from './run/contestants.js';
import { type Effort, measure, type Measurement } from './run/measure.js';
import { describeMachine } from './run/machine.js';
import { PROBES, runProbe } from './run/probes.js';
import { measurementLines, writeResults } from './run/report.js';
import { targetRows, targetLines } from './run/targets.js';
import { adadelta } from './work/adadelta.js';
import { adam } from './work/adam.js';
import type { Benchmark } from './work/benchmark.js';
import { crossEntropy } from './work/cross-entropy.js';
import { matmul } from './work/matmul.js';
import { perceptron } from './work/perceptron.js';

const BENCHMARKS: readonly Benchmark[] = [...adadelta, ...adam, ...matmul, ...crossEntropy, ...perceptron];
const EFFORT: Effort = { seconds: 12, burst: 20, warmUp: 400 };
const QUICK: Effort = { seconds: 2.5, burst: 5, warmUp: 150 };

function fail(message: string): never {
  console.error(`bench: ${message}`);
  process.exit(2);
}

function readOptions(): { only: string[]; contestants: string[]; quick: boolean; mnist: boolean; write: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        contestants: { type: 'string', default: '' },
        quick: { type: 'boolean', default: false },
        mnist: { type: 'boolean', default: false },
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
await prepareLibrary();
const everyone = makeContestants();
for (const id of options.contestants)
  if (!everyone.some((each) => each.id === id))
    fail(`there is no contestant '${id}'; there are ${everyone.map((each) => each.id).join(', ')}`);
const wanted = (id: string): boolean => options.only.length === 0 || options.only.some((part) => id.includes(part));
const takesPart = (id: string): boolean => options.contestants.length === 0 || options.contestants.includes(id);

const benchmarks = BENCHMARKS.filter(({ id }) => wanted(id));
const probes = PROBES.filter(({ id }) => wanted(id) && (id !== 'mnist' || options.mnist));
if (benchmarks.length + probes.length === 0)
  fail(`nothing is called so; there are ${[...BENCHMARKS, ...PROBES].map(({ id }) => id).join(', ')}`);

const effort = options.quick ? QUICK : EFFORT;
const machine = describeMachine();
console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load ${machine.load} before the start\n`);
const measurements: Measurement[] = [];
for (const benchmark of benchmarks) {
  const contestants = everyone.filter(
    ({ id, processes }) => takesPart(id) && (processes === 1 || benchmark.also?.includes(id) === true),
  );
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
      .map(([name, value]) => `  ${name}: ${value}`)
      .join('\n')}\n`,
  );
}
const targets = targetRows({ benchmarks, measurements, findings });
console.log(targetLines(targets).join('\n'));

const complete = options.only.length === 0 && options.contestants.length === 0 && !options.quick;
if (complete || options.write) await writeResults({ machine, benchmarks, measurements, findings, targets, effort });
