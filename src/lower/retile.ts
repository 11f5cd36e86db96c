/** A program whose contractions have other tiles: the same kernels, buffers and calls, with other functions. */
import type { Kernel, Segment } from '../compile/kernel.js';
import type { Call, LaunchStep, Program, Step } from './program.js';
import { launchesOf } from './program.js';
import type { LoweredFunction } from './lowered.js';
import type { ContractionShape, Target, TileOf } from './target.js';
import { contractionShape, whyNotInTiles } from './tiles.js';

/** A contraction in tiles that a program calls: the function that computes it, and a call of that. */
export interface TiledCode {
  readonly code: number;
  readonly kernel: Kernel;
  readonly segment: Segment;
  readonly shape: ContractionShape;
  readonly call: Call;
}

/** The contractions of a launch that have tiles. */
function tiledIn({ kernel, phases }: LaunchStep): TiledCode[] {
  const segments = kernel.segments.filter(({ axes }) => !axes.includes(0));
  return segments.flatMap((segment, i) =>
    segment.kind === 'contraction' && whyNotInTiles(segment) === undefined
      ? [{ kernel, segment, shape: contractionShape(segment), call: phases[0]![i]!, code: phases[0]![i]!.code }]
      : [],
  );
}

/** The contractions of a program that have tiles, each function once. */
export const tiledCodes = (program: Program): TiledCode[] => [
  ...new Map(launchesOf(program).flatMap((launch) => tiledIn(launch).map((each) => [each.code, each]))).values(),
];
/** Those of one kernel. */
export const tiledCodesOf = (program: Program, kernel: Kernel): TiledCode[] =>
  launchesOf(program).flatMap((launch) => (launch.kernel === kernel ? tiledIn(launch) : []));

/** The function of a contraction in tiles that `tileOf` gives. */
export function lowerInTiles({ segment }: TiledCode, target: Target, name: string, tileOf: TileOf): LoweredFunction {
  const { workers } = target;
  const tiled: Target = workers.kind === 'workgroups' ? { ...target, workers: { ...workers, tileOf } } : target;
  return target.lower(segment, tiled, name).functions[0]!;
}

/** The program with the tiles that `tileOf` gives. */
export function retile(program: Program, tileOf: TileOf): Program {
  const found = new Map<number, LoweredFunction>();
  for (const each of tiledCodes(program))
    if (tileOf(each.shape) !== undefined)
      found.set(each.code, lowerInTiles(each, program.target, program.functions[each.code]!.name, tileOf));
  if (found.size === 0) return program;
  const inCall = (call: Call): Call => {
    const own = found.get(call.code);
    return own === undefined ? call : { ...call, grid: { ...own.grid, extent: own.grid.extent! } };
  };
  const inSteps = (steps: readonly Step[]): Step[] =>
    steps.map((step): Step => {
      switch (step.kind) {
        case 'host':
          return step;
        case 'launch':
          return { ...step, phases: step.phases.map((phase) => phase.map(inCall)) };
        case 'loop': {
          const { turns } = step;
          const own = typeof turns === 'number' ? turns : { ...turns, test: inSteps(turns.test) };
          return { ...step, turns: own, steps: inSteps(step.steps) };
        }
        case 'branch':
          return { ...step, branches: step.branches.map(inSteps) };
      }
    });
  return {
    ...program,
    functions: program.functions.map((code, i) => found.get(i)?.code ?? code),
    steps: inSteps(program.steps),
  };
}
