/**
 * The interface that every backend implements. Emission is pure: it needs no device, so a source can be a golden file.
 * A backend is five verbs over opaque buffers and two over programs; everything else is decided before it.
 */
import type { DType, TypedArray } from '../core/dtype.js';
import type { Graph } from '../core/graph.js';
import type { Kernel } from '../compile/kernel.js';
import type { Target } from '../lower/target.js';
import type { Program } from '../lower/program.js';

/** Memory of one tensor on a backend. Backends extend it; nobody else looks inside. */
export interface DeviceBuffer {
  readonly dtype: DType;
  /** Elements. */
  readonly size: number;
}

/** What a buffer is for, so that a backend can choose its place; an `'update'` is the next value of a Variable. */
export type BufferPurpose = 'variable' | 'input' | 'result' | 'update';
/** Whether a buffer must begin as zeros: a result or an update is written before anybody reads it. */
export const isZeroed = (purpose: BufferPurpose): boolean => purpose === 'variable' || purpose === 'input';

/** Text (and bytes) of one program for one backend. */
export interface KernelSource {
  readonly backend: string;
  readonly program: Program;
  /** The whole source: JavaScript, WAT, WGSL. */
  readonly text: string;
  /** The part of each kernel, in the program's order. */
  readonly kernels: readonly string[];
  /** The binary, where that is what runs. */
  readonly bytes?: Uint8Array;
}

/** A compiled program. Backends extend it. */
export interface Executable {
  readonly program: Program;
}

/** How many threads a backend computes on now, and why there is only one, if so. */
export interface ThreadCount {
  readonly count: number;
  readonly reason: string | undefined;
}

/** What a backend prints, which needs no device. */
export type Emitter = Pick<
  Backend,
  'name' | 'target' | 'recall' | 'emit' | 'threads' | 'tiles' | 'threadBytes' | 'disassemble'
>;

/** What runs programs: allocates, compiles, reads and writes. Built in are `reference`, `js` and `wasm`. */
export interface Backend {
  readonly name: string;
  /** Backends of equal `memory` read each other's buffers. */
  readonly memory: string;
  readonly target: Target;
  /** Whether `run` has finished when it returns, and `read` answers at once. */
  readonly synchronous: boolean;
  /** Set where it runs the graph, node by node, and knows no kernels. */
  readonly interprets?: true;
  /** The device on which it runs, as its driver calls it, if that is no thread of this machine. */
  readonly adapter?: string;
  /** The program of a graph, if an earlier process has left what calls need; what else it is made of follows when it is asked for. */
  recall?(graph: Graph): Program | undefined;
  /** The program's source, without a device where it can be shown so; its program may be `program` with other functions. */
  emit(program: Program): KernelSource;
  /** The tiles by which `kernel` multiplies, where they are chosen, and why these; undefined if it multiplies nothing. */
  tiles?(program: Program, kernel: Kernel): string | undefined;
  /** Bytes in which each thread packs what `program` multiplies, beside the program's own memory. */
  threadBytes?(program: Program): number;
  /** What runs it. */
  compile(source: KernelSource): Executable;
  /** Told that the program is not run again, so that what it holds need not wait for the garbage collector. */
  release?(executable: Executable): void;
  /** Zeroed memory for `size` elements; what a `'result'` or an `'update'` holds is unknown until all of it is written. */
  allocate(dtype: DType, size: number, purpose: BufferPurpose): DeviceBuffer;
  /** Gives memory back. */
  free(buffer: DeviceBuffer): void;
  /** Told that `buffer` was a Variable's and now only old handles may read it: it need not stay where it is. */
  loosen?(buffer: DeviceBuffer): void;
  /** Fills memory. */
  write(buffer: DeviceBuffer, data: TypedArray): void;
  /** A fresh, unshared copy of the elements. */
  read(buffer: DeviceBuffer): TypedArray | Promise<TypedArray>;
  /**
   * Runs on `buffers`: one for each parameter and output buffer of the program, by buffer number; an update in place has
   * one twice; and a `HostBuffer` for each number. An UnsupportedError (no memory) comes before anything is written; after any
   * other error what the program writes is unknown. A promise is of a run that is queued: later calls on these buffers wait
   * for it on the device, and it rejects if it is found to have failed. A program for batches of any size runs for `n` rows.
   */
  run(executable: Executable, buffers: readonly DeviceBuffer[], n?: number): void | Promise<void>;
  /** Milliseconds that the device itself takes for the runs that `work` queues; absent where its clock may not be read. */
  timed?(work: () => void): Promise<number>;
  /** What becomes of a source that is compiled to machine code, as text. */
  disassemble?(source: KernelSource): string;
  /** The threads that take part now, the calling one included. A backend without this computes on the calling one. */
  threads?(): ThreadCount;
}
