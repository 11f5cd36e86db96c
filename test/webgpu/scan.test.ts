/** Scans and branches as steps: what they compute, and that their turns cost neither kernels, pipelines nor submits. */
import {
  concat,
  cond,
  forLoop,
  grad,
  jit,
  scan,
  stack,
  switchCase,
  tensor,
  type Tensor,
  tree,
  UnsupportedError,
  vmap,
  whileLoop,
  zeros,
} from 'lazuli';
import { describe, expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import { compileGraph } from '../../src/lower/pipeline.js';
import { hasControl, type Program } from '../../src/lower/program.js';
import { evaluateGraph } from '../../src/ops/evaluate.js';
import type { DeviceBuffer } from '../../src/runtime/backend.js';
import { WEBGPU_TARGET } from '../../backends/webgpu/target.js';
import { modulesOf } from '../../backends/webgpu/plan.js';
import { noise } from '../support/arrays.js';
import { tracedGraph } from '../support/graphs.js';
import { runGraphAsync } from './run.js';
import { describeOnGpu, gpu, openCounted } from './support.js';

const [BATCH, INPUTS, WIDTH] = [3, 4, 5];
const weights = [noise('f32', [INPUTS, WIDTH], 1), noise('f32', [WIDTH, WIDTH], 2)];
const sequence = (turns: number): HostArray => noise('f32', [turns, BATCH, INPUTS], 3);

/** A recurrent net: the last state, all states, and a scalar of each turn. */
const recurrent =
  (reverse = false) =>
  (xs: Tensor, w: Tensor, u: Tensor): Tensor[] => {
    const [last, [all, sums]] = scan(
      (h: Tensor, x: Tensor) => {
        const next = x.matmul(w).add(h.matmul(u)).tanh();
        return [next, [next, x.sum()] as const] as const;
      },
      xs.at(0).matmul(w),
      xs,
      { reverse },
    );
    return [last, all, sums];
  };
const slopes = (xs: Tensor, w: Tensor, u: Tensor): Tensor[] =>
  grad(
    (x: Tensor, a: Tensor, b: Tensor) => {
      const [last, all] = recurrent()(x, a, b) as [Tensor, Tensor];
      return last.sum().add(all.square().mean());
    },
    [0, 1, 2],
  )(xs, w, u);

const CASES: Readonly<Record<string, { readonly inputs: HostArray[]; readonly f: (...x: Tensor[]) => Tensor[] }>> = {
  recurrent: { inputs: [sequence(6), ...weights], f: recurrent() },
  'from the last': { inputs: [sequence(6), ...weights], f: recurrent(true) },
  'of one turn': { inputs: [sequence(1), ...weights], f: recurrent() },
  derivatives: { inputs: [sequence(6), ...weights], f: slopes },
  'no turn': { inputs: [noise('f32', [0, 4])], f: (xs) => scan((c: Tensor, x: Tensor) => [c.add(x.sum()), x], 1, xs) },
  'whole vectors and parts of them': {
    inputs: [noise('f32', [5, 8]), noise('f32', [5, 6])],
    f: (xs, ys) => {
      const [carry, [a, b]] = scan(
        (c: Tensor, [x, y]: readonly [Tensor, Tensor]) =>
          [c.add(x).add(y.slice([0], [4]).tile(2)), [c.mul(y.sum()), concat([y, x.slice([0], [4])])] as const] as const,
        xs.at(4),
        [xs, ys] as const,
      );
      return [carry, a, b];
    },
  },
  'loops in loops, and a choice': {
    inputs: [noise('f32', [3, 4, 2])],
    f: (xs) => {
      const inner = (c: Tensor, x: Tensor): readonly [Tensor, Tensor] => [c.add(x).mul(0.5), c.sub(x)];
      const [carry, ys] = scan((c: Tensor, x: Tensor) => scan(inner, c.sort(), x, { reverse: true }), xs.at(0, 0), xs);
      return [carry, ys, forLoop(0, 4, (i: Tensor, c: Tensor) => c.add(i).maximum(c.mul(2)), carry)];
    },
  },
  'one of two branches, with a derivative': {
    inputs: [noise('f32', [8, 20]), noise('f32', [])],
    f: (x, p) => {
      const either = (y: Tensor): Tensor =>
        cond(
          p.greater(0),
          (z: Tensor) => z.matmul(z.transpose()).sum(1),
          (z: Tensor) => z.neg().sqrt().sum(1),
          y,
        );
      return [either(x.abs()), either(x.abs().neg()), grad((y: Tensor) => either(y.square()).sum())(x)];
    },
  },
  'branches in branches in a loop': {
    inputs: [noise('f32', [6, 5000]), { dtype: 'i32', shape: [6], data: Int32Array.of(0, 2, -1, 1, 7, 1) }],
    f: (xs, at) =>
      scan(
        (c: Tensor, [x, i]: readonly [Tensor, Tensor]) => {
          const next = switchCase(
            i,
            [
              (y: Tensor) => y.add(x),
              (y: Tensor) =>
                cond(
                  y.sum().greater(0),
                  (z: Tensor) => z.mul(0.5),
                  (z: Tensor) => z.sub(x),
                  y,
                ),
              (y: Tensor) => y.maximum(x),
            ],
            c,
          );
          return [next, next.sum()] as const;
        },
        xs.at(0),
        [xs, at] as const,
      ),
  },
  'states that change places': {
    inputs: [noise('f32', [7]), noise('f32', [7], 2)],
    f: (a, b) => {
      const step = ([x, y]: readonly [Tensor, Tensor]): [[Tensor, Tensor], Tensor] => [[y, x.add(y)], x];
      const [[x, y], all] = scan(step, [a, b] as [Tensor, Tensor], undefined, { length: 5 });
      return [x, y, all];
    },
  },
  'many examples': {
    inputs: [sequence(4), ...weights],
    f: (xs, w, u) => [vmap((x: Tensor) => recurrent()(stack([x, x.neg()]).expandDims(1), w, u)[1]!)(xs.at(0))],
  },
};

describeOnGpu('scans', () => {
  test.each(Object.entries(CASES))('%s', async (_, { inputs, f }) => {
    const graph = tracedGraph(inputs, f);
    expect(hasControl(compileGraph(graph, WEBGPU_TARGET))).toBe(true);
    const want = evaluateGraph(graph, inputs);
    for (const [i, { shape, data }] of (await runGraphAsync(gpu, graph, inputs)).entries()) {
      expect(shape).toEqual(want[i]!.shape);
      data.forEach((each, at) => {
        const should = want[i]!.data[at]!;
        expect(Math.abs(each - should)).toBeLessThanOrEqual(2e-5 * Math.max(1, Math.abs(should)));
      });
    }
  });

  test('a number of the host chooses a branch', async () => {
    const step = jit(
      (x: Tensor, n: Tensor) =>
        cond(
          n.greater(0),
          (y: Tensor) => y.matmul(y),
          (y: Tensor) => y.sum(0, { keepDims: true }).add(y),
          x,
        ),
      { backend: gpu },
    ) as unknown as (x: Tensor, n: number) => Tensor;
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect([...(await step(x, 2).data())]).toEqual([7, 10, 15, 22]);
    expect([...(await step(x, -1).data())]).toEqual([5, 8, 7, 10]);
  });

  type Carry = [turn: Tensor, x: Tensor];
  /** Turns from `turn` to the one whose number is `limit`. */
  const turnsTo = (limit: Tensor | number, x: Tensor): Carry =>
    whileLoop(
      ([turn]: Carry) => turn.less(limit),
      ([turn, y]: Carry) => [turn.add(1), y.mul(0.5).add(turn)] as Carry,
      [tensor(0), x] as Carry,
    );
  const x3 = (): Tensor => tensor([1, 2, 3]);
  const UNBOUNDED: Readonly<Record<string, (x: Tensor) => unknown>> = {
    'no turn': (x) => turnsTo(0, x),
    'fewer than a submit has': (x) => turnsTo(3, x),
    'many more': (x) => turnsTo(100, x),
    'inside each other': (x) =>
      whileLoop(
        ([turn]: Carry) => turn.less(6),
        ([turn, y]: Carry) => [turn.add(1), turnsTo(turn, y)[1].sub(turn)] as Carry,
        [tensor(1), x] as Carry,
      ),
    'in the turns of a scan': (x) =>
      scan((h: Tensor, e: Tensor) => turnsTo(e, h).reverse() as [Tensor, Tensor], x, tensor([5, 0, 2])),
    'in a branch': (x) =>
      [1, -1].map((sign) =>
        cond(
          x.sum().mul(sign).greater(0),
          (y: Tensor) => turnsTo(7, y.reshape([3, 1]).matmul(y.reshape([1, 3])))[1],
          (y: Tensor) => y.reshape([3, 1]).matmul(y.reshape([1, 3])),
          x,
        ),
      ),
  };
  test.each(Object.entries(UNBOUNDED))('a loop of unknown length: %s', async (_, f) => {
    const want = (tree.leaves(jit(f, { backend: 'js' })(x3())) as Tensor[]).map((each) => [...each.dataSync()]);
    const step = jit(f, { backend: gpu });
    // The second one with what the first one left in memory.
    for (let run = 0; run < 2; run++) {
      const results = tree.leaves(step(x3())) as Tensor[];
      expect(await Promise.all(results.map(async (each) => [...(await each.data())]))).toEqual(want);
    }
  });
  test('what is submitted after a loop of unknown length sees what it leaves', async () => {
    const sums = jit((x: Tensor) => turnsTo(9, x)[1], { backend: gpu });
    const again = jit((x: Tensor) => x.add(1), { backend: gpu });
    const [want] = [turnsTo(9, x3())[1].add(1)];
    expect([...(await again(sums(x3())).data())]).toEqual([...(await want.data())]);
    // The host computes f64, and not between turns.
    const inF64 = (): unknown => sums.inspectOn(gpu, zeros([3], { dtype: 'f64' }));
    expect(inF64).toThrow(UnsupportedError);
  });

  test('a step is one submit, and makes nothing after the second one', async () => {
    const { backend, counts } = await openCounted();
    const inputs = [sequence(6), ...weights];
    const program = compileGraph(tracedGraph(inputs, recurrent()), backend.target);
    const executable = backend.compile(backend.emit(program));
    const buffers: DeviceBuffer[] = [];
    program.parameters.forEach((id, i) => {
      buffers[id] = backend.allocate('f32', inputs[i]!.data.length, 'input');
      backend.write(buffers[id], inputs[i]!.data);
    });
    for (const id of program.outputs) buffers[id] = backend.allocate('f32', program.buffers[id]!.size, 'result');
    await backend.run(executable, buffers);
    await backend.run(executable, buffers);
    const before = { ...counts };
    for (let i = 0; i < 3; i++) await backend.run(executable, buffers);
    const { dispatches, submits, ...rest } = counts;
    expect(rest).toEqual((({ dispatches: _d, submits: _s, ...others }) => others)(before));
    expect(submits - before.submits).toBe(3);
    expect(dispatches - before.dispatches).toBeGreaterThanOrEqual(3 * 6);
    backend.destroy();
  });
});

describe('programs', () => {
  const made = (turns: number, f: (...x: Tensor[]) => Tensor[]): Program =>
    compileGraph(tracedGraph([sequence(turns), ...weights], f), WEBGPU_TARGET);
  test.each([
    ['forwards', recurrent()],
    ['with derivatives', slopes],
  ])('have as many kernels and modules for few turns as for many, %s', (_, f) => {
    const [few, many] = [made(8, f), made(200, f)];
    expect(few.kernels.length).toBe(many.kernels.length);
    expect(many.kernels.length).toBeLessThan(40);
    expect(modulesOf(many).flat()).toHaveLength(modulesOf(few).flat().length);
  });
});
