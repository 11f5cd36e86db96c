/**
 * Program → JavaScript: one function for each distinct segment, one entry that calls them in order on the buffers of a
 * table. Everything that comes from the user stays data: names of buffers and programs never reach the source.
 */
import { arrayName, type DType } from '../../src/core/dtype.js';
import type { Segment } from '../../src/compile/kernel.js';
import type { Program } from '../../src/compile/program.js';
import type { KernelSource } from '../../src/runtime/backend.js';
import { scratchName } from './contraction.js';
import { PREAMBLE } from './scalar.js';
import { emitSegment, totalArrays } from './segment.js';

/** Calls one entry makes directly; more are cut into functions that V8 will still optimise. */
const CALLS_PER_FUNCTION = 200;

const isEmpty = (segment: Segment): boolean => segment.axes.includes(0);

/** The program as a function body that returns `run(table)`. */
export function emitProgram(program: Program): KernelSource {
  const functions = new Map<string, { name: string; source: string }>();
  const arrays = new Map<string, { dtype: DType; length: number }>();
  const declare = (name: string, dtype: DType, length: number): void =>
    void arrays.set(name, { dtype, length: Math.max(length, arrays.get(name)?.length ?? 0) });
  const functionOf = (segment: Segment): { name: string; source: string } => {
    let found = functions.get(segment.signature);
    if (found === undefined) {
      const name = `s${functions.size}`;
      found = { name, source: emitSegment(segment, name) };
      functions.set(segment.signature, found);
      for (const array of totalArrays(segment)) declare(array.name, array.dtype, array.length);
      if (segment.contraction !== undefined) {
        const { dtype } = segment.reductions[0]!;
        declare(scratchName(dtype), dtype, 0);
      }
    }
    return found;
  };
  const calls: string[] = [];
  const kernels = program.kernels.map((kernel) => {
    const used = new Map<string, string>();
    const own: string[] = [];
    for (const segment of kernel.segments) {
      if (isEmpty(segment)) continue;
      const { name, source } = functionOf(segment);
      used.set(name, source);
      own.push(
        `${name}(${[...segment.axes, ...segment.reduceAxes, ...segment.operands.map((buffer) => `b[${buffer}]`)].join(', ')});`,
      );
    }
    calls.push(`// ${kernel.name}`, ...own);
    return [...used.values(), ...own].join('\n');
  });
  const parts: string[] = [];
  for (let from = 0; from < calls.length; from += CALLS_PER_FUNCTION)
    parts.push(`function part${parts.length}(b) {\n  ${calls.slice(from, from + CALLS_PER_FUNCTION).join('\n  ')}\n}`);
  const text = [
    PREAMBLE +
      [...arrays].map(([name, { dtype, length }]) => `let ${name} = new ${arrayName(dtype)}(${length});`).join('\n'),
    ...[...functions.values()].map(({ source }) => source),
    ...parts,
    `return function run(b) {\n${parts.map((_, i) => `  part${i}(b);`).join('\n')}\n};`,
  ].join('\n\n');
  return { backend: 'js', program, text, kernels };
}
