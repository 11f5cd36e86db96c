/** Kernel[] → steps: each kernel's segments as loop functions, written once for segments that run the same code. */
import type { BufferSpec } from '../compile/buffer-table.js';
import type { ScratchRequest } from '../compile/buffers.js';
import type { SizeForm } from '../core/extent.js';
import type { BufferId, Kernel, Segment } from '../compile/kernel.js';
import type { Work } from '../compile/work.js';
import type { Target } from './target.js';
import { segmentNanoseconds } from './cost.js';
import type { LoopFunction } from './loops.js';
import type { Call, LaunchStep, Step } from './program.js';
import type { LoweredSegment } from './lowered.js';
import { type Kept, keptFactors, writtenAround } from './kept.js';
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
function fillsBuffers(
  { axes, sizes, operands, stores }: Segment,
  specs: readonly BufferSpec[],
  width: number,
): boolean {
  // Elements of a sequence that are no whole vectors begin between them.
  const isWhole = (extent: number, form: SizeForm | undefined): boolean =>
    (form === undefined ? [extent] : [form.times, form.plus]).every((each) => each % width === 0);
  if (operands.some((id) => specs[id]!.role === 'view' && !isWhole(specs[id]!.size, specs[id]!.count))) return false;
  const form = sizes?.[0];
  if (axes.length > 0 && isWhole(axes[0]!, form)) return true;
  return stores.every(({ operand, map }) => {
    const { size, count, role } = specs[operands[operand]!]!;
    // After an element of a sequence comes the next one.
    const isAll =
      role !== 'view' && size === (axes[0] ?? 1) && count?.times === form?.times && count?.plus === form?.plus;
    return map.offset === 0 && map.size === undefined && isAll;
  });
}

/** Lowers `kernels`, whose buffers are `specs` and which run as `work` says. */
export function lower(
  kernels: readonly Kernel[],
  work: readonly Work[],
  specs: readonly BufferSpec[],
  target: Target,
): Lowered {
  const buffers = specs.length;
  const functions: LoopFunction[] = [];
  const scratch: ScratchRequest[] = [];
  const lowered = new Map<string, LoweredSegment & { readonly first: number }>();
  const lowerOnce = (segment: Segment, kept: Kept | undefined): LoweredSegment & { readonly first: number } => {
    const fills = fillsBuffers(segment, specs, target.width);
    const key = segmentKey(segment, target, fills) + (kept === undefined ? '' : JSON.stringify(kept));
    let found = lowered.get(key);
    if (found === undefined) {
      const first = functions.length;
      found = { ...target.lower(segment, target, `s${lowered.size}_${segment.kind}`, { fills, kept }), first };
      functions.push(...found.functions.map(({ code }) => code));
      lowered.set(key, found);
    }
    return found;
  };
  const around = writtenAround(kernels, work, specs);
  const launches = kernels.map((kernel, position): LaunchStep => {
    const phases: Call[][] = [];
    const keeps: BufferId[] = [];
    for (const segment of kernel.segments) {
      if (isEmpty(segment)) continue;
      const kept = target.keepsPacked === true ? keptFactors(segment, around[position], specs) : undefined;
      const { first, functions: own, scratch: needed } = lowerOnce(segment, kept);
      const extra = needed.map((each) => buffers + scratch.push({ ...each, kernel: position }) - 1);
      keeps.push(...extra.filter((_, i) => needed[i]!.isKept));
      const nanoseconds = segmentNanoseconds(segment);
      own.forEach(({ grid }, i) => {
        const extent = grid.extent ?? segment.axes[0]!;
        const size = grid.extent === undefined ? segment.sizes?.[0] : grid.size;
        (phases[i] ??= []).push({
          code: first + i,
          operands: [...segment.operands, ...extra],
          grid: { extent, grain: grid.grain, ...(size === undefined ? {} : { size }) },
          nanoseconds: i === 0 ? nanoseconds : 0,
        });
      });
    }
    return { kind: 'launch', kernel, phases, ...(keeps.length === 0 ? {} : { keeps }) };
  });
  const stepsOf = (list: readonly Work[]): Step[] =>
    list.map((each): Step => {
      switch (each.kind) {
        case 'kernel':
          return launches[each.kernel]!;
        case 'loop': {
          const { turns, reverse, views } = each;
          return {
            kind: 'loop',
            turns: typeof turns === 'number' ? turns : { ...turns, test: stepsOf(turns.test) },
            reverse,
            views,
            steps: stepsOf(each.work),
          };
        }
        case 'branch':
          return { kind: 'branch', index: each.index, branches: each.branches.map(stepsOf) };
      }
    });
  return { functions, steps: stepsOf(work), scratch };
}
