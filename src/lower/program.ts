/**
 * Program: steps in order and the buffers that they use, with lifetimes and places in one arena.
 * It is one unit for a backend: one source, one entry, one call.
 */
import { type Graph, printGraph } from '../core/graph.js';
import { formatSizeForm } from '../core/extent.js';
import type { Buffer } from '../compile/buffers.js';
import type { GraphFamily } from '../compile/family.js';
import { type BufferId, type Kernel, printKernel } from '../compile/kernel.js';
import type { Update } from '../compile/schedule.js';
import type { View } from '../compile/work.js';
import type { Target } from './target.js';
import type { LoopFunction } from './loops.js';
import type { Grid } from './lowered.js';

/** One call of a function: what it works on, and the indices of its grid axis, all of which must run. */
export interface Call {
  /** Number of the function. */
  readonly code: number;
  readonly operands: readonly BufferId[];
  readonly grid: Grid;
  /** About how long it takes one thread. */
  readonly nanoseconds: number;
}

/** A program that runs for any number of rows n up to `capacity`, which its buffers are planned for. */
export interface Batch {
  readonly family: GraphFamily;
  readonly capacity: number;
  /** The sizes whose stages were compared, and their graphs as they were fused: a program's other graphs are those of the first. */
  readonly sizes: readonly number[];
  readonly simplified: readonly Graph[];
}

/** Calls that may run at once, in any order. */
export type Phase = readonly Call[];

/** Runs one kernel, phase by phase. */
export interface LaunchStep {
  readonly kind: 'launch';
  readonly kernel: Kernel;
  readonly phases: readonly Phase[];
  /** Scratch memory that stays from turn to turn of the innermost loop around, before which its first word becomes 0. */
  readonly keeps?: readonly BufferId[];
}

/** The host computes scalars, before the launches that follow it: see `compile/host.ts`. */
export interface HostStep {
  readonly kind: 'host';
  readonly graph: Graph;
  /** Buffers of its parameters and outputs. */
  readonly parameters: readonly BufferId[];
  readonly outputs: readonly BufferId[];
}

/** Runs `steps` in each turn; before a turn, each view is the element of its sequence. */
export interface LoopStep {
  readonly kind: 'loop';
  /** The number of turns; or the bool scalar that `test` writes before each of them. */
  readonly turns: number | { readonly test: readonly Step[]; readonly predicate: BufferId };
  /** Whether views begin with the last element. */
  readonly reverse: boolean;
  readonly views: readonly View[];
  readonly steps: readonly Step[];
}

/** Runs one of `branches`: that which the i32 scalar `index` names, clamped to those that there are. */
export interface BranchStep {
  readonly kind: 'branch';
  readonly index: BufferId;
  readonly branches: readonly (readonly Step[])[];
}

export type Step = LaunchStep | HostStep | LoopStep | BranchStep;

/** The lists of steps that a step holds. */
const stepsIn = (step: Step): readonly Step[] =>
  step.kind === 'loop'
    ? [...(typeof step.turns === 'number' ? [] : step.turns.test), ...step.steps]
    : step.kind === 'branch'
      ? step.branches.flat()
      : [];

/** The launches of a program, each once however often it runs, in the order of its kernels. */
export const launchesOf = ({ steps }: { readonly steps: readonly Step[] }): LaunchStep[] =>
  steps.flatMap((step) => (step.kind === 'launch' ? [step] : launchesOf({ steps: stepsIn(step) })));
/** Buffers whose addresses loops and branches read by themselves, beside what they launch. */
export const addressesOf = (steps: readonly Step[]): BufferId[] =>
  steps.flatMap((step): BufferId[] => {
    switch (step.kind) {
      case 'host':
      case 'launch':
        return [];
      case 'loop': {
        const { turns, views } = step;
        const test = typeof turns === 'number' ? [] : [turns.predicate, ...addressesOf(turns.test)];
        return [...views.map(({ of }) => of), ...test, ...addressesOf(step.steps)];
      }
      case 'branch':
        return [step.index, ...step.branches.flatMap(addressesOf)];
      default:
        return step satisfies never;
    }
  });
/** How often a call launches kernels: loops of unknown length count once, of branches the longest. */
export const countLaunches = (steps: readonly Step[]): number =>
  steps.reduce((sum, step) => {
    switch (step.kind) {
      case 'host':
        return sum;
      case 'launch':
        return sum + 1;
      case 'branch':
        return sum + Math.max(...step.branches.map(countLaunches));
      case 'loop': {
        const { turns } = step;
        const own = countLaunches(step.steps);
        return sum + (typeof turns === 'number' ? turns * own : own + countLaunches(turns.test));
      }
    }
  }, 0);
/**
 * How often a call launches each kernel, by kernel: loops of unknown length count once, and every branch as if it were taken.
 * A kernel that is in no step is missing.
 */
export function launchesByKernel(
  { steps }: { readonly steps: readonly Step[] },
  turns = 1,
  counts = new Map<Kernel, number>(),
): Map<Kernel, number> {
  for (const step of steps)
    if (step.kind === 'launch') counts.set(step.kernel, (counts.get(step.kernel) ?? 0) + turns);
    else {
      const inside = step.kind === 'loop' && typeof step.turns === 'number' ? turns * step.turns : turns;
      launchesByKernel({ steps: stepsIn(step) }, inside, counts);
    }
  return counts;
}
export const hostStepsOf = ({ steps }: Pick<Program, 'steps'>): HostStep[] =>
  steps.filter((step) => step.kind === 'host');

export interface Program {
  readonly name: string;
  readonly target: Target;
  /** What the program computes, before simplification: the interpreter runs this. */
  readonly graph: Graph;
  /** The graph that was fused. */
  readonly simplified: Graph;
  /** Of a program for batches of any size. */
  readonly batch?: Batch;
  /** What the steps launch, before it was lowered. */
  readonly kernels: readonly Kernel[];
  readonly steps: readonly Step[];
  readonly functions: readonly LoopFunction[];
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

const printHostStep = ({ graph, parameters, outputs }: HostStep, name: (id: BufferId) => string): string =>
  `host (${parameters.map(name).join(', ')}) → ${outputs.map(name).join(', ')}\n${printGraph(graph).replace(/^/gm, '  ')}`;

/** Loops and branches as lines: which kernels run how often. */
export function stepLines(steps: readonly Step[], name: (id: BufferId) => string): string[] {
  const inside = (list: readonly Step[]): string[] => stepLines(list, name).map((line) => `  ${line}`);
  return steps.flatMap((step): string[] => {
    switch (step.kind) {
      case 'host':
        return [];
      case 'launch':
        return [step.kernel.name];
      case 'loop': {
        const { turns, reverse, views } = step;
        const elements = views.map(({ view, of }) => `${name(view)} of ${name(of)}`);
        const test = typeof turns === 'number' ? [] : inside(turns.test);
        const head = typeof turns === 'number' ? `loop of ${turns} turns` : `while ${name(turns.predicate)}`;
        return [
          `${head}${reverse ? ', from the last' : ''}${elements.length > 0 ? `: ${elements.join(', ')}` : ''}`,
          ...test,
          ...inside(step.steps),
        ];
      }
      case 'branch':
        return step.branches.flatMap((branch, i) => [`if ${name(step.index)} is ${i}`, ...inside(branch)]);
    }
  });
}
/** The buffers that have memory of their own: all but views. */
export const memoriesOf = ({ buffers }: Pick<Program, 'buffers'>): Buffer[] =>
  buffers.filter(({ role }) => role !== 'view');
/** Whether a program is more than kernels in a row. */
export const hasControl = ({ steps }: Pick<Program, 'steps'>): boolean =>
  steps.some(({ kind }) => kind === 'loop' || kind === 'branch');

/** The program as text: buffers, steps, updates. */
export function printProgram(program: Program): string {
  const name = (id: BufferId): string => program.buffers[id]!.name;
  const buffers = program.buffers.map((buffer) => {
    const place =
      buffer.role === 'temporary' || buffer.role === 'scratch'
        ? `arena+${buffer.offset}, kernels ${buffer.firstUse}–${buffer.lastUse}`
        : buffer.home === 'host' && buffer.role !== 'number'
          ? `${buffer.role}, on the host`
          : buffer.of === undefined
            ? buffer.role
            : `view of ${name(buffer.of)}`;
    const count = buffer.count === undefined ? buffer.size : formatSizeForm(buffer.count);
    return `  ${name(buffer.id)}: ${buffer.dtype} × ${count} (${place})`;
  });
  const updates = program.updates.map(
    ({ output, parameter, inPlace }) =>
      `  ${name(program.parameters[parameter]!)} ← ${name(program.outputs[output]!)} (${inPlace ? 'in place' : 'ping-pong'})`,
  );
  return [
    `program ${JSON.stringify(program.name)}: ${program.kernels.length} ${program.kernels.length === 1 ? 'kernel' : 'kernels'}, arena ${program.arenaBytes} bytes, peak ${program.peakBytes} bytes`,
    'buffers',
    ...buffers,
    ...hostStepsOf(program).map((step) => printHostStep(step, name)),
    ...program.kernels.map((kernel) => printKernel(kernel, name)),
    ...(hasControl(program) ? ['steps', ...stepLines(program.steps, name).map((line) => `  ${line}`)] : []),
    ...(updates.length > 0 ? ['updates', ...updates] : []),
  ].join('\n');
}
