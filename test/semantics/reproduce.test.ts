/** The script of `compare(…, { bisect: true })`: it runs, and what it exports shows the difference. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import { applyPrimitive, type Backend, compare, crossEntropy, jit, random, tensor, type Tensor } from 'lazuli';
import { printed, ROOT } from '../support/processes.js';
import { tampered } from '../support/tampered.js';

const folder = mkdtempSync(join(ROOT, 'examples', '.reproduce-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Exports {
  readonly step: (...args: Tensor[]) => Tensor;
  readonly args: Tensor[];
}

let count = 0;
/** What the script prints, and what it exports. */
async function run(script: string): Promise<{ stdout: string; exports: Exports }> {
  const file = join(folder, `script${count++}.ts`);
  writeFileSync(file, script);
  const stdout = await printed(relative(ROOT, file));
  return { stdout, exports: (await import(pathToFileURL(file).href)) as Exports };
}

async function scriptOf(f: (...args: Tensor[]) => unknown, args: Tensor[], broken: Backend): Promise<string> {
  const { backends } = await compare(f, args, { backends: ['reference', broken], repeats: 1, bisect: true });
  const { firstDiffering } = backends[1]!;
  expect(firstDiffering).not.toBeNull();
  return firstDiffering!.script!;
}

test('the node alone, on the element that differs most', async () => {
  const broken = tampered('broken', 'fround(sqrt(', 'fround(1.000001 * sqrt(');
  const f = (x: Tensor): Tensor => x.mul(3).add(1).sqrt().exp().sum();
  const script = await scriptOf(f, [random.uniform(random.key(0), [50, 40])], broken);
  expect(script.split('\n').length).toBeLessThan(20);
  expect(script).toMatch(/^\/\/ sqrt \(reproduce\.test\.ts:\d+\): broken is \d+ ulp from reference\.\n/);
  expect(script).toContain("applyPrimitive('sqrt', [x0])");
  expect(script).toMatch(/tensor\(\[[\d.]+\], \{ shape: \[1, 1\], dtype: 'f32' \}\)/);
  expect(script).toContain('"broken" is a backend that the script cannot make');
  const { stdout, exports } = await run(script);
  expect(stdout).toMatch(/^sqrt: differences from reference/);
  const again = await compare(exports.step, exports.args, { backends: ['reference', broken] });
  expect(again.backends[1]!.firstDiffering).toMatchObject({ op: 'sqrt' });
});

test('as many nodes before it as the difference needs', async () => {
  const wrong = tampered('fused', /(const v\d+ = fround\()(v\d+ \* v\d+)/g, '$11.5 * ($2)');
  // Right where nodes are outputs, and where a body has fewer than three operations.
  const broken: Backend = {
    ...wrong,
    emit(program) {
      const operations = program.kernels.flatMap(({ segments }) => segments.flatMap(({ body }) => body));
      const many = operations.filter(({ kind }) => kind === 'op').length >= 3;
      return (program.outputs.length === 1 && many ? wrong : jsBackend).emit(program);
    },
  };
  const script = await scriptOf((x) => x.add(1).mul(x).mul(x.add(2)).sub(1), [tensor([1, 2, 3])], broken);
  expect(script.match(/applyPrimitive/g)!.length).toBeGreaterThanOrEqual(3);
  const { exports } = await run(script);
  const again = await compare(exports.step, exports.args, { backends: ['reference', broken] });
  expect(again.backends[1]!.maxUlp).toBeGreaterThan(0);
});

test('whole arrays where it takes them', async () => {
  const broken = tampered('broken', /(const v\d+ = fround\()(v\d+ \* v\d+)/g, '$11.00001 * ($2)');
  const args = [
    random.normal(random.key(0), [9, 12]),
    random.normal(random.key(1), [12, 10]),
    tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], { dtype: 'i32' }),
  ];
  const f = (x: Tensor, w: Tensor, labels: Tensor): Tensor => crossEntropy(x.matmul(w), labels);
  const script = await scriptOf(f, args, broken);
  expect(script).toContain("bytes('");
  const { exports } = await run(script);
  expect(exports.args[0]!.dataSync()).toEqual(args[0]!.dataSync());
  const again = await compare(exports.step, exports.args, { backends: ['reference', broken] });
  expect(again.backends[1]!.firstDiffering).toMatchObject({ op: 'matmul' });
});

test('applyPrimitive makes the node that a graph prints', () => {
  const f = jit((x: Tensor) => applyPrimitive('slice', [x], { begin: [1], end: [3], strides: [1] }), { name: 'f' });
  expect(f.inspect(tensor([1, 2, 3])).graph).toContain('slice(%arg0, begin=[1], end=[3], strides=[1])');
  expect(f(tensor([1, 2, 3])).arraySync()).toEqual([2, 3]);
  expect(() => applyPrimitive('sqroot', [tensor([1])])).toThrow(/UNKNOWN_PRIMITIVE/);
});
