/** Kernel[] → steps: each kernel's segments as loop functions, written once for segments that run the same code. */
import type { ScratchRequest } from '../compile/buffers.js';
import type { Kernel, Segment } from '../compile/kernel.js';
import type { Target } from './target.js';
import { segmentNanoseconds } from './cost.js';
import type { LoopFunction } from './loops.js';
import type { Call, Step } from './program.js';
import type { LoweredSegment } from './lowered.js';
import { segmentKey } from './segment.js';

export interface Lowered {
  readonly functions: readonly LoopFunction[];
  readonly steps: readonly Step[];
  /** Scratch memory, whose buffers are numbered from `buffers` on. */
  readonly scratch: readonly ScratchRequest[];
}

/** Whether any loop of the segment runs. */
const isEmpty = (segment: Segment): boolean => segment.axes.includes(0);

/** Whether what the segment stores along its only axis is whole vectors, or all of a buffer; without an axis, all of a scalar. */
const fillsBuffers = ({ axes, operands, stores }: Segment, sizes: readonly number[], width: number): boolean =>
  (axes.length > 0 && axes[0]! % width === 0) ||
  stores.every(({ operand, map }) => map.offset === 0 && sizes[operands[operand]!] === (axes[0] ?? 1));

/** Lowers `kernels`, whose buffers have these sizes. */
export function lower(kernels: readonly Kernel[], sizes: readonly number[], target: Target): Lowered {
  const buffers = sizes.length;
  const functions: LoopFunction[] = [];
  const scratch: ScratchRequest[] = [];
  const lowered = new Map<string, LoweredSegment & { readonly first: number }>();
  const lowerOnce = (segment: Segment): LoweredSegment & { readonly first: number } => {
    const fills = fillsBuffers(segment, sizes, target.width);
    const key = segmentKey(segment, target, fills);
    let found = lowered.get(key);
    if (found === undefined) {
      const first = functions.length;
      found = { ...target.lower(segment, target, `s${lowered.size}_${segment.kind}`, fills), first };
      functions.push(...found.functions.map(({ code }) => code));
      lowered.set(key, found);
    }
    return found;
  };
  const steps = kernels.map((kernel, position): Step => {
    const phases: Call[][] = [];
    for (const segment of kernel.segments) {
      if (isEmpty(segment)) continue;
      const { first, functions: own, scratch: needed } = lowerOnce(segment);
      const extra = needed.map((each) => buffers + scratch.push({ ...each, kernel: position }) - 1);
      const nanoseconds = segmentNanoseconds(segment);
      own.forEach(({ grid }, i) => {
        const extent = grid.extent ?? segment.axes[0]!;
        (phases[i] ??= []).push({
          code: first + i,
          operands: [...segment.operands, ...extra],
          grid: { ...grid, extent },
          nanoseconds: i === 0 ? nanoseconds : 0,
        });
      });
    }
    return { kind: 'launch', kernel, phases };
  });
  return { functions, steps, scratch };
}
