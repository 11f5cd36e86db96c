/** What kernels of gpu.js look like, which needs no gpu.js. `UPDATE_GOLDENS=1` writes the goldens anew. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Node, parse } from 'acorn';
import { add, matmul, softmax, tanh, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { emitProgram } from '../../backends/gpujs/emit.js';
import { GPUJS_TARGET, MODES } from '../../backends/gpujs/target.js';
import type { HostArray } from '../../src/core/array.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { noise } from '../support/arrays.js';
import { tracedGraph } from '../support/graphs.js';

const KERNELS: Record<string, { inputs: HostArray[]; f: (...x: Tensor[]) => Tensor[] }> = {
  adadelta: {
    inputs: [1, 2, 3, 4].map((seed) => noise('f32', [11], seed)),
    f: (x, g, s, d) => {
      const [rho, epsilon] = [0.95, 1e-6];
      const square = s.mul(rho).add(g.mul(1 - rho).mul(g));
      const u = d.add(epsilon).div(square.add(epsilon)).sqrt().mul(g);
      return [x.sub(u), square, d.mul(rho).add(u.mul(1 - rho).mul(u))];
    },
  },
  softmax: { inputs: [noise('f32', [3, 37])], f: (x) => [softmax(x, -1)] },
  sum: { inputs: [noise('f32', [300000])], f: (x) => [x.sum()] },
  contraction: {
    inputs: [noise('f32', [60, 150]), noise('f32', [150, 70]), noise('f32', [70])],
    f: (x, w, b) => [tanh(add(matmul(x, w), b))],
  },
  // A result inside a reduction, a scan, a scatter, constants that are negative and not finite.
  stores: {
    inputs: [noise('f32', [4, 6]), { dtype: 'i32', shape: [2], data: Int32Array.of(3, 0) }, noise('f32', [2, 6])],
    f: (x, i, y) => {
      const z = x.maximum(-2);
      return [z, z.max(0), x.cumsum(1), x.scatterAdd(i, y, 0)];
    },
  },
};

interface Walked extends Node {
  readonly [key: string]: unknown;
}
/** All nodes below `node`. */
function* nodes(node: Walked): Generator<Walked> {
  yield node;
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (typeof child === 'object' && child !== null && 'type' in child) yield* nodes(child as Walked);
}

describe.each(Object.entries(KERNELS))('%s', (name, { inputs, f }) => {
  const program = compileGraph(tracedGraph(inputs, f), GPUJS_TARGET);
  test('text', () => {
    const { text } = emitProgram(program, 'webasm');
    const file = fileURLToPath(new URL(`goldens/${name}.txt`, import.meta.url));
    if (process.env.UPDATE_GOLDENS === '1') writeFileSync(file, `${text}\n`);
    if (!existsSync(file)) expect.fail(`there is no golden ${file}; make it with UPDATE_GOLDENS=1`);
    expect(`${text}\n`).toBe(readFileSync(file, 'utf8'));
  });

  test.each(MODES)('in mode %s: one result a kernel, loops of constant bounds, no other names', (mode) => {
    const { code, text } = emitProgram(program, mode);
    parse(text, { ecmaVersion: 2015 });
    for (const { source, operands, numbers } of code) {
      const all = [...nodes(parse(`(${source})`, { ecmaVersion: 2015 }) as unknown as Walked)];
      expect(all.filter(({ type }) => type === 'ReturnStatement')).toHaveLength(1);
      for (const loop of all.filter(({ type }) => type === 'ForStatement'))
        expect(loop.test).toMatchObject({ operator: '<', right: { type: 'Literal' } });
      const { params } = all.find(({ type }) => type === 'FunctionExpression') as unknown as { params: unknown[] };
      expect(params).toHaveLength(operands.length + numbers.length);
      expect(source).not.toMatch(/[-+*/<=] -\d/);
    }
  });
});

test('no name of the user reaches the source', () => {
  const { inputs, f } = KERNELS.adadelta!;
  const graph = { ...tracedGraph(inputs, f), name: 'evil*/' };
  expect(emitProgram(compileGraph(graph, GPUJS_TARGET), 'cpu').text).not.toContain('evil');
});
