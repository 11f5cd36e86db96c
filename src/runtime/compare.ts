/** `compare`: one traced program on several backends: how far their results are apart, where first, and how fast each is. */
import type { TypedArray } from '../core/dtype.js';
import { OptionError } from '../core/errors.js';
import { operation, producer } from '../core/expr.js';
import { checkFlag, checkOptions, describeValue } from '../core/options.js';
import type { Backend } from './backend.js';
import { firstParting, type Pair } from './bisect.js';
import type { ComparedBackend, CompareOptions, Comparison, ComparisonData, FirstDiffering } from './comparison.js';
import { barChart, comparisonText } from './compare-text.js';
import { differenceOf } from './difference.js';
import { makeReport } from './inspect.js';
import { provenanceOf } from './provenance.js';
import { type BackendChoice, resolveBackend } from './registry.js';
import type { Snapshot } from './snapshot.js';
import { median, Trial } from './trial.js';

/** A backend that has been set up. */
interface Running {
  readonly choice: BackendChoice;
  readonly trial: Trial;
  readonly firstMs: number;
  readonly outputs: readonly TypedArray[];
  readonly times: number[];
}

/** Names of backends that come with an entry of their own: one that is not imported cannot run. */
const SEPARATE: readonly unknown[] = ['webgpu', 'gpujs', 'native', 'wasm'];

/** @throws OptionError for a name that no backend has. */
function backendOf(choice: BackendChoice): Backend {
  try {
    return resolveBackend(choice);
  } catch (error) {
    if (SEPARATE.includes(choice)) throw new NotRunning(messageOf(error), { cause: error });
    throw error;
  }
}

class NotRunning extends Error {}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function whereOf(backend: Backend): string {
  if (backend.adapter !== undefined) return backend.adapter;
  const count = backend.threads?.().count ?? 1;
  return `${count} ${count === 1 ? 'thread' : 'threads'}`;
}

function checkCount(option: string, value: unknown, least: number): number {
  if (typeof value === 'number' && value >= least && (option === 'tolerance' || Number.isInteger(value))) return value;
  throw new OptionError(
    'OPTION_RANGE',
    `compare got ${option} = ${describeValue(value)}`,
    `${option} is ${option === 'tolerance' ? 'a number of ulp' : 'a whole number'} from ${least}.`,
  );
}

const failed = (name: string, where = '', error: unknown): ComparedBackend => ({
  name,
  where,
  error: messageOf(error),
  firstMs: NaN,
  medianMs: NaN,
  launches: 0,
  bytesMoved: 0,
  outputs: [],
  maxUlp: NaN,
  firstDiffering: null,
});

/** Compares the backends on the snapshot. */
export async function compareSnapshot(snapshot: Snapshot, options: CompareOptions): Promise<Comparison> {
  checkOptions('compare', options, ['backends', 'tolerance', 'repeats', 'bisect']);
  const { backends = ['reference', 'js', 'wasm'] } = options;
  if (!Array.isArray(backends) || backends.length === 0)
    throw new OptionError(
      'OPTION_RANGE',
      `compare got backends = ${describeValue(backends)}`,
      'Name one or more, in an array.',
    );
  const tolerance = checkCount('tolerance', options.tolerance ?? 0, 0);
  const repeats = checkCount('repeats', options.repeats ?? 5, 1);
  const bisect = checkFlag('compare', 'bisect', options.bisect ?? false);
  const { graph, values } = snapshot;

  const begin = async (choice: BackendChoice): Promise<Running | ComparedBackend> => {
    let backend: Backend | undefined;
    try {
      backend = backendOf(choice);
      const start = performance.now();
      const trial = new Trial(graph, backend, values);
      await trial.call();
      const firstMs = performance.now() - start;
      return { choice, trial, firstMs, outputs: await trial.outputs(), times: [] };
    } catch (error) {
      if (backend === undefined && !(error instanceof NotRunning)) throw error;
      return failed(typeof choice === 'string' ? choice : choice.name, backend && whereOf(backend), error);
    }
  };
  const begun: (Running | ComparedBackend)[] = [];
  // One after another: they share the machine.
  for (const choice of backends as readonly BackendChoice[]) begun.push(await begin(choice));
  const running = begun.filter((each) => 'trial' in each);
  const yardstick = running[0];
  const rows: ComparedBackend[] = [];
  try {
    // In turns, so that whatever else the machine does meets all of them.
    for (let i = 0; i < repeats; i++) for (const { trial, times } of running) times.push(await trial.call());
  } finally {
    for (const { trial } of running) trial.dispose();
  }
  for (const each of begun) {
    if (!('trial' in each)) {
      rows.push(each);
      continue;
    }
    const { trial, firstMs, outputs: got, times } = each;
    const { backend, program } = trial;
    const outputs = graph.outputs.map(({ dtype }, i) => {
      const { maxAbs, maxRel, maxUlp } = differenceOf(dtype, yardstick!.outputs[i]!, got[i]!);
      return { path: graph.outputNames[i]!, maxAbs, maxRel, maxUlp };
    });
    const first = outputs.findIndex(({ maxUlp }) => maxUlp > tolerance);
    const pair: Pair = { graph, values, backends: [yardstick!.trial.backend, backend], tolerance };
    const report = makeReport({ ...snapshot, program, history: [], source: () => backend.emit(program) });
    rows.push({
      name: backend.name,
      where: whereOf(backend),
      firstMs,
      medianMs: median(times),
      launches: report.launches,
      bytesMoved: report.kernels.reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0),
      outputs,
      maxUlp: outputs.reduce((most, { maxUlp }) => Math.max(most, maxUlp), 0),
      firstDiffering: first < 0 ? null : await firstDiffering(snapshot, pair, first, outputs[first]!.maxUlp, bisect),
    });
  }
  const data: ComparisonData = { name: graph.name, tolerance, backends: rows };
  return {
    ...data,
    toString: () => comparisonText(data),
    toJSON: () => ({ version: 1, ...data }),
    toSVG: () => barChart(data),
  };
}

async function firstDiffering(
  snapshot: Snapshot,
  pair: Pair,
  output: number,
  outputUlp: number,
  bisect: boolean,
): Promise<FirstDiffering> {
  const last = pair.graph.outputs[output]!;
  const { node, ulp } = (await firstParting(pair, last)) ?? { node: last, ulp: outputUlp };
  const { path, location } = provenanceOf(snapshot)(node);
  const found = { op: operation(producer(node)), path, location, ulp };
  if (!bisect) return found;
  const { reproduce } = await import('./reproduce.js');
  return { ...found, script: await reproduce(pair, node, found) };
}
