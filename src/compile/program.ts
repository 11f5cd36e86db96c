/**
 * Program: kernels in order and the buffers that they use, with lifetimes and places in one arena.
 * It is one unit for a backend: one source, one entry, one call.
 */
import { bytesPerElement, type DType } from '../core/dtype.js';
import type { Graph, GraphUpdate } from '../core/graph.js';
import { type BufferId, type Kernel, printKernel } from './kernel.js';

/** Where a buffer's memory comes from. */
export type BufferRole = 'parameter' | 'output' | 'temporary';

/** Contiguous row-major elements. */
export interface Buffer {
  readonly id: BufferId;
  readonly name: string;
  readonly dtype: DType;
  /** Elements. */
  readonly size: number;
  readonly role: BufferRole;
  /** Byte offset in the arena; only of a temporary. */
  readonly offset: number;
  /** First and last kernel that touches it; parameters live from −1, outputs to the end. */
  readonly firstUse: number;
  readonly lastUse: number;
}

/** An output that is the new value of a parameter. */
export interface Update extends GraphUpdate {
  /** Whether both may be one memory: the only kernel that reads the parameter late enough reads it at the written element. */
  readonly inPlace: boolean;
}

export interface Program {
  readonly name: string;
  /** What the program computes, before simplification: the interpreter runs this. */
  readonly graph: Graph;
  /** The graph that was fused. */
  readonly simplified: Graph;
  readonly kernels: readonly Kernel[];
  readonly buffers: readonly Buffer[];
  /** Buffer of each graph parameter. */
  readonly parameters: readonly BufferId[];
  /** Buffer of each graph output; outputs that are one value share it. */
  readonly outputs: readonly BufferId[];
  readonly updates: readonly Update[];
  /** Bytes of the arena of temporaries. */
  readonly arenaBytes: number;
  /** Bytes of parameters, outputs (less those in place) and arena together. */
  readonly peakBytes: number;
}

/** Bytes that a buffer takes. */
export const bufferBytes = (buffer: Buffer): number => buffer.size * bytesPerElement(buffer.dtype);

/** The program as text: buffers, kernels, updates. */
export function printProgram(program: Program): string {
  const name = (id: BufferId): string => program.buffers[id]!.name;
  const buffers = program.buffers.map((buffer) => {
    const place =
      buffer.role === 'temporary'
        ? `arena+${buffer.offset}, kernels ${buffer.firstUse}–${buffer.lastUse}`
        : buffer.role;
    return `  ${name(buffer.id)}: ${buffer.dtype} × ${buffer.size} (${place})`;
  });
  const updates = program.updates.map(
    ({ output, parameter, inPlace }) =>
      `  ${name(program.parameters[parameter]!)} ← ${name(program.outputs[output]!)} (${inPlace ? 'in place' : 'ping-pong'})`,
  );
  return [
    `program ${JSON.stringify(program.name)}: ${program.kernels.length} ${program.kernels.length === 1 ? 'kernel' : 'kernels'}, arena ${program.arenaBytes} bytes, peak ${program.peakBytes} bytes`,
    'buffers',
    ...buffers,
    ...program.kernels.map((kernel) => printKernel(kernel, name)),
    ...(updates.length > 0 ? ['updates', ...updates] : []),
  ].join('\n');
}
