/**
 * What the phases of a contraction share: the record that they read, how a phase is handed to threads, and functions
 * that are emitted once for a module.
 */
import type { FunctionBody, FunctionReference, Local } from '../body.js';
import type { ModuleBuilder } from '../encoder.js';
import { scale } from '../loops.js';
import type { ContractionShape } from './plan.js';

/** The fields of a context, i32 each, as byte offsets. */
export const CONTEXT = {
  /** Addresses of the operands at this batch entry. */
  left: 0,
  right: 4,
  /** Address of the output at this batch entry, where tiles write it directly. */
  output: 8,
  /** Addresses of the packed operands. */
  packedLeft: 12,
  packedRight: 16,
  /** The rows and columns that are packed. */
  firstRow: 20,
  rows: 24,
  firstColumn: 28,
  columns: 32,
  /** What the epilogue needs to find its operands. */
  arguments: 36,
  batch: 40,
  /** Address of the first thread's block of results. */
  blocks: 44,
  /** All steps of k. */
  steps: 48,
  /** Memory that holds zeros. */
  zeros: 52,
  /** The extent of the outermost reduced axis, where that follows from n. */
  outermost: 56,
  /** Whether the packed right operand is finite, where a tile that reads windows asks. */
  finite: 60,
  /** What the bounds of both operands begin with at this batch entry. */
  leftBounds: 64,
  rightBounds: 96,
  /** The stride of a matrix that is packed, in bytes, where its lanes or its steps are adjacent: that of the others. */
  leftStride: 120,
  rightStride: 124,
} as const;

/** Bytes of a context. */
export const CONTEXT_BYTES = 128;

/** How finished results leave the tiles. */
export type Destination =
  /** Straight into a buffer whose rows are `pitch` bytes apart and whose columns are adjacent. */
  | { readonly kind: 'direct'; readonly pitch: number }
  /**
   * Into a block of `pitch = taskColumns · bytes`, which `epilogue(arguments, batch, block, firstRow, endRow,
   * firstColumn, endColumn)` then reads, with rows and columns of the whole output.
   */
  | { readonly kind: 'epilogue'; readonly epilogue: FunctionReference };

/** Runs `phase(context, 0 … count)`, which takes about so many nanoseconds: in place, or shared out among threads. */
export type Fork = (
  f: FunctionBody,
  phase: FunctionReference,
  context: Local,
  count: Local,
  nanoseconds: number,
) => void;

/** Runs a phase on the calling thread. */
export const serialFork: Fork = (f, phase, context, count) => void f.get(context).i32(0).get(count).call(phase);

/** Estimates, from the speeds that were measured: 2 · 20 flop, or one packed element, a nanosecond. */
export const productNanoseconds = (products: number): number => products / 20;
export const packNanoseconds = (elements: number): number => elements / 2;

/** What the contractions of one module share. */
export class ContractionKit {
  readonly #functions = new Map<string, FunctionReference>();

  constructor(
    readonly module: ModuleBuilder,
    readonly fork: Fork,
    /** Pushes the number of the running thread. */
    readonly pushThread: (f: FunctionBody) => void,
  ) {}

  /** The function that `emit` makes; once for each key. */
  once(key: string, emit: () => FunctionReference): FunctionReference {
    let reference = this.#functions.get(key);
    if (reference === undefined) this.#functions.set(key, (reference = emit()));
    return reference;
  }
}

/** The parameters of a phase: it works on items `from … to`. */
export const PHASE = { context: 'i32', from: 'i32', to: 'i32' } as const;

/** Loads context fields into locals of their names. */
export function loadContext<Fields extends readonly (keyof typeof CONTEXT)[]>(
  f: FunctionBody,
  context: Local,
  ...fields: Fields
): { [K in keyof Fields]: Local } {
  const locals = f.newLocals('i32', ...fields);
  fields.forEach((field, i) => f.get(context).memory('i32.load', CONTEXT[field]).set(locals[i]));
  return locals;
}

/** The extents of a contraction in a phase that packs nothing: those that follow from n are in the context. */
export function phaseExtents(
  f: FunctionBody,
  context: Local,
  { m, n, k, sizes }: ContractionShape,
): { readonly m: Local | number; readonly n: Local | number; readonly k: Local | number } {
  const from = (field: keyof typeof CONTEXT, extent: number, size: unknown): Local | number =>
    size === undefined ? extent : loadContext(f, context, field)[0];
  return { m: from('rows', m, sizes?.m), n: from('columns', n, sizes?.n), k: from('steps', k, sizes?.k) };
}

/**
 * Pushes the address at which a task puts its results: in the output, `pushOffset` bytes on; or the running thread's
 * block of `blockBytes`.
 */
export function pushBlock(
  kit: ContractionKit,
  f: FunctionBody,
  context: Local,
  destination: Destination,
  blockBytes: number,
  pushOffset: () => void,
): void {
  f.get(context).memory('i32.load', destination.kind === 'direct' ? CONTEXT.output : CONTEXT.blocks);
  if (destination.kind === 'direct') pushOffset();
  else {
    kit.pushThread(f);
    scale(f, blockBytes);
  }
  f.op('i32.add');
}

/** Hands the finished block to the epilogue, if there is one; `pushBounds` pushes its rows and columns. */
export function callEpilogue(
  f: FunctionBody,
  context: Local,
  destination: Destination,
  block: Local,
  pushBounds: () => void,
): void {
  if (destination.kind === 'direct') return;
  f.get(context).memory('i32.load', CONTEXT.arguments).get(context).memory('i32.load', CONTEXT.batch).get(block);
  pushBounds();
  f.call(destination.epilogue);
}
