/**
 * What WGSL kernels look like, without a device. `UPDATE_GOLDENS=1` writes the goldens anew. Every module is parsed by a
 * second implementation of the language and stays within the limits that every device grants.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { add, matmul, softmax, tanh, type Tensor } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { WgslReflect } from 'wgsl_reflect';
import { emitProgram } from '../../backends/webgpu/backend.js';
import { modulesOf } from '../../backends/webgpu/plan.js';
import { SOFTWARE_TARGET, WEBGPU_TARGET } from '../../backends/webgpu/target.js';
import type { HostArray } from '../../src/core/array.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import type { Target } from '../../src/lower/target.js';
import { noise } from '../support/arrays.js';
import { tracedGraph } from '../support/graphs.js';

const KERNELS: Record<string, { inputs: HostArray[]; f: (...x: Tensor[]) => Tensor[]; target?: Target }> = {
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
  'contraction in turns': {
    inputs: [noise('f32', [60, 150]), noise('f32', [150, 70]), noise('f32', [70])],
    f: (x, w, b) => [tanh(add(matmul(x, w), b))],
    target: SOFTWARE_TARGET,
  },
  horizontal: {
    inputs: [noise('f32', [2, 3]), noise('f32', [3]), noise('f32', [5]), noise('f32', [5])],
    f: (x, y, z, w) => [x.add(1), y.add(1), z.fmod(w).isNaN()],
  },
};

describe.each(Object.entries(KERNELS))('%s', (name, { inputs, f, target = WEBGPU_TARGET }) => {
  const program = compileGraph(tracedGraph(inputs, f), target);
  test('text', () => {
    const { text } = emitProgram(program);
    const file = fileURLToPath(new URL(`goldens/${name}.wgsl`, import.meta.url));
    if (process.env.UPDATE_GOLDENS === '1') writeFileSync(file, `${text}\n`);
    if (!existsSync(file)) expect.fail(`there is no golden ${file}; make it with UPDATE_GOLDENS=1`);
    expect(`${text}\n`).toBe(readFileSync(file, 'utf8'));
  });
  test('parses, and stays within the limits of every device', () => {
    for (const module of modulesOf(program).flat()) {
      const reflect = new WgslReflect(module);
      expect(reflect.entry.compute.map((entry) => entry.name)).toEqual(['main']);
      expect(module).toMatch(/@workgroup_size\(256\)/);
      expect(reflect.storage.length).toBeLessThanOrEqual(8);
      const local = /local_words: array<u32, (\d+)>/.exec(module);
      expect(Number(local?.[1] ?? 0) * 4).toBeLessThanOrEqual(16384);
    }
  });
});

test('no name of the user reaches the source', () => {
  const { inputs, f } = KERNELS.adadelta!;
  const graph = { ...tracedGraph(inputs, f), name: 'evil*/' };
  expect(emitProgram(compileGraph(graph, WEBGPU_TARGET)).text).not.toContain('evil');
});
