/** Factors of contractions in loops that are the same in every turn: what a tile packs of them may stay packed. */
import type { BufferSpec } from '../compile/buffer-table.js';
import { type BufferId, type Kernel, kernelWrites, type Segment } from '../compile/kernel.js';
import { partsOf, type Work } from '../compile/work.js';

/** By kernel: the buffers that the innermost loop around it writes; nothing for kernels that stand in no loop. */
export function writtenAround(
  kernels: readonly Kernel[],
  work: readonly Work[],
  specs: readonly BufferSpec[],
): (ReadonlySet<BufferId> | undefined)[] {
  const around: (ReadonlySet<BufferId> | undefined)[] = kernels.map(() => undefined);
  const run = (list: readonly Work[], loop: Set<BufferId> | undefined): void => {
    for (const each of list) {
      if (each.kind === 'kernel') {
        around[each.kernel] = loop;
        for (let id of kernelWrites(kernels[each.kernel]!)) {
          loop?.add(id);
          for (let of = specs[id]!.of; of !== undefined; of = specs[id]!.of) loop?.add((id = of));
        }
        continue;
      }
      const own = each.kind === 'loop' ? new Set<BufferId>() : loop;
      for (const part of partsOf(each)) run(part, own);
      if (own !== loop) for (const id of own!) loop?.add(id);
    }
  };
  run(work, undefined);
  return around;
}

/** Which factors of a contraction no turn changes. */
export interface Kept {
  readonly lhs: boolean;
  readonly rhs: boolean;
}

/** Which factors of `segment`, in a loop that writes these buffers, are the same in every turn; undefined if none is. */
export function keptFactors(
  { contraction, body, operands }: Segment,
  written: ReadonlySet<BufferId> | undefined,
  specs: readonly BufferSpec[],
): Kept | undefined {
  if (contraction === undefined || written === undefined) return undefined;
  const isKept = (factor: number): boolean => {
    const load = body[factor]!;
    if (load.kind !== 'load') return false;
    const id = operands[load.operand]!;
    return specs[id]!.role !== 'view' && !written.has(id);
  };
  const kept = { lhs: isKept(contraction.lhs), rhs: isKept(contraction.rhs) };
  return kept.lhs || kept.rhs ? kept : undefined;
}
