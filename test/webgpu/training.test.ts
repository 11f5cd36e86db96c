/** Training on the GPU as users write it: goldens, what a step costs, state that stays on the device, what cannot be done. */
import { readFileSync } from 'node:fs';
import {
  Adadelta,
  crossEntropy,
  jit,
  meanSquaredError,
  Module,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
  zeros,
} from 'lazuli';
import { expect, test } from 'vitest';
import '../../backends/webgpu/webgpu.js';
import { BackendUnavailableError, UnsupportedError } from '../../src/core/errors.js';
import type { Backend } from '../../src/runtime/backend.js';
import { noise } from '../support/arrays.js';
import { PERCEPTRON_SHAPES } from '../support/perceptron.js';
import { THOROUGH } from '../support/runs.js';
import { describeOnGpu, gpu, openCounted } from './support.js';

interface Data {
  readonly shape: number[];
  readonly data: number[];
}
interface Golden {
  readonly sizes: number[];
  readonly activation: 'tanh' | 'relu' | 'sigmoid';
  readonly loss: 'softmaxCrossEntropy' | 'meanSquaredError';
  readonly batch: number;
  readonly steps: number;
  readonly rho: number;
  readonly epsilon: number;
  readonly init: Data[];
  readonly x: Data;
  readonly labels: number[] | null;
  readonly target: Data | null;
  readonly losses: number[];
  readonly final: Data[];
}
const GOLDENS = JSON.parse(
  readFileSync(new URL('../goldens/data/training-steps.json', import.meta.url), 'utf8'),
) as Golden[];

function makeStep(
  backend: Backend,
  parameters: readonly TrainVar[],
  options: Partial<Pick<Golden, 'activation' | 'loss' | 'rho' | 'epsilon'>> = {},
): (x: Tensor, y: Tensor) => Tensor {
  const { activation = 'tanh', loss: kind, rho = 0.95, epsilon = 1e-6 } = options;
  const opt = new Adadelta({ trainVars: new Map(parameters.map((each, i) => [`p${i}`, each])), rho, epsilon });
  const forward = (x: Tensor): Tensor => {
    for (let i = 0; i < parameters.length; i += 2) {
      if (i > 0) x = x[activation]();
      x = x.matmul(parameters[i]!.value).add(parameters[i + 1]!.value);
    }
    return x;
  };
  return jit(
    (x: Tensor, y: Tensor) => {
      const lossOf = (): Tensor =>
        kind === 'meanSquaredError' ? meanSquaredError(forward(x), y) : crossEntropy(forward(x), y);
      const [loss, grads] = valueAndGrad(lossOf, { vars: opt.varsToTrain })();
      opt.update(grads);
      return loss;
    },
    { backend },
  );
}

/** Its kernels are the same a quarter as wide; a software adapter takes seconds for each step of the whole. */
const NARROWED = THOROUGH ? 1 : 4;
const perceptron = (): TrainVar[] =>
  Object.values(PERCEPTRON_SHAPES).map((whole, i) => {
    const shape = whole.map((extent) => (extent === 10 ? extent : extent / NARROWED));
    return new TrainVar(
      tensor(
        noise('f32', shape, i).data.map((each) => each / 20),
        { shape, dtype: 'f32' },
      ),
    );
  });

describeOnGpu('training', () => {
  test.each(GOLDENS.map((golden, i) => [i, golden.activation, golden.loss, golden] as const))(
    'golden %i: %s, %s',
    async (_, __, ___, golden) => {
      const parameters = golden.init.map(({ shape, data }) => new TrainVar(tensor(data, { shape, dtype: 'f32' })));
      const step = makeStep(gpu, parameters, golden);
      const slice = ({ shape, data }: Data, i: number): Tensor => {
        const size = data.length / shape[0]!;
        return tensor(data.slice(i * size, (i + 1) * size), { shape: shape.slice(1), dtype: 'f32' });
      };
      const near = (got: ArrayLike<number>, want: readonly number[], what: string): void =>
        want.forEach((each, i) => {
          if (!(Math.abs(got[i]! - each) <= 1e-3 * Math.max(0.1, Math.abs(each))))
            expect.fail(`${what}, element ${i}: ${got[i]} instead of ${each}`);
        });
      for (let i = 0; i < golden.steps; i++) {
        const wanted = golden.labels
          ? tensor(golden.labels.slice(i * golden.batch, (i + 1) * golden.batch), { dtype: 'i32' })
          : slice(golden.target!, i);
        near(await step(slice(golden.x, i), wanted).data(), [golden.losses[i]!], `loss ${i}`);
      }
      for (const [i, { data }] of golden.final.entries())
        near(await parameters[i]!.value.data(), data, `parameter ${i}`);
    },
  );

  test('the step of the perceptron: at most 14 dispatches, one submit, nothing made after the second', async () => {
    const { backend, counts } = await openCounted();
    const step = makeStep(backend, perceptron());
    const batch = THOROUGH ? 100 : 10;
    const pixels = 784 / NARROWED;
    const x = tensor(noise('f32', [batch, pixels]).data, { shape: [batch, pixels] });
    const y = tensor(Int32Array.from({ length: batch }, (_, i) => i % 10));
    for (let i = 0; i < 2; i++) await step(x, y).data();
    const before = { ...counts };
    step(x, y).dispose();
    // Steps of one job may share a submit: it comes when the job ends.
    await Promise.resolve();
    expect(counts.submits).toBe(before.submits + 1);
    expect(counts.dispatches - before.dispatches).toBeLessThanOrEqual(14);
    const loss = step(x, y);
    expect((await loss.data())[0]).toBeGreaterThan(0);
    expect([counts.buffers, counts.bindGroups, counts.pipelines]).toEqual([
      before.buffers,
      before.bindGroups,
      before.pipelines,
    ]);
    backend.destroy();
  });

  test('hundreds of steps keep the device and the host flat', async () => {
    const { backend, counts } = await openCounted();
    const shapes = [[8, 16], [16], [16, 4], [4]];
    const parameters = shapes.map((shape, i) => new TrainVar(tensor(noise('f32', shape, i).data, { shape })));
    const step = makeStep(backend, parameters);
    const x = tensor(noise('f32', [10, 8]).data, { shape: [10, 8] });
    const y = tensor(Int32Array.from({ length: 10 }, (_, i) => i % 4));
    const run = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        step(x, y).dispose();
        if (i % 50 === 49) await backend.idle();
      }
      await backend.idle();
    };
    await run(THOROUGH ? 100 : 50);
    const memory = backend.memoryUsage;
    const { buffers, bindGroups } = counts;
    globalThis.gc!();
    const heap = process.memoryUsage().heapUsed;
    await run(THOROUGH ? 1000 : 150);
    globalThis.gc!();
    expect(backend.memoryUsage.bytes).toBe(memory.bytes);
    expect(backend.memoryUsage.usedBytes).toBeLessThanOrEqual(memory.usedBytes);
    expect([counts.buffers, counts.bindGroups]).toEqual([buffers, bindGroups]);
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(2 ** 21);
    backend.destroy();
  });

  test('what cannot be done says so', async () => {
    const double = jit((x: Tensor) => x.mul(2), { backend: gpu });
    const y = double(tensor([1, 2]));
    expect(() => y.dataSync()).toThrow(UnsupportedError);
    expect(() => y.dataSync()).toThrow(/await t\.data\(\)/);
    expect(() => y.sum().item()).toThrow(UnsupportedError);
    expect(() => y.arraySync()).toThrow(UnsupportedError);
    expect(await y.array()).toEqual([2, 4]);
    expect(() => double(tensor([1, 2], { dtype: 'f64' }))).toThrow(/DTYPE_UNSUPPORTED.*f64/);
  });

  test('a lost device leaves what was written invalid until it is set again', async () => {
    const { backend, device } = await openCounted();
    const w = new TrainVar(tensor([1, 2]));
    const step = jit(
      () => {
        w.value = w.value.mul(2);
      },
      { backend },
    );
    step();
    expect([...(await w.value.data())]).toEqual([2, 4]);
    step();
    device.destroy();
    await expect(w.value.data()).rejects.toThrow(BackendUnavailableError);
    expect(() => step()).toThrow(BackendUnavailableError);
    w.value = tensor([5, 6]);
    expect([...w.value.dataSync()]).toEqual([5, 6]);
  });

  test('a module moves to the GPU and back', async () => {
    class Scale extends Module {
      readonly factor = new TrainVar(tensor([2, 3]));
      call(x: Tensor): Tensor {
        return x.mul(this.factor.value);
      }
    }
    const model = new Scale();
    for (const move of ['gpu', 'cuda'] as const) {
      expect(await model[move]()).toBe(model);
      expect(() => model.factor.value.dataSync()).toThrow(UnsupportedError);
      await model.cpu();
      expect([...model.factor.value.dataSync()]).toEqual([2, 3]);
    }
    await model.to(gpu);
    const run = jit((x: Tensor) => model.call(x), { backend: gpu });
    expect([...(await run(tensor([1, 1])).data())]).toEqual([2, 3]);
  });
});

test('a step can be looked at without a device', () => {
  const step = jit((x: Tensor) => x.matmul(x).tanh());
  const report = step.inspectOn('webgpu', zeros([4, 4]));
  expect(report.backend).toBe('webgpu');
  expect(report.launches).toBe(1);
  expect(report.kernels[0]!.source).toContain('@compute');
});
