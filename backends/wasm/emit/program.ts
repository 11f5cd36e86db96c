/**
 * Program → one WebAssembly module with one exported `run(table)`: a function for each distinct segment, called in order.
 * Addresses are not in the code: `table` holds those of each call's operands, so one module serves any buffers.
 */
import type { BufferId, Segment } from '../../../src/compile/kernel.js';
import type { Program } from '../../../src/compile/program.js';
import { ContractionKit, serialFork } from '../contraction/kit.js';
import type { FunctionBody, FunctionReference } from '../body.js';
import { ModuleBuilder } from '../encoder.js';
import { MAXIMUM_PAGES } from '../memory.js';
import { printFunctions } from '../wat.js';
import { contractionScratch, emitContractionSegment, layoutOf, type ContractionLayout } from './contraction.js';
import { Helpers } from './helpers.js';
import { emitSegment, segmentKey, type Split } from './segment.js';

/** One call of a segment's function: where its operands' addresses stand in the table. */
export interface SegmentCall {
  /** Bytes from the table's start. */
  readonly offset: number;
  readonly operands: readonly BufferId[];
  /** Bytes of scratch memory for so many threads; its address stands after those of the operands. */
  readonly scratchBytes: ((threads: number) => number) | undefined;
}

/** What a module needs to run: the shape of its table. */
export interface TableLayout {
  readonly bytes: number;
  readonly calls: readonly SegmentCall[];
}

/** A module before it is encoded, and its table. */
export interface EmittedProgram {
  readonly module: ModuleBuilder;
  readonly table: TableLayout;
  /** WAT of the functions that each kernel calls. */
  readonly printKernels: () => string[];
}

/** Whether any loop of the segment runs. */
const isEmpty = (segment: Segment): boolean => segment.axes.includes(0);

/** A segment's function, and the arguments beyond its operands. */
interface Emitted {
  readonly bodies: readonly FunctionBody[];
  readonly reference: FunctionReference;
  readonly split: Split;
  readonly layout: ContractionLayout | undefined;
}

/** Emits the module of `program`; `shared` says whether its memory is shared among threads. */
export function emitProgram(program: Program, shared: boolean): EmittedProgram {
  const module = new ModuleBuilder();
  module.importMemory({ module: 'env', field: 'memory', minimum: 1, maximum: MAXIMUM_PAGES, shared });
  const helpers = new Helpers(module);
  const kit = new ContractionKit(module, serialFork, (f) => void f.i32(0));
  const functions = new Map<string, Emitted>();
  const functionOf = (segment: Segment): Emitted => {
    const key = segmentKey(segment);
    let found = functions.get(key);
    if (found === undefined) {
      const first = module.functions.length;
      const layout = layoutOf(segment);
      const name = `s${functions.size}_${segment.kind}`;
      const whole: Split = { axis: undefined, extent: 1, grain: 1 };
      const { reference, split } =
        layout === undefined
          ? emitSegment(module, helpers, segment, name)
          : { reference: emitContractionSegment(kit, helpers, segment, layout, name), split: whole };
      found = { bodies: module.functions.slice(first), reference, split, layout };
      functions.set(key, found);
    }
    return found;
  };

  const calls: SegmentCall[] = [];
  let bytes = 0;
  const emitted = program.kernels.map((kernel) => {
    const own = kernel.segments
      .filter((segment) => !isEmpty(segment))
      .map((segment) => {
        const code = functionOf(segment);
        const { layout } = code;
        const offset = bytes;
        bytes += 4 * (segment.operands.length + (layout === undefined ? 0 : 1));
        const scratchBytes =
          layout === undefined ? undefined : (threads: number) => contractionScratch(layout, threads);
        calls.push({ offset, operands: segment.operands, scratchBytes });
        const { axis } = code.split;
        return { code, offset, extent: axis === undefined ? 1 : segment.axes[axis]! };
      });
    return { name: kernel.name, own };
  });
  const run = module.function('run', { table: 'i32' }, [], (f, { table }) => {
    for (const { own } of emitted) {
      for (const { code, offset, extent } of own)
        f.get(table).i32(offset).op('i32.add').i32(0).i32(extent).call(code.reference);
    }
  });
  module.export('run', run);
  return {
    module,
    table: { bytes, calls },
    printKernels: () =>
      emitted.map(({ own }) => printFunctions(module, [...new Set(own.flatMap(({ code }) => code.bodies))])),
  };
}
