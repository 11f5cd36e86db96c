/** A program whose kernels gpu.js runs one after another, on arrays of the host. */
import { BackendUnavailableError, InternalError, UnsupportedError } from '../../src/core/errors.js';
import { type TypedArray, viewArray } from '../../src/core/dtype.js';
import { lookUp } from '../../src/core/maps.js';
import type { Program } from '../../src/lower/program.js';
import type { DeviceBuffer, Executable } from '../../src/runtime/backend.js';
import { type HostBuffer, withMemory } from '../../src/runtime/host-memory.js';
import type { GpujsSource, Launch } from './emit.js';
import type { Kernel } from './kernel.js';
import { NOWHERE } from './places.js';
import { EXACT_BELOW, type Mode } from './target.js';

type Argument = TypedArray | number;

/** What is used of gpu.js. */
export interface GpuKernel {
  (...args: Argument[]): Float32Array | Promise<Float32Array>;
  readonly kernel: { readonly constructor: { readonly mode?: string } };
  readonly fallbackReason?: string | null;
  destroy(): void;
}
/** A step that gpu.js recorded as a whole. */
export interface GpuPipeline {
  (...args: Argument[]): Promise<Float32Array[]>;
  /** Where it ran, once it has. */
  readonly backend: string | null;
  readonly fallbackReason: string | null;
  destroy(): Promise<void> | void;
}
export interface Gpu {
  /** All that it has made; in some modes those that are destroyed stay there. */
  readonly kernels: object[];
  createKernel(
    source: string,
    settings: { readonly output: readonly number[]; readonly argumentTypes: readonly string[] },
  ): GpuKernel;
  /** Since gpu.js 2.24. Records the kernels that `step` calls on what stands for the arguments. */
  createPipeline?(step: (...args: Argument[]) => Argument[]): GpuPipeline;
  destroy(): Promise<void> | void;
}

/** Where the elements of a buffer are. */
interface Place {
  array: TypedArray;
}

/** A kernel that gpu.js has made for arrays of certain sizes. */
interface Made {
  readonly run: GpuKernel;
  /** Arguments after the arrays. */
  readonly numbers: readonly number[];
  readonly threads: number;
  readonly places: Int32Array | undefined;
  isChecked: boolean;
}

/** gpu.js takes no arrays without elements. */
const NOTHING = new Float32Array(1);

/** The first integer that is none of f32's exact ones, or undefined. */
const inexact = (values: ArrayLike<number>): number | undefined => {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) < EXACT_BELOW)) return values[i];
  return undefined;
};

/** A step as one pipeline. */
interface Recorded {
  readonly run: GpuPipeline;
  /** Buffers that are its arguments, and those that it gives. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  isChecked: boolean;
}

export class GpujsExecutable implements Executable {
  readonly program: Program;
  readonly #made: (Made | undefined)[] = [];
  /** Undefined until it is asked for, null if there is none. */
  #recorded: Recorded | null | undefined;
  /** Memory of temporaries, by buffer number. */
  readonly #temporaries: Place[] = [];
  readonly #outside: readonly number[];
  /** Buffers that a run reads and writes, numbers aside. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];

  constructor(
    readonly source: GpujsSource,
    readonly gpu: Gpu,
    readonly mode: Mode,
  ) {
    const { program } = source;
    this.program = program;
    const arena = withMemory(`${program.arenaBytes} bytes of temporaries`, () => new ArrayBuffer(program.arenaBytes));
    const isInside = (role: string): boolean => role === 'temporary' || role === 'scratch';
    for (const { id, role, dtype, offset, size } of program.buffers)
      if (isInside(role)) this.#temporaries[id] = { array: viewArray(dtype, arena, offset, size) };
    this.#outside = program.buffers.filter(({ role }) => !isInside(role)).map(({ id }) => id);
    const own = (wanted: string): number[] =>
      program.buffers.filter(({ role, home }) => role === wanted && home !== 'host').map(({ id }) => id);
    this.inputs = own('parameter');
    this.outputs = own('output');
  }

  /** The memory of a run, by buffer number: temporaries, the buffers themselves, and copies of numbers. */
  bind(buffers: readonly DeviceBuffer[]): Place[] {
    const table = [...this.#temporaries];
    for (const id of this.#outside) {
      const buffer = buffers[id] as HostBuffer;
      table[id] = this.program.buffers[id]!.home === 'host' ? { array: buffer.array.slice() } : buffer;
    }
    return table;
  }

  /** @throws UnsupportedError before anything is written, for integers that are not exact */
  #checkInputs(table: readonly Place[]): void {
    for (const id of this.inputs) {
      const { dtype, name } = this.program.buffers[id]!;
      if (dtype === 'i32') this.#checkIntegers(table[id]!.array, name);
    }
  }

  run(table: readonly Place[]): void {
    this.#checkInputs(table);
    for (const call of this.source.calls) {
      const results = call.map((launch) => this.#start(launch, table));
      call.forEach((launch, i) => this.#finish(launch, table, results[i] as Float32Array));
    }
  }

  async runAsync(table: readonly Place[]): Promise<void> {
    this.#checkInputs(table);
    if (this.#recorded === undefined) this.#recorded = this.#record() ?? null;
    if (this.#recorded !== null) return this.#replay(this.#recorded, table);
    for (const call of this.source.calls) {
      const results: Float32Array[] = [];
      for (const launch of call) results.push(await this.#start(launch, table));
      call.forEach((launch, i) => this.#finish(launch, table, results[i]!));
    }
  }

  /**
   * The step as one pipeline of gpu.js, whose arrays stay on the device until it ends; undefined where the host has to look at
   * what a kernel gives: integers, which may not be exact, and elements that belong elsewhere.
   */
  #record(): Recorded | undefined {
    const { buffers } = this.program;
    const { calls, code } = this.source;
    const launches = calls.flat();
    const isWhole = ({ kernel, output }: Launch): boolean =>
      code[kernel]!.places() === undefined &&
      code[kernel]!.threads === buffers[output]!.size &&
      buffers[output]!.dtype !== 'i32';
    if (this.gpu.createPipeline === undefined || launches.length === 0 || !launches.every(isWhole)) return undefined;
    const inputs: number[] = [];
    const written = new Set<number>();
    for (const call of calls) {
      for (const id of call.flatMap(({ operands }) => operands))
        if (!written.has(id) && !inputs.includes(id)) inputs.push(id);
      for (const { output } of call) written.add(output);
    }
    const outputs = this.outputs.filter((id) => written.has(id));
    const step = (...args: Argument[]): Argument[] => {
      const values = new Map(inputs.map((id, i) => [id, args[i]!]));
      for (const call of calls) {
        const results = call.map((launch): [number, Argument] => {
          const { run: kernel, numbers } = this.#madeFor(launch);
          // While it is recorded a kernel gives what stands for its result.
          return [
            launch.output,
            kernel(...launch.operands.map((id) => lookUp(values, id)), ...numbers) as unknown as Argument,
          ];
        });
        for (const [id, result] of results) values.set(id, result);
      }
      return outputs.map((id) => lookUp(values, id));
    };
    // gpu.js asks the function how many arguments there are.
    const run = this.gpu.createPipeline(Object.defineProperty(step, 'length', { value: inputs.length }));
    return { run, inputs, outputs, isChecked: false };
  }

  async #replay(recorded: Recorded, table: readonly Place[]): Promise<void> {
    const { run, inputs, outputs } = recorded;
    const results = await run(...inputs.map((id) => this.#argument(id, table)));
    if (!recorded.isChecked) this.#checkMode(run.backend ?? 'cpu', run.backend === this.mode ? '' : run.fallbackReason);
    recorded.isChecked = true;
    outputs.forEach((id, i) => {
      this.#put(table[id]!, id, results[i]!);
    });
  }

  release(): void {
    void this.#recorded?.run.destroy();
    this.#recorded = undefined;
    for (const made of this.#made) {
      if (made === undefined) continue;
      made.run.destroy();
      const at = this.gpu.kernels.indexOf(made.run.kernel);
      if (at >= 0) this.gpu.kernels.splice(at, 1);
    }
    this.#made.length = 0;
  }

  #make(kernel: Kernel, { operands }: Launch): Made {
    const isNumber = (id: number): boolean => this.program.buffers[id]!.home === 'host';
    const { source, numbers, threads } = kernel;
    const places = kernel.places();
    if (places !== undefined && places.length !== threads)
      throw new InternalError(`${places.length} places for ${threads} threads`);
    const argumentTypes = [
      ...operands.map((id) => (isNumber(id) ? 'Number' : 'Array')),
      ...numbers.map(() => 'Number'),
    ];
    const run = this.gpu.createKernel(source, { output: [threads], argumentTypes });
    return { run, numbers: numbers.map(([, value]) => value), threads, places, isChecked: false };
  }

  #madeFor(launch: Launch): Made {
    return (this.#made[launch.kernel] ??= this.#make(this.source.code[launch.kernel]!, launch));
  }

  #argument(id: number, table: readonly Place[]): Argument {
    const { array } = table[id]!;
    if (this.program.buffers[id]!.home === 'host') return array[0]!;
    return array.length === 0 ? NOTHING : array;
  }

  #start(launch: Launch, table: readonly Place[]): Float32Array | Promise<Float32Array> {
    const made = this.#madeFor(launch);
    const args = launch.operands.map((id) => this.#argument(id, table));
    const result = made.run(...args, ...made.numbers);
    if (made.isChecked) return result;
    const check = (value: Float32Array): Float32Array => {
      this.#check(made, value);
      return value;
    };
    return result instanceof Promise ? result.then(check) : check(result);
  }

  /** gpu.js falls back to another mode without an error. */
  #check(made: Made, result: Float32Array): void {
    this.#checkMode(made.run.kernel.constructor.mode ?? 'cpu', made.run.fallbackReason ?? '');
    if (result.length !== made.threads)
      throw new InternalError(`gpu.js gave ${result.length} elements instead of ${made.threads}`);
    made.isChecked = true;
  }
  #checkMode(mode: string, reason: string | null): void {
    if (mode !== this.mode || (reason ?? '') !== '')
      throw new BackendUnavailableError(
        'GPUJS_FALLBACK',
        `gpu.js ran a kernel of ${this.program.name} in mode '${mode}' instead of '${this.mode}'${(reason ?? '') === '' ? '' : `: ${reason}`}`,
        `Choose another mode of gpujs({ mode }), or run it on 'js' or 'wasm'.`,
      );
  }

  #finish({ kernel, output }: Launch, table: readonly Place[], result: Float32Array): void {
    const { places } = this.#made[kernel]!;
    const place = table[output]!;
    const { array } = place;
    const { dtype, name } = this.program.buffers[output]!;
    // What was written before is not undone: no UnsupportedError any more.
    if (dtype === 'i32') this.#checkIntegers(result, name, BackendUnavailableError);
    if (places !== undefined) {
      for (let i = 0; i < places.length; i++) if (places[i] !== NOWHERE) array[places[i]!] = result[i]!;
    } else this.#put(place, output, result);
  }

  #put(place: Place, id: number, result: Float32Array): void {
    const { dtype } = this.program.buffers[id]!;
    if (dtype === 'f32' && result.length === place.array.length && place !== this.#temporaries[id])
      // gpu.js makes a new array for each result.
      place.array = result;
    else place.array.set(result);
  }

  #checkIntegers(
    values: ArrayLike<number>,
    name: string,
    Kind: typeof UnsupportedError | typeof BackendUnavailableError = UnsupportedError,
  ): void {
    const value = inexact(values);
    if (value === undefined) return;
    throw new Kind(
      'GPUJS_INTEGER',
      `gpu.js in mode '${this.mode}' computes integers in f32, exact below 2²⁴; ${name} holds ${Number.isNaN(value) ? 'a larger one' : value}`,
      `Run it on 'js', 'wasm' or lazuli/webgpu.`,
    );
  }
}
