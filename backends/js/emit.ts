/**
 * Program → JavaScript: one function for each loop function, one entry that calls them in order on the buffers of a table.
 * Everything that comes from the user stays data: names of buffers and programs never reach the source.
 */
import { launchesOf, type Program } from '../../src/lower/program.js';
import type { KernelSource } from '../../src/runtime/backend.js';
import { printFunction } from './function.js';
import { PREAMBLE } from './scalar.js';

/** Calls one entry makes directly; more are cut into functions that V8 will still optimise. */
const CALLS_PER_FUNCTION = 200;

/** The program as a function body that returns `run(table)`. */
export function emitProgram(program: Program): KernelSource {
  const functions = program.functions.map(printFunction);
  const calls: string[] = [];
  const kernels = launchesOf(program).map(({ kernel, phases }) => {
    const own = phases.flat().map(({ code, grid, operands }) => {
      const { name, size } = program.functions[code]!;
      const extent = grid.size === undefined ? grid.extent : `${grid.size.times} * n + ${grid.size.plus}`;
      const parameters = [0, extent, ...(size === undefined ? [] : ['n']), ...operands.map((buffer) => `b[${buffer}]`)];
      return { code, text: `${name}(${parameters.join(', ')});` };
    });
    calls.push(`// ${kernel.name}`, ...own.map(({ text }) => text));
    const used = new Set(own.map(({ code }) => code));
    return [...[...used].map((code) => functions[code]!), ...own.map(({ text }) => text)].join('\n');
  });
  const parts: string[] = [];
  const table = program.batch === undefined ? 'b' : 'b, n';
  for (let from = 0; from < calls.length; from += CALLS_PER_FUNCTION)
    parts.push(
      `function part${parts.length}(${table}) {\n  ${calls.slice(from, from + CALLS_PER_FUNCTION).join('\n  ')}\n}`,
    );
  const text = [
    PREAMBLE,
    ...functions,
    ...parts,
    `return function run(${table}) {\n${parts.map((_, i) => `  part${i}(${table});`).join('\n')}\n};`,
  ].join('\n\n');
  return { backend: 'js', program, text, kernels };
}
