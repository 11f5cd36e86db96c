/** Every work in @jax-js/jax, on whatever device is its default. It has no Adadelta; this is the same rule in its jit. */
import { blockUntilReady, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax';
import { gradientSeed, PERCEPTRON, perceptronInputs, rowLabels, SEEDS, uniform } from '../run/inputs.js';
import type { Makers, Task } from '../run/serve.js';
import { makeLayers } from './jax-layers.js';

type A = np.Array;
type Slots = { x: A; s: A; d: A };

const array = (values: Float32Array, shape: number[] = [values.length]): A => np.array(values).reshape(shape);

/** Arguments belong to the callee; `.ref` keeps one for another use. */
function adadelta({ x, s, d }: Slots, g: A): Slots {
  s = s.mul(0.95).add(g.ref.mul(0.05).mul(g.ref));
  const u = np.sqrt(d.ref.add(1e-6).div(s.ref.add(1e-6))).mul(g);
  return { x: x.sub(u.ref), s, d: d.mul(0.95).add(u.ref.mul(0.05).mul(u)) };
}

/**
 * A loop that carries a state, in the library's two styles: wait after each call, or queue all calls and wait at the
 * end. The best of the two counts.
 */
function loop<S extends object>(state: { value: S }, step: (state: S) => S): Task['modes'] {
  return {
    blocking: async (calls) => {
      for (let i = 0; i < calls; i++) {
        state.value = step(state.value);
        await blockUntilReady(state.value);
      }
    },
    queued: async (calls) => {
      for (let i = 0; i < calls; i++) state.value = step(state.value);
      await blockUntilReady(state.value);
    },
  };
}

/** The same for calls that do not depend on each other. */
function independent(call: () => A[]): Task['modes'] {
  const wait = async (results: A[]): Promise<void> => {
    await blockUntilReady(results);
    for (const each of results) each.dispose();
  };
  return {
    blocking: async (calls) => {
      for (let i = 0; i < calls; i++) await wait(call());
    },
    queued: async (calls) => {
      const results: A[] = [];
      for (let i = 0; i < calls; i++) results.push(...call());
      await wait(results);
    },
  };
}

const zeros = (shape: number[]): A => array(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape);

/** Adam, or AdamW where parameters decay. The rate with both bias corrections is an argument of the jitted update. */
function adam(size: number, learningRate: number, decay?: number): Task {
  const gradient = array(uniform(size, gradientSeed(0)));
  const state = { value: { x: zeros([size]), m: zeros([size]), v: zeros([size]) } };
  const update = jit(({ x, m, v }: { x: A; m: A; v: A }, g: A, rate: A) => {
    m = m.mul(0.9).add(g.ref.mul(0.1));
    v = v.mul(0.999).add(g.ref.mul(0.001).mul(g));
    const before = decay === undefined ? x : x.mul(1 - learningRate * decay);
    return { x: before.sub(m.ref.mul(rate).div(np.sqrt(v.ref).add(1e-8))), m, v };
  });
  let t = 0;
  return {
    modes: loop(state, (each) => {
      t++;
      const rate = (learningRate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t);
      return update(each, gradient.ref, np.array(rate)) as typeof each;
    }),
    results: async () => [await state.value.x.ref.data()],
  };
}

export const makers: Makers = {
  ...makeLayers({ loop, independent }),

  adadelta({ count, size }) {
    const grads = Array.from({ length: count }, (_, p) => array(uniform(size, gradientSeed(p))));
    const state = { value: grads.map((): Slots => ({ x: zeros([size]), s: zeros([size]), d: zeros([size]) })) };
    const update = jit((slots: Slots[], gs: A[]) => slots.map((each, p) => adadelta(each, gs[p]!)));
    return {
      modes: loop(
        state,
        (slots) =>
          update(
            slots,
            grads.map((g) => g.ref),
          ) as Slots[],
      ),
      results: async () => [await state.value[count - 1]!.x.ref.data()],
    };
  },

  adam: ({ size }) => adam(size, 0.001),
  adamw: ({ size }) => adam(size, 0.1, 0.1),

  matmul({ m, k, n, transposed }) {
    const a = array(uniform(m * k, SEEDS.a), transposed === 'a' ? [k, m] : [m, k]);
    const b = array(uniform(k * n, SEEDS.b), transposed === 'b' ? [n, k] : [k, n]);
    const multiply = jit((x: A, y: A) =>
      np.matmul(transposed === 'a' ? x.transpose() : x, transposed === 'b' ? y.transpose() : y),
    );
    const call = (): A => multiply(a.ref, b.ref);
    return { modes: independent(() => [call()]), results: async () => [await call().data()] };
  },

  crossEntropy({ rows, classes }) {
    const logits = array(uniform(rows * classes, SEEDS.logits, 4), [rows, classes]);
    const labels = np.array(rowLabels(rows, classes));
    const run = jit((z: A, y: A) =>
      valueAndGrad((each: A) =>
        nn
          .logSoftmax(each, 1)
          .mul(nn.oneHot(y, classes))
          .sum()
          .mul(-1 / rows),
      )(z),
    );
    const call = (): A[] => run(logits.ref, labels.ref) as A[];
    return { modes: independent(call), results: () => Promise.all(call().map((each) => each.data())) };
  },

  perceptron() {
    const { parameters, images, labels } = perceptronInputs();
    const { batch, sizes } = PERCEPTRON;
    const x = array(images, [batch, sizes[0]]);
    const y = nn.oneHot(np.array(labels), 10);
    const shapes = parameters.map(({ length }, i) => {
      const outputs = sizes[Math.floor(i / 2) + 1]!;
      return i % 2 === 0 ? [length / outputs, outputs] : [outputs];
    });
    const loss = (weights: A[], inputs: A, classes: A): A => {
      let h = inputs;
      for (let i = 0; i < weights.length; i += 2) {
        if (i > 0) h = np.tanh(h);
        h = np.matmul(h, weights[i]!).add(weights[i + 1]!);
      }
      return nn
        .logSoftmax(h, 1)
        .mul(classes)
        .sum()
        .mul(-1 / batch);
    };
    type State = { slots: Slots[]; loss: A };
    const train = jit(({ slots, loss: last }: State, inputs: A, classes: A): State => {
      last.dispose();
      const [value, grads] = valueAndGrad(loss)(
        slots.map(({ x: w }) => w.ref),
        inputs,
        classes,
      ) as [A, A[]];
      return { loss: value, slots: slots.map((each, p) => adadelta(each, grads[p]!)) };
    });
    const slots = parameters.map((values, i): Slots => ({
      x: array(values, shapes[i]),
      s: zeros(shapes[i]!),
      d: zeros(shapes[i]!),
    }));
    const state: { value: State } = { value: { slots, loss: np.array(0) } };
    return {
      modes: loop(state, (each) => train(each, x.ref, y.ref) as State),
      results: () => {
        const { value } = state;
        return Promise.all([value.loss, value.slots[0]!.x, value.slots[4]!.x].map((each) => each.ref.data()));
      },
    };
  },
};
