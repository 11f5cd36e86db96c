/** What a program does, in order: kernels, and lists of work that run again and again, or instead of each other. */
import type { SizeForm } from '../core/extent.js';
import type { BufferId } from './kernel.js';

/** Launches kernel number `kernel`. */
export interface KernelWork {
  readonly kind: 'kernel';
  readonly kernel: number;
}

/** An element of a sequence along its first axis: the buffer `view` is that of the turn, in the memory of `of`. */
export interface View {
  readonly view: BufferId;
  readonly of: BufferId;
  /** Elements from one turn to the next; where that follows from the size of a batch, what it is at most. */
  readonly stride: number;
  readonly size?: SizeForm;
}

export interface LoopWork {
  readonly kind: 'loop';
  /** The number of turns; or the bool scalar that `test` writes before each of them. */
  readonly turns: number | { readonly test: readonly Work[]; readonly predicate: BufferId };
  /** Whether views begin with the last element. */
  readonly reverse: boolean;
  readonly views: readonly View[];
  readonly work: readonly Work[];
  /** Buffers whose values are gone when a turn ends. */
  readonly locals: ReadonlySet<BufferId>;
}

export interface BranchWork {
  readonly kind: 'branch';
  /** The i32 scalar that chooses; out of range, the first or last one. */
  readonly index: BufferId;
  readonly branches: readonly (readonly Work[])[];
}

export type Work = KernelWork | LoopWork | BranchWork;

/** The same with other numbers of kernels and buffers. */
export function renumber(
  work: readonly Work[],
  kernel: (number: number) => number,
  buffer: (id: BufferId) => BufferId = (id) => id,
): Work[] {
  const all = (list: readonly Work[]): Work[] => renumber(list, kernel, buffer);
  return work.map((each): Work => {
    switch (each.kind) {
      case 'kernel':
        return { kind: 'kernel', kernel: kernel(each.kernel) };
      case 'loop':
        return {
          ...each,
          turns:
            typeof each.turns === 'number'
              ? each.turns
              : { test: all(each.turns.test), predicate: buffer(each.turns.predicate) },
          views: each.views.map((each) => ({ ...each, view: buffer(each.view), of: buffer(each.of) })),
          work: all(each.work),
          locals: new Set([...each.locals].map(buffer)),
        };
      case 'branch':
        return { ...each, index: buffer(each.index), branches: each.branches.map(all) };
    }
  });
}

/** All lists that a piece of work holds. */
export const partsOf = (work: Work): readonly (readonly Work[])[] =>
  work.kind === 'branch'
    ? work.branches
    : work.kind === 'loop'
      ? [...(typeof work.turns === 'number' ? [] : [work.turns.test]), work.work]
      : [];
