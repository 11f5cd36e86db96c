/**
 * Program → JavaScript: one function for each loop function, one entry that calls them in order on the buffers of a table.
 * Everything that comes from the user stays data: names of buffers and programs never reach the source.
 */
import { sizeText } from '../../src/core/extent.js';
import { type Call, launchesOf, type Program, type Step } from '../../src/lower/program.js';
import type { KernelSource } from '../../src/runtime/backend.js';
import { printFunction } from './function.js';
import { PREAMBLE } from './scalar.js';

/** Lines that one entry holds; more are cut into functions that V8 will still optimise. */
const LINES_PER_FUNCTION = 200;

/** A step as lines, a loop or branch as one with breaks; `depth` loops around it. */
function stepLines(step: Step, callText: (call: Call) => string, depth = 0): string[] {
  const block = (steps: readonly Step[], inner: number): string =>
    steps
      .flatMap((each) => stepLines(each, callText, inner))
      .map((line) => line.replace(/^/gm, '  '))
      .join('\n');
  switch (step.kind) {
    case 'host':
      return [];
    case 'launch':
      return [`// ${step.kernel.name}`, ...step.phases.flat().map(callText)];
    case 'loop': {
      const { turns, reverse, views, steps } = step;
      const body = block(steps, depth + 1);
      if (typeof turns !== 'number')
        return [
          `for (;;) {\n${block(turns.test, depth + 1)}\n  if (b[${turns.predicate}][0] === 0) break;\n${body}\n}`,
        ];
      const turn = `t${depth}`;
      const at = reverse ? `${turns - 1} - ${turn}` : turn;
      const elements = views.map(({ view, of, stride, size }) => {
        const step = sizeText({ extent: stride, size });
        return `  b[${view}] = b[${of}].subarray((${at}) * ${step}, (${at}) * ${step} + ${step});`;
      });
      return [[`for (let ${turn} = 0; ${turn} < ${turns}; ${turn}++) {`, ...elements, body, '}'].join('\n')];
    }
    case 'branch': {
      const cases = step.branches.map((steps, i) => `  case ${i}:\n${block(steps, depth)}\n    break;`);
      const index = `min(max(b[${step.index}][0], 0), ${step.branches.length - 1})`;
      return [`switch (${index}) {\n${cases.join('\n')}\n}`];
    }
  }
}

/** The program as a function body that returns `run(table)`. */
export function emitProgram(program: Program): KernelSource {
  const functions = program.functions.map(printFunction);
  const callText = ({ code, grid, operands }: Call): string => {
    const { name, size } = program.functions[code]!;
    const parameters = [
      0,
      sizeText(grid),
      ...(size === undefined ? [] : ['n']),
      ...operands.map((buffer) => `b[${buffer}]`),
    ];
    return `${name}(${parameters.join(', ')});`;
  };
  const kernels = launchesOf(program).map(({ phases }) => {
    const calls = phases.flat();
    const used = new Set(calls.map(({ code }) => code));
    return [...[...used].map((code) => functions[code]!), ...calls.map(callText)].join('\n');
  });
  const lines = program.steps.flatMap((step) => stepLines(step, callText));
  const parts: string[] = [];
  const table = program.batch === undefined ? 'b' : 'b, n';
  for (let from = 0; from < lines.length; from += LINES_PER_FUNCTION)
    parts.push(
      `function part${parts.length}(${table}) {\n  ${lines.slice(from, from + LINES_PER_FUNCTION).join('\n  ')}\n}`,
    );
  const text = [
    PREAMBLE,
    ...functions,
    ...parts,
    `return function run(${table}) {\n${parts.map((_, i) => `  part${i}(${table});`).join('\n')}\n};`,
  ].join('\n\n');
  return { backend: 'js', program, text, kernels };
}
