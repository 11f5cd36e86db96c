/** The options of `jit`, and what they say of its arguments: which are part of the program, donated, or have rows. */
import { OptionError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
import type { TreeDef } from '../core/tree.js';
import { type BackendChoice, resolveBackend } from '../runtime/registry.js';
import { type BatchOptions, checkBatchOptions } from './batch.js';

/** How a function is compiled. */
export interface JitOptions<S extends readonly number[] = readonly number[]> {
  /** What it runs on; the default backend at the time of the call unless given. */
  readonly backend?: BackendChoice;
  /** Arguments whose memory the program may take; their handles cannot be used again. */
  readonly donate?: readonly number[];
  /** Arguments that are part of the program: strings, booleans, functions, numbers that choose shapes. Compared by `Object.is`. */
  readonly static?: S;
  /** Shown in reports; the function's name unless given. */
  readonly name?: string;
  /**
   * Arguments whose leading axis varies from call to call without a new program; one extent for all of their leaves. The
   * function is recorded at three sizes: its extents must be multiples of the number of rows, and it must not choose by it.
   */
  readonly batch?: BatchOptions;
}

const isPosition = (index: unknown): boolean => Number.isInteger(index) && (index as number) >= 0;

/** @throws OptionError `UNKNOWN_OPTION`, `JIT_OPTIONS`, `DONATE_STATIC`, `BATCH_OPTIONS`, `UNKNOWN_BACKEND` */
export function checkJitOptions(fn: { readonly name: string }, options: JitOptions): void {
  checkOptions('jit', options, ['backend', 'donate', 'static', 'name', 'batch']);
  const refuse = (key: 'donate' | 'static' | 'name', remedy: string): never => {
    throw new OptionError('JIT_OPTIONS', `jit got ${key}: ${describeValue(options[key])}`, remedy);
  };
  for (const key of ['donate', 'static'] as const) {
    const positions: unknown = options[key];
    if (positions !== undefined && !(Array.isArray(positions) && positions.every(isPosition)))
      refuse(key, 'Name arguments by their positions, from 0, in an array.');
  }
  if (options.name !== undefined && typeof options.name !== 'string') refuse('name', 'A name is a string.');
  const isStatic = (index: number): boolean => options.static?.includes(index) === true;
  const both = options.donate?.find(isStatic);
  if (both !== undefined)
    throw new OptionError(
      'DONATE_STATIC',
      `argument ${both} of ${nameOf(fn, options)} is static and donated`,
      'Donate arguments that hold tensors.',
    );
  if (options.backend !== undefined) resolveBackend(options.backend);
  if (options.batch !== undefined) checkBatchOptions(options.batch, isStatic);
}

/** What the function is called in reports and messages. */
export const nameOf = (fn: { readonly name: string }, options: JitOptions): string =>
  options.name ?? (fn.name || 'function');

/** Arguments apart: what trees of leaves are made of, and what belongs to the program. */
export interface SplitArguments {
  readonly dynamic: readonly unknown[];
  readonly statics: readonly unknown[];
}

/** How the arguments of a function are told apart, joined again and named. */
export interface ArgumentLayout {
  readonly split: (args: readonly unknown[]) => SplitArguments;
  readonly join: (args: SplitArguments) => unknown[];
  /** `[0].weight`, by the place among the arguments that are not static, as `arg1.weight`. */
  readonly nameOf: (path: string) => string;
  /** The position of the i-th static argument. */
  readonly positionOf: (i: number) => number;
  /** Numbers of the leaves of arguments at these positions. */
  readonly leavesAt: (treedef: TreeDef, positions: readonly number[] | undefined) => Set<number>;
}

/** The layout in which the arguments at the positions `fixed` are static. */
export function argumentLayout(fixed: readonly number[] = []): ArgumentLayout {
  const isStatic = (index: number): boolean => fixed.includes(index);
  return {
    positionOf: (i) => [...new Set(fixed)].sort((a, b) => a - b)[i]!,
    split: (args) =>
      fixed.length === 0
        ? { dynamic: args, statics: [] }
        : { dynamic: args.filter((_, i) => !isStatic(i)), statics: args.filter((_, i) => isStatic(i)) },
    join({ dynamic, statics }) {
      let [next, nextStatic] = [0, 0];
      const count = dynamic.length + statics.length;
      return Array.from({ length: count }, (_, i) => (isStatic(i) ? statics[nextStatic++] : dynamic[next++]));
    },
    nameOf: (path) =>
      path.replace(/^\[(\d+)\]/, (_, place: string) => {
        let position = 0;
        for (let before = Number(place); isStatic(position) || before-- > 0; position++);
        return `arg${position}`;
      }),
    leavesAt(treedef, positions = []) {
      const found = new Set<number>();
      let [leaf, position] = [0, 0];
      for (const child of treedef.children) {
        while (isStatic(position)) position++;
        for (let i = 0; i < child.size; i++, leaf++) if (positions.includes(position)) found.add(leaf);
        position++;
      }
      return found;
    },
  };
}

/** The paths of the leaves, in their order. */
export function pathsOf(treedef: TreeDef): string[] {
  const paths: string[] = [];
  treedef.collectPaths('', paths);
  return paths;
}
