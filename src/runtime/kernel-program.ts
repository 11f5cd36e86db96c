/** Part of a program as a program of its own, for those who time it. */
import type { Buffer } from '../compile/buffers.js';
import { type Kernel, kernelWrites } from '../compile/kernel.js';
import { launchesOf, type LaunchStep, type Program } from '../lower/program.js';

/** The buffer as one that a call brings; a view is one element in memory of its own. */
function outside({ of: _, ...buffer }: Buffer): Buffer {
  return { ...buffer, role: 'parameter' };
}

/** Kernel alone, by `steps`; every buffer that it touches comes from outside, and what it writes is updated in place. */
export function kernelProgram(
  program: Program,
  kernel: Kernel,
  steps: readonly LaunchStep[] = launchesOf(program).filter((step) => step.kernel === kernel),
): Program {
  const touched = new Set(steps.flatMap(({ phases }) => phases.flat().flatMap(({ operands }) => operands)));
  const parameters = [...touched];
  const outputs = kernelWrites(kernel).filter((id) => touched.has(id));
  return {
    ...program,
    kernels: [kernel],
    steps,
    parameters,
    outputs,
    updates: outputs.map((id, output) => ({ output, parameter: parameters.indexOf(id), inPlace: true })),
    buffers: program.buffers.map((buffer) =>
      touched.has(buffer.id) ? outside(buffer) : { ...buffer, role: 'temporary', home: 'device', size: 0, offset: 0 },
    ),
    arenaBytes: 0,
  };
}
