/**
 * `profile`: how long a call and each of its kernels take. A kernel is timed as a program of its own over the buffers of
 * all, in the order of the call, so that it finds what the kernels before it left, in memory and in the caches.
 */
import { type Expr, topologicalOrder } from '../core/expr.js';
import type { TypedArray } from '../core/dtype.js';
import { hasControl, launchesByKernel, type Program } from '../lower/program.js';
import { evaluateNode } from '../ops/evaluate.js';
import type { HostArray } from '../core/array.js';
import { lookUp } from '../core/maps.js';
import type { Backend } from './backend.js';
import { HostSteps } from './host-steps.js';
import { kernelProgram } from './kernel-program.js';
import { makeReport } from './inspect.js';
import type { ChromeTrace, KernelReport, Profile, TraceEvent } from './report.js';
import { homeOf, hostBackend } from './registry.js';
import { computesText, fromText, sharesText, tableText } from './report-text.js';
import { Runner, type UpdateTarget } from './runner.js';
import { profiles, type Snapshot } from './snapshot.js';
import { Storage } from './storage.js';
import { digits, median, spread, Trial } from './trial.js';

/** One kernel, once. */
interface Sample {
  readonly kernel: number;
  readonly startMs: number;
  readonly ms: number;
}

/** A time is to be so many steps of the clock long, or the kernel is repeated. */
const CLOCK_STEPS = 20;
const MOST_REPEATS = 1024;
/** What devices tell of their own clocks may have steps of 0.1 ms. */
const DEVICE_MS = 1;

/** The shortest step of the clock, in milliseconds: 5 µs to 100 µs in a page. */
function clockStep(): number {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    least = Math.min(least, now - start);
  }
  return least;
}

/** Times `runs` calls of the snapshot on its backend. */
export async function profile(snapshot: Snapshot, runs: number): Promise<Profile> {
  const { graph, backend, values } = snapshot;
  const trial = new Trial(graph, backend, values);
  const { program } = trial;
  const whole: number[] = [];
  try {
    // The first call allocates, and finds code that no engine has optimised yet.
    await trial.call();
    for (let i = 0; i < runs; i++) whole.push(await trial.call());
  } finally {
    trial.dispose();
  }
  const samples = backend.interprets
    ? interpreted(program, values, runs)
    : await measured(program, backend, values, runs);
  const { kernels: reports } = makeReport({ ...snapshot, program, history: [], source: () => backend.emit(program) });
  const kernels = program.kernels.map(({ name }, i) => {
    const times = samples.filter(({ kernel }) => kernel === i).map(({ ms }) => ms);
    return { name, medianMs: median(times), spreadMs: spread(times) };
  });
  const made: Profile = {
    runs,
    backend: backend.name,
    medianMs: median(whole),
    spreadMs: spread(whole),
    kernels,
    toTrace: () => traceOf(program, backend, samples, reports),
    toString: () => textOf(program, made, reports),
  };
  profiles.set(graph, made);
  return made;
}

/** Times the kernels of `program`, `runs` times all of them. */
async function measured(
  program: Program,
  backend: Backend,
  values: readonly TypedArray[],
  runs: number,
): Promise<Sample[]> {
  const memory = new Map<number, UpdateTarget>();
  program.parameters.forEach((id, i) => {
    const storage = Storage.from(homeOf(program, id, backend), program.buffers[id]!.dtype, values[i]!, 'variable');
    memory.set(id, { storage });
  });
  for (const { output, parameter, inPlace } of program.updates)
    if (inPlace) memory.set(program.outputs[output]!, lookUp(memory, program.parameters[parameter]!));
  const holder = (id: number): UpdateTarget => {
    const { dtype, size } = program.buffers[id]!;
    if (!memory.has(id)) {
      const home = homeOf(program, id, backend);
      memory.set(id, { storage: Storage.allocate(home, dtype, size, 'variable') });
    }
    return lookUp(memory, id);
  };
  // What the host gives to the kernels is the same in each run.
  const host = program.buffers.map(({ id, home }) =>
    home === 'host' ? holder(id).storage.bufferOn(hostBackend(), 'variable') : undefined,
  );
  HostSteps.of(program)?.run(host);
  const parts = program.kernels.map((_, i) => {
    const part = kernelProgram(program, program.kernels[i]!);
    const parameters = part.parameters.map((id) => holder(id));
    const targets = part.updates.map(({ parameter }) => parameters[parameter]!);
    return { runner: new Runner(backend, part), storages: parameters.map(({ storage }) => storage), targets };
  });
  const time = async ({ runner, storages, targets }: (typeof parts)[number], repeats: number): Promise<number> => {
    const runAll = (): void => {
      for (let i = 0; i < repeats; i++) runner.run(storages, targets);
    };
    if (backend.timed !== undefined) return backend.timed(runAll);
    const start = performance.now();
    runAll();
    if (!backend.synchronous) await targets[0]?.storage.read();
    return performance.now() - start;
  };
  try {
    const enough = backend.timed === undefined ? CLOCK_STEPS * clockStep() : DEVICE_MS;
    const repeats: number[] = [];
    for (const part of parts) {
      await time(part, 1);
      let count = 1;
      while (count < MOST_REPEATS && (await time(part, count)) < enough) count *= 2;
      repeats.push(count);
    }
    const samples: Sample[] = [];
    for (let run = 0; run < runs; run++)
      for (const [kernel, part] of parts.entries()) {
        const startMs = performance.now();
        samples.push({ kernel, startMs, ms: (await time(part, repeats[kernel]!)) / repeats[kernel]! });
      }
    return samples;
  } finally {
    for (const { runner } of parts) runner.dispose();
    for (const { storage } of new Set(memory.values())) storage.dispose();
  }
}

/** Times of the interpreter, which runs the graph: a node's goes to the first kernel that stands for it, in equal parts to its launches. */
function interpreted(program: Program, values: readonly TypedArray[], runs: number): Sample[] {
  const { graph, kernels } = program;
  const launches = launchesByKernel(program);
  const kernelOf = new Map<Expr, number>();
  kernels.forEach(({ segments }, i) => {
    for (const { node } of segments.flatMap(({ origins }) => origins))
      if (node !== undefined && !kernelOf.has(node)) kernelOf.set(node, i);
  });
  const order = topologicalOrder(graph.outputs);
  const samples: Sample[] = [];
  for (let run = 0; run < runs; run++) {
    const known = new Map<Expr, HostArray>(
      graph.parameters.map((each, i) => [each, { dtype: each.dtype, shape: each.shape, data: values[i]! }]),
    );
    const times = kernels.map(() => 0);
    const begin = performance.now();
    for (const node of order) {
      if (known.has(node)) continue;
      const inputs = node.inputs.map((input) => lookUp(known, input));
      const start = performance.now();
      known.set(node, evaluateNode(node, inputs));
      const kernel = kernelOf.get(node);
      if (kernel !== undefined) times[kernel]! += performance.now() - start;
    }
    let startMs = begin;
    times.forEach((ms, kernel) => {
      samples.push({ kernel, startMs, ms: ms / launches.get(kernels[kernel]!)! });
      startMs += ms;
    });
  }
  return samples;
}

function traceOf(
  program: Program,
  backend: Backend,
  samples: readonly Sample[],
  reports: readonly KernelReport[],
): ChromeTrace {
  const named = (name: string, text: string): TraceEvent => ({ name, ph: 'M', pid: 1, tid: 1, args: { name: text } });
  const trace: ChromeTrace = {
    traceEvents: [
      named('process_name', `${program.name} on ${backend.name}`),
      named('thread_name', 'kernels'),
      ...samples.map(({ kernel, startMs, ms }): TraceEvent => {
        const { name, flops, bytesRead, bytesWritten, from, launches } = reports[kernel]!;
        const computes = computesText(program.kernels[kernel]!);
        const args = { computes, from: fromText(from), flops, bytesRead, bytesWritten, launches };
        const ts = (startMs - samples[0]!.startMs) * 1000;
        return { name, cat: 'kernel', ph: 'X', ts, dur: ms * 1000, pid: 1, tid: 1, args };
      }),
    ],
    displayTimeUnit: 'ms',
  };
  Object.defineProperty(trace, 'toString', { value: () => JSON.stringify(trace) });
  return trace;
}

function textOf(
  program: Program,
  { runs, backend, medianMs, spreadMs, kernels }: Profile,
  reports: readonly KernelReport[],
): string {
  const loops = hasControl(program);
  const shares = sharesText(
    reports,
    kernels.map((kernel) => kernel.medianMs),
  );
  const rows = kernels.map((kernel, i) => {
    const { flops, bytesRead, bytesWritten, from, launches } = reports[i]!;
    const rate = (amount: number): string => digits(amount / (kernel.medianMs * 1e6));
    return [
      kernel.name,
      computesText(program.kernels[i]!),
      fromText(from),
      digits(kernel.medianMs),
      `±${digits(kernel.spreadMs / 2)}`,
      ...(loops ? [String(launches)] : []),
      shares[i]!,
      rate(flops),
      rate(bytesRead + bytesWritten),
    ];
  });
  const columns = ['kernel', 'computes', 'from', 'ms', '', ...(loops ? ['launches'] : []), 'share', 'GFLOP/s', 'GB/s'];
  return [
    `${program.name} on ${backend}: ${digits(medianMs)} ms a call (±${digits(spreadMs / 2)}), median of ${runs}`,
    '',
    tableText(columns, rows, (column) => column >= 3),
  ].join('\n');
}
