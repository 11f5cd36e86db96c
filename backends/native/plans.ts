/**
 * What calls of a program need (buffers, updates, the layout of its table, the key of its library), kept beside the library
 * under what the traced graph computes, whatever its names. So a later process traces and runs: passes, lowering and printing are made up
 * for only when somebody asks to see them. What they would make depends on the code of this package, so plans are kept by a
 * package that was built, under the digest of its sources.
 */
import { knownNames } from '../../src/compile/buffers.js';
import { graphKey } from '../../src/core/expr.js';
import type { Graph } from '../../src/core/graph.js';
import { isPlainObject } from '../../src/core/options.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import type { Program } from '../../src/lower/program.js';
import type { LibraryCache } from './cache.js';
import type { NativeSource } from './emit/program.js';
import type { NativeTarget } from './target.js';

/** The digest of the sources, which `scripts/bundle.ts` writes in this place. */
declare const LAZULI_SOURCES: string | undefined;
export const SOURCES = typeof LAZULI_SOURCES === 'string' ? LAZULI_SOURCES : undefined;

const PLAN = '.json';

interface Plan {
  readonly library: string;
  readonly shape: Pick<Program, 'buffers' | 'parameters' | 'outputs' | 'updates' | 'arenaBytes' | 'peakBytes'>;
  readonly table: Pick<NativeSource, 'calls' | 'words' | 'parallelNanoseconds'>;
}

const NONE: Plan = {
  library: '',
  shape: { buffers: [], parameters: [], outputs: [], updates: [], arenaBytes: 0, peakBytes: 0 },
  table: { calls: [], words: 0, parallelNanoseconds: 0 },
};

/** Whether it has what `pattern` has, of the same types. */
function isLike(value: unknown, pattern: unknown): boolean {
  if (Array.isArray(pattern)) return Array.isArray(value);
  if (!isPlainObject(pattern)) return typeof value === typeof pattern;
  return isPlainObject(value) && Object.entries(pattern).every(([name, part]) => isLike(value[name], part));
}
const isPlan = (value: unknown): value is Plan => isLike(value, NONE);

/** The plan that is kept as `text`; undefined if that is none. */
function planOf(text: string): Plan | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isPlan(value) ? value : undefined;
}

/** A source that is printed when it is looked at. */
export interface RecalledSource extends NativeSource {
  /** Of its library. */
  readonly key: string;
}

export class Plans {
  /** Graphs that were asked for in vain, and the keys of their plans. */
  readonly #wanted = new WeakMap<Graph, string>();
  readonly #recalled = new WeakMap<Program, RecalledSource>();

  constructor(
    readonly cache: LibraryCache,
    readonly target: NativeTarget,
    /** Part of each key: what else decides a plan. */
    readonly seed: string,
    readonly emit: (program: Program) => NativeSource,
  ) {}

  /** The program of a graph, if its plan is kept. */
  recall(graph: Graph): Program | undefined {
    const { cache, target } = this;
    const key = cache.keyOf(JSON.stringify([this.seed, target.machine, graph.updates, graphKey(graph)]));
    const text = cache.directory.read(key, PLAN);
    const plan = text === undefined ? undefined : planOf(text.toString());
    if (plan === undefined) {
      this.#wanted.set(graph, key);
      return undefined;
    }
    cache.directory.touch(cache.directory.pathOf(key, PLAN));
    const { library, shape, table } = plan;
    const names = knownNames(graph, shape);
    let whole: Program | undefined;
    let printed: NativeSource | undefined;
    const made = (): Program => (whole ??= compileGraph(graph, target));
    const source = (): NativeSource => (printed ??= this.emit(made()));
    const program: Program = {
      name: graph.name,
      target,
      graph,
      ...shape,
      buffers: shape.buffers.map((buffer) => ({ ...buffer, name: names.get(buffer.id) ?? buffer.name })),
      get simplified() {
        return made().simplified;
      },
      get kernels() {
        return made().kernels;
      },
      get functions() {
        return made().functions;
      },
      get steps() {
        return made().steps;
      },
    };
    this.#recalled.set(program, {
      backend: 'native',
      program,
      key: library,
      ...table,
      get text() {
        return source().text;
      },
      get parts() {
        return source().parts;
      },
      get kernels() {
        return source().kernels;
      },
    });
    return program;
  }

  /** The source of a program that was recalled. */
  sourceOf(program: Program): RecalledSource | undefined {
    return this.#recalled.get(program);
  }

  /** Keeps the plan of a program that was asked for and has been compiled now. */
  keep(source: NativeSource): void {
    const { program } = source;
    const key = this.#wanted.get(program.graph);
    if (key === undefined) return;
    this.#wanted.delete(program.graph);
    const { buffers, parameters, outputs, updates, arenaBytes, peakBytes } = program;
    const { text, calls, words, parallelNanoseconds } = source;
    const plan: Plan = {
      library: this.cache.keyOf(text),
      shape: { buffers, parameters, outputs, updates, arenaBytes, peakBytes },
      table: { calls, words, parallelNanoseconds },
    };
    this.cache.directory.keep(key, PLAN, JSON.stringify(plan));
  }
}
