/**
 * What native prints, which needs no compiler; and what compilers make of it, for each machine that one is here for.
 * `UPDATE_GOLDENS=1` writes the goldens anew.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conv2d, scan, softmax, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { emitter } from '../../backends/native/backend.js';
import { emitProgram, headOf, joinSources, type NativeSource } from '../../backends/native/emit/program.js';
import { MACHINES, type MachineName } from '../../backends/native/machines.js';
import { nativeTarget } from '../../backends/native/target.js';
import { SEMANTICS } from '../../backends/native/toolchain.js';
import type { HostArray } from '../../src/core/array.js';
import { bytesPerElement, viewArray } from '../../src/core/dtype.js';
import type { Graph } from '../../src/core/graph.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import { noise } from '../support/arrays.js';
import { difference } from '../support/bits.js';
import { tracedGraph } from '../support/graphs.js';
import { casesOf } from '../support/runs.js';
import { DIRECTORY, IS_REQUIRED } from './support.js';

interface Program {
  readonly inputs: HostArray[];
  readonly f: (...x: Tensor[]) => readonly Tensor[];
}
const PROGRAMS: Record<string, Program> = {
  adadelta: {
    inputs: [1, 2, 3, 4].map((seed) => noise('f32', [37], seed)),
    f: (x, g, s, d) => {
      const [rho, epsilon] = [0.95, 1e-6];
      const square = s
        .abs()
        .mul(rho)
        .add(g.mul(1 - rho).mul(g));
      const u = d.abs().add(epsilon).div(square.add(epsilon)).sqrt().mul(g);
      return [x.sub(u), square, d.mul(rho).add(u.mul(1 - rho).mul(u))];
    },
  },
  softmax: { inputs: [noise('f32', [3, 37])], f: (x) => [softmax(x, -1)] },
  contraction: {
    inputs: [noise('f32', [14, 150]), noise('f32', [150, 70]), noise('f32', [70])],
    f: (x, w, b) => [x.matmul(w).add(b).relu()],
  },
  convolution: {
    inputs: [noise('f32', [2, 6, 7, 3]), noise('f32', [3, 3, 3, 9])],
    f: (x, w) => [conv2d(x, w, { padding: 'same', strides: 2 })],
  },
};
/** More of what C leaves undefined or has no operator for. */
const MORE: Record<string, Program> = {
  floats: {
    inputs: [noise('f32', [37]), noise('f64', [37], 2)],
    f: (x, y) =>
      [x, y].flatMap((v) => [
        v.exp().floor().add(v.tanh().ceil()),
        v.abs().log().round().maximum(v.sin().trunc()),
        v.cast('i32').add(1),
        v.mod(3).minimum(0).cast('u32'),
      ]),
  },
  integers: {
    inputs: [noise('i32', [37]), noise('u32', [37], 2)],
    f: (x, y) => [x.floorDivide(7).add(x.mod(-5)), y.rightShift(3).cast('f32'), x.greater(0).logicalAnd(x.less(9))],
  },
  // Of what is left of the last axis.
  narrow: {
    inputs: [noise('f32', [5, 14]), noise('f64', [5, 14], 2), noise('i32', [5, 14], 3)],
    f: (x, y, z) => [x.transpose().add(z.transpose()).tanh(), y.transpose().mul(2), z.transpose().greater(0), x.sum(0)],
  },
  loop: {
    inputs: [noise('f32', [3, 20]), noise('f32', [20])],
    f: (xs, h) =>
      scan((carry: Tensor, x: Tensor) => [carry.add(x).sin(), carry.sum()] as const, h, xs, { reverse: true }),
  },
};
const ALL = { ...PROGRAMS, ...MORE };

const graphOf = ({ inputs, f }: Program): Graph => tracedGraph(inputs, f);
const emitted = (machine: MachineName, program: Program): NativeSource =>
  emitProgram(compileGraph(graphOf(program), nativeTarget(machine)), { forkFrom: 0, smallTasks: false });

function expectGolden(name: string, text: string): void {
  const file = fileURLToPath(new URL(`goldens/${name}.c`, import.meta.url));
  if (process.env.UPDATE_GOLDENS === '1') writeFileSync(file, text);
  if (!existsSync(file)) expect.fail(`there is no golden ${file}; make it with UPDATE_GOLDENS=1`);
  expect(text, 'refresh with UPDATE_GOLDENS=1').toBe(readFileSync(file, 'utf8'));
}

describe('goldens', () => {
  test('what sources begin with', () => {
    const parts = Object.values(ALL).flatMap((program) => emitted('avx2', program).parts);
    expectGolden('head.avx2', `${headOf(parts, 8, false)}\n`);
  });

  test('a report tells tiles, and which operands they read where they lie', () => {
    const tiles = (f: Program['f'], ...shapes: (readonly number[])[]): (string | undefined)[] => {
      const inputs = shapes.map((shape) => noise('f32', shape));
      const program = compileGraph(graphOf({ inputs, f }), nativeTarget('avx512'));
      return program.kernels.map((kernel) => emitter(nativeTarget('avx512'), {}).tiles!(program, kernel));
    };
    expect(tiles((a, b) => [a.matmul(b)], [100, 784], [784, 500])).toEqual([
      '10 × 32, rows where they lie, columns where they lie',
    ]);
    expect(tiles((a, b) => [a.matmul(b)], [512, 512], [512, 512])[0]).toMatch(/^12 × 32.*columns packed$/);
    expect(tiles((x, w) => [conv2d(x, w)], [2, 12, 12, 6], [5, 5, 6, 16])).toEqual([
      '24 × 16, windows where they lie, columns where they lie',
    ]);
    expect(tiles((x, w) => [conv2d(x, w, { padding: 'same' })], [2, 12, 12, 6], [5, 5, 6, 16])[0]).toMatch(
      /^24 × 16, windows of copies with zeros around/,
    );
    expect(tiles((x) => [x.mul(2)], [4, 4])).toEqual([undefined]);
  });

  test('contractions share functions of equal text, which the report of each of their kernels shows', () => {
    const source = emitted('avx512', {
      inputs: [noise('f32', [14, 150]), noise('f32', [70, 150], 2), noise('f32', [90, 150], 3)],
      f: (x, v, w) => [x.matmul(v.transpose()), x.matmul(w.transpose()).relu()],
    });
    const defined = [...source.text.matchAll(/^KERNEL (\w+)(\(.*?^\})/gms)].map(([, name, text]) => ({ name, text }));
    for (const what of ['pack_right', 'transpose', 'tile7x2'])
      expect(defined.filter(({ name }) => name!.endsWith(what)).map(({ name }) => name)).toEqual([
        `s0_contraction_${what}`,
      ]);
    expect(new Set(defined.map(({ text }) => text)).size).toBe(defined.length);
    expect(source.kernels).toHaveLength(2);
    for (const kernel of source.kernels) expect(kernel).toContain('KERNEL s0_contraction_transpose(');
  });

  test('halves of a vector are used where whole ones do not fit', () => {
    const widths = (machine: MachineName, extent: number): string[] => {
      const x = noise('f32', [extent, 9]);
      const { parts } = emitted(machine, { inputs: [x], f: (each) => [each.transpose().mul(2)] });
      return [...new Set(parts.join().match(/f32u_\d+/g))].sort();
    };
    expect(widths('avx512', 3)).toEqual([]);
    expect(widths('avx512', 6)).toEqual(['f32u_4']);
    expect(widths('avx512', 16)).toEqual(['f32u_16']);
    expect(widths('avx512', 28)).toEqual(['f32u_16', 'f32u_4', 'f32u_8']);
    expect(widths('avx2', 12)).toEqual(['f32u_4', 'f32u_8']);
    expect(widths('neon', 6)).toEqual(['f32u_4']);
  });

  test.each([...Object.keys(PROGRAMS).map((name) => [name, 'avx2'] as const), ['contraction', 'neon'] as const])(
    '%s for %s',
    (name, machine) => {
      const { text, parts } = emitted(machine, PROGRAMS[name]!);
      const head = headOf(parts, MACHINES[machine].width, false);
      const body = `${parts.join('\n\n')}\n`;
      expect(text).toBe(`${head}\n\n${body}`);
      const helpers = [...head.matchAll(/^static inline.* (\w+)\(/gm)].map(([, helper]) => helper);
      expectGolden(`${name}.${machine}`, `// Calls ${helpers.join(', ')}.\n\n${body}`);
    },
  );
});

const COMPILERS: readonly (readonly [compiler: string, machine: MachineName, flags: readonly string[]])[] = [
  ['gcc', 'avx2', ['-march=x86-64-v3']],
  ['gcc', 'avx512', ['-march=x86-64-v4']],
  ['clang', 'avx2', ['-march=x86-64-v3']],
  ['clang', 'avx512', ['-march=x86-64-v4']],
  ['clang', 'neon', ['--target=aarch64-linux-gnu']],
  ['aarch64-linux-gnu-gcc', 'neon', ['-march=armv8-a']],
];
const isThere = (command: string): boolean => spawnSync(command, ['--version']).error === undefined;
/** Says what is skipped; where everything is required, that is a failure. */
function skip(what: string): void {
  if (IS_REQUIRED) throw new Error(`required by LAZULI_REQUIRE_NATIVE: ${what}`);
  console.warn(`skipped: ${what}`);
}
const HERE = COMPILERS.filter(([compiler, machine]) => {
  if (machine !== 'neon' && process.arch !== 'x64') return false;
  const isHere = isThere(compiler);
  if (!isHere) skip(`C for ${machine} by ${compiler}, which is not here`);
  return isHere;
});
const FLAGS = ['-x', 'c', '-std=gnu11', '-O1', '-ffp-contract=off', ...SEMANTICS];

describe.skipIf(HERE.length === 0)('every compiler that is here takes the C', () => {
  test.each(casesOf('compilers of native', HERE, 2))('%s for %s', (compiler, machine, flags) => {
    const text = joinSources(Object.values(ALL).map((program) => emitted(machine, program)));
    const { status, stderr } = spawnSync(
      compiler,
      [...flags, ...FLAGS, '-Wall', '-Wextra', '-Wno-unused', '-Wno-psabi', '-c', '-o', '/dev/null', '-'],
      { input: text, encoding: 'utf8' },
    );
    expect(status, stderr).toBe(0);
    expect(stderr.split('\n').filter((line) => line.includes('error'))).toEqual([]);
  });
});

/** A program that reads all operands, calls the entry and writes all results. */
function standalone({ text, calls, words, program }: NativeSource): string {
  const offsets: number[] = [];
  let bytes = 0;
  for (const buffer of program.buffers) {
    offsets.push(bytes);
    bytes += Math.ceil((buffer.size * bytesPerElement(buffer.dtype) + 63) / 64) * 64;
  }
  const scratch = Math.max(0, ...calls.map(({ threadBytes }) => threadBytes));
  const places = calls.flatMap(({ offset, operands, threadBytes }) => [
    ...operands.map((id, i) => `table[${offset + i}] = memory + ${offsets[id]};`),
    ...(threadBytes > 0 ? [`table[${offset + operands.length}] = memory + ${bytes};`] : []),
  ]);
  const sizeOf = (id: number): number => program.buffers[id]!.size * bytesPerElement(program.buffers[id]!.dtype);
  return `${text}
#include <stdio.h>
static char memory[${bytes + scratch + 64}] __attribute__((aligned(64)));
static void *table[${words}];
int main(void) {
  ${places.join('\n  ')}
  ${program.parameters.map((id) => `if (fread(memory + ${offsets[id]}, 1, ${sizeOf(id)}, stdin) != ${sizeOf(id)}) return 1;`).join('\n  ')}
  lazuli_run(table, 0);
  ${program.outputs.map((id) => `fwrite(memory + ${offsets[id]}, 1, ${sizeOf(id)}, stdout);`).join('\n  ')}
  return 0;
}
`;
}

const QEMU = ['qemu-aarch64', 'qemu-aarch64-static'].find(isThere);
const CAN_RUN = QEMU !== undefined && isThere('aarch64-linux-gnu-gcc');
if (!CAN_RUN) skip('C for neon run by qemu-aarch64, which is not here beside aarch64-linux-gnu-gcc');

test.skipIf(!CAN_RUN).each(casesOf('programs on arm64', Object.keys(ALL), 1))(
  'on arm64 %s has the bits of the interpreter',
  (name) => {
    const program = ALL[name]!;
    const graph = graphOf(program);
    const binary = join(DIRECTORY, name);
    const compiled = spawnSync('aarch64-linux-gnu-gcc', [...FLAGS, '-w', '-static', '-o', binary, '-', '-lm'], {
      input: standalone(emitted('neon', program)),
      encoding: 'utf8',
    });
    expect(compiled.status, compiled.stderr).toBe(0);
    const given = program.inputs.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    const { stdout, status } = spawnSync(QEMU!, [binary], { input: Buffer.concat(given) });
    expect(status).toBe(0);
    const bytes = new Uint8Array(stdout).buffer;
    let at = 0;
    evaluateGraph(graph, program.inputs).forEach((want, i) => {
      const own = want.data.length * bytesPerElement(want.dtype);
      const data = viewArray(want.dtype, bytes.slice(at, at + own), 0, want.data.length);
      at += own;
      expect(difference({ ...want, data }, want), `output ${i}`).toBeUndefined();
    });
  },
);
