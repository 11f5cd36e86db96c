/**
 * The native backend that all tests of a file share, and many programs at once: the compiler starts once for all of them.
 * LAZULI_REQUIRE_NATIVE makes a compiler that is missing a failure; elsewhere these suites are skipped, by name.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { native, type NativeBackend, type NativeOptions } from 'lazuli/native';
import { beforeAll, describe } from 'vitest';
import { TUNING } from '../../backends/native/backend.js';
import type { HostArray } from '../../src/core/array.js';
import type { Graph } from '../../src/core/graph.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import type { Backend } from '../../src/runtime/backend.js';
import { Runner } from '../../src/runtime/runner.js';
import { Storage } from '../../src/runtime/storage.js';
import { difference } from '../support/bits.js';
import { THOROUGH } from '../support/runs.js';

export const IS_REQUIRED = process.env.LAZULI_REQUIRE_NATIVE !== undefined;

/** Compiled programs of this run; gone with it. */
export const DIRECTORY = mkdtempSync(join(tmpdir(), 'lazuli-native-'));
process.on('exit', () => rmSync(DIRECTORY, { recursive: true, force: true }));

/** Three threads share everything, cut as small as may be; unless all is tried, the compiler spends no time on speed. */
const OPTIONS = {
  cacheDirectory: DIRECTORY,
  threads: 3,
  flags: THOROUGH ? [] : ['-O0'],
  [TUNING]: { smallTasks: true },
} as NativeOptions;

async function open(): Promise<{ readonly backend: NativeBackend | undefined; readonly reason: string }> {
  try {
    return { backend: await native(OPTIONS), reason: '' };
  } catch (error) {
    if (IS_REQUIRED) throw error;
    return { backend: undefined, reason: error instanceof Error ? error.message : String(error) };
  }
}
const opened = await open();

/** The shared backend; only for tests inside {@link describeOnNative}. */
export const cpu = opened.backend!;

/** A suite that needs a compiler; it begins with the three threads that another file may have taken away. */
export function describeOnNative(name: string, body: () => void): void {
  if (opened.backend === undefined) console.warn(`skipped: ${name} (${opened.reason})`);
  describe.skipIf(opened.backend === undefined)(name, () => {
    beforeAll(() => cpu.setThreads(3));
    body();
  });
}

export interface Case {
  readonly name: string;
  readonly graph: Graph;
  readonly inputs: readonly HostArray[];
}

/** What each case gives on the backend, all compiled together. */
export function runCases(cases: readonly Case[]): HostArray[][] {
  const programs = cases.map(({ graph }) => compileGraph(graph, cpu.target));
  const sources = programs.map((program) => cpu.emit(program));
  const executables = cpu.compileAll(sources);
  return cases.map(({ graph, inputs }, i) => {
    const backend: Backend = {
      ...cpu,
      emit: () => sources[i]!,
      compile: () => executables[i]!,
      release: () => undefined,
    };
    const results = new Runner(backend, programs[i]!).run(
      inputs.map(({ dtype, data }) => Storage.from(cpu, dtype, data, 'input')),
    );
    return graph.outputs.map(({ dtype, shape }, output) => ({ dtype, shape, data: results[output]!.readSync() }));
  });
}

/** The cases whose bits are not those of the interpreter. */
export function failures(cases: readonly Case[]): string[] {
  const got = runCases(cases);
  return cases.flatMap(({ name, graph, inputs }, i) =>
    evaluateGraph(graph, inputs).flatMap((want, output) => {
      const found = difference(got[i]![output]!, want);
      return found === undefined ? [] : [`${name}, output ${output}: ${found}`];
    }),
  );
}
