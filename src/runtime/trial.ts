/** A graph run on one backend over copies of its parameters, call by call: what `compare` and `profile` measure. */
import type { TypedArray } from '../core/dtype.js';
import type { Graph } from '../core/graph.js';
import { compileGraph } from '../lower/pipeline.js';
import type { Program } from '../lower/program.js';
import type { Backend } from './backend.js';
import { homeOf } from './registry.js';
import { checkDTypes, Runner, type UpdateTarget } from './runner.js';
import { Storage } from './storage.js';

export class Trial {
  readonly program: Program;
  readonly #runner: Runner;
  /** By parameter; what a call updates stays there for the next one. */
  readonly #parameters: UpdateTarget[];
  readonly #targets: UpdateTarget[];
  #results: readonly (Storage | undefined)[] = [];

  /** @throws UnsupportedError `DTYPE_UNSUPPORTED`, and what the backend throws. */
  constructor(
    readonly graph: Graph,
    readonly backend: Backend,
    values: readonly TypedArray[],
    program?: Program,
  ) {
    if (program === undefined) checkDTypes(graph, backend);
    this.program = program ?? compileGraph(graph, backend.target);
    this.#runner = new Runner(backend, this.program);
    const written = new Set(this.program.updates.map(({ parameter }) => parameter));
    this.#parameters = graph.parameters.map(({ dtype }, i) => ({
      storage: Storage.from(
        homeOf(this.program, this.program.parameters[i]!, backend),
        dtype,
        values[i]!,
        written.has(i) ? 'variable' : 'input',
      ),
    }));
    this.#targets = this.program.updates.map(({ parameter }) => this.#parameters[parameter]!);
  }

  /** One call, to its end. Resolves to the milliseconds that it took. */
  async call(): Promise<number> {
    for (const storage of new Set(this.#results)) storage?.dispose();
    const parameters = this.#parameters.map(({ storage }) => storage);
    const start = performance.now();
    this.#results = this.#runner.run(parameters, this.#targets);
    // Queues run in order: what is read now comes after all of it.
    if (!this.backend.synchronous) await this.#smallest()?.read();
    return performance.now() - start;
  }

  /** The elements of each output of the last call. */
  outputs(): Promise<TypedArray[]> {
    return Promise.all(this.graph.outputs.map((_, i) => this.#output(i).read()));
  }

  #output(index: number): Storage {
    const update = this.program.updates.findIndex(({ output }) => output === index);
    return update < 0 ? this.#results[index]! : this.#targets[update]!.storage;
  }

  #smallest(): Storage | undefined {
    const { outputs } = this.graph;
    const sizes = outputs.map(({ aval }) => aval.size);
    return outputs.length === 0 ? undefined : this.#output(sizes.indexOf(Math.min(...sizes)));
  }

  /** Gives its memory back. */
  dispose(): void {
    for (const storage of new Set([...this.#results, ...this.#parameters.map((each) => each.storage)]))
      storage?.dispose();
    this.#runner.dispose();
  }
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between which bounds the middle half lies. */
export const spread = (values: readonly number[]): number => quantile(values, 0.75) - quantile(values, 0.25);

function quantile(values: readonly number[], at: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = at * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  return below + (sorted[Math.ceil(place)]! - below) * (place % 1);
}

/** Three digits. */
export const digits = (x: number): string => (Number.isFinite(x) ? String(Number(x.toPrecision(3))) : '–');
