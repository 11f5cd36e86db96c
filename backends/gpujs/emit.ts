/** Program → kernels of gpu.js: one for each store of each call; calls whose kernels are equal share them. */
import type { LoopFunction } from '../../src/lower/loops.js';
import { type Call, launchesOf, type Program } from '../../src/lower/program.js';
import type { KernelSource } from '../../src/runtime/backend.js';
import { type Kernel, printKernel } from './kernel.js';
import { storesOf } from './slice.js';
import type { Mode } from './target.js';

/** A kernel on buffers of the program: its arguments, then where its results belong. */
export interface Launch {
  readonly kernel: number;
  readonly operands: readonly number[];
  readonly output: number;
}

export interface GpujsSource extends KernelSource {
  readonly code: readonly Kernel[];
  /** The launches of each call, all of which read before any of them writes; in order. */
  readonly calls: readonly (readonly Launch[])[];
}

/** @throws UnsupportedError for what gpu.js cannot express in this mode */
export function emitProgram(program: Program, mode: Mode): GpujsSource {
  const code: Kernel[] = [];
  const names: string[] = [];
  const known = new Map<string, readonly number[]>();
  const kernelsOf = ({ code: number, operands, grid }: Call): readonly number[] => {
    const sizes = operands.map((id) => {
      const { home, size } = program.buffers[id]!;
      return home === 'host' ? undefined : size;
    });
    const key = `${number} ${grid.extent} ${sizes.join()}`;
    let found = known.get(key);
    if (found === undefined) {
      const called: LoopFunction = program.functions[number]!;
      found = storesOf(called.body).map((placed, i) => {
        const kernel = printKernel(called, placed, { extent: grid.extent, sizes, mode });
        const name = `${called.name}_${i}`;
        const others = names.filter((each) => each === name || each.startsWith(`${name}_of`)).length;
        names.push(others === 0 ? name : `${name}_of${kernel.threads}_${others}`);
        return code.push(kernel) - 1;
      });
      known.set(key, found);
    }
    return found;
  };
  const calls: Launch[][] = [];
  const kernels = launchesOf(program).map(({ phases }) => {
    const used = new Set<number>();
    for (const call of phases.flat()) {
      if (call.grid.extent === 0) continue;
      const own = kernelsOf(call).filter((kernel) => code[kernel]!.threads > 0);
      own.forEach((kernel) => used.add(kernel));
      calls.push(
        own.map((kernel) => ({
          kernel,
          operands: code[kernel]!.operands.map((operand) => call.operands[operand]!),
          output: call.operands[code[kernel]!.output]!,
        })),
      );
    }
    return [...used]
      .map((kernel) => {
        const { source, threads } = code[kernel]!;
        return `const ${names[kernel]!} = gpu.createKernel(${source}, { output: [${threads}] });`;
      })
      .join('\n\n');
  });
  const text = launchesOf(program)
    .map(({ kernel: { name } }, i) => `// ${name}\n\n${kernels[i]!}`)
    .join('\n\n');
  return { backend: 'gpujs', program, text, kernels, code, calls };
}
