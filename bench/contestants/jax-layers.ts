/** Layers in jax-js. It has no loops: a GRU of 64 turns would be written out, so there is none. */
import { grad, jit, lax, nn, numpy as np, valueAndGrad, vmap } from '@jax-js/jax';
import {
  attentionInputs,
  BLOCK,
  blockInputs,
  exampleInputs,
  NET_BATCH,
  netInputs,
  NETS,
  type Shaped,
} from '../run/layer-inputs.js';
import type { Makers, Task } from '../run/serve.js';

type A = np.Array;
type Slot = { x: A; m: A; v: A };
type State = { slots: Slot[]; loss: A };

/** The two styles of calling of `jax-works.ts`. */
export interface Loops {
  readonly loop: <S extends object>(state: { value: S }, step: (state: S) => S) => Task['modes'];
  readonly independent: (call: () => A[]) => Task['modes'];
}

const from = ({ shape, values }: Shaped): A => np.array(values as Float32Array<ArrayBuffer>).reshape([...shape]);
const zerosLike = ({ shape, values }: Shaped): A => from({ shape, values: new Float32Array(values.length) });

export function makeLayers({ loop, independent }: Loops): Makers {
  /** Adam on a loss; the rate with both bias corrections is an argument. */
  function training(parameters: readonly Shaped[], inputs: readonly A[], lossOf: (w: A[], ...rest: A[]) => A): Task {
    const train = jit(({ slots, loss: last }: State, rate: A, ...given: A[]): State => {
      last.dispose();
      const [loss, grads] = valueAndGrad(lossOf)(
        slots.map(({ x }) => x.ref),
        ...given,
      ) as [A, A[]];
      const next = slots.map(({ x, m, v }, i): Slot => {
        const g = grads[i]!;
        m = m.mul(0.9).add(g.ref.mul(0.1));
        v = v.mul(0.999).add(g.ref.mul(0.001).mul(g));
        return { x: x.sub(m.ref.mul(rate.ref).div(np.sqrt(v.ref).add(1e-8))), m, v };
      });
      rate.dispose();
      return { slots: next, loss };
    });
    const slots = parameters.map((each): Slot => ({ x: from(each), m: zerosLike(each), v: zerosLike(each) }));
    const state: { value: State } = { value: { slots, loss: np.array(0) } };
    let t = 0;
    return {
      modes: loop(state, (each) => {
        t++;
        const rate = (1e-3 * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t);
        return train(each, np.array(rate), ...inputs.map((input) => input.ref)) as State;
      }),
      results: async () => [await state.value.loss.ref.data()],
    };
  }

  const attention = (q: A, k: A, v: A, scale: number): A =>
    np.matmul(nn.softmax(np.matmul(q, k.transpose([0, 1, 3, 2])).mul(scale), -1), v);

  const crossEntropy = (logits: A, classes: A, rows: number): A =>
    nn
      .logSoftmax(logits, -1)
      .mul(classes)
      .sum()
      .mul(-1 / rows);

  return {
    net({ name }) {
      const { parameters, images, labels } = netInputs(name);
      const { channels, padding, dense } = NETS[name];
      // Channels are first in its convolutions.
      const own = parameters.map((each, i): Shaped => {
        if (i !== 0 && i !== 2) return each;
        const [, , inputs, outputs] = each.shape as [number, number, number, number];
        const values = new Float32Array(each.values.length);
        for (let p = 0; p < 25; p++)
          for (let c = 0; c < inputs; c++)
            for (let o = 0; o < outputs; o++)
              values[(o * inputs + c) * 25 + p] = each.values[(p * inputs + c) * outputs + o]!;
        return { shape: [outputs, inputs, 5, 5], values };
      });
      const x = from({ ...images, shape: [NET_BATCH, 1, 28, 28] });
      const y = nn.oneHot(np.array(labels as Int32Array<ArrayBuffer>), 10);
      return training(own, [x, y], (w, image, classes) => {
        let h = image;
        padding.forEach((pad, i) => {
          const c = lax.conv(h, w[2 * i]!, [1, 1], pad === 'same' ? 'SAME' : 'VALID');
          const side = c.shape[2]!;
          const biased = nn.relu(c.add(w[2 * i + 1]!.reshape([1, channels[i + 1]!, 1, 1])));
          h = np.max(biased.reshape([NET_BATCH, channels[i + 1]!, side / 2, 2, side / 2, 2]), [3, 5]);
        });
        let flat = h.transpose([0, 2, 3, 1]).reshape([NET_BATCH, dense[0]]);
        for (let i = 4; i < w.length; i += 2) {
          if (i > 4) flat = nn.relu(flat);
          flat = np.matmul(flat, w[i]!).add(w[i + 1]!);
        }
        return crossEntropy(flat, classes, NET_BATCH);
      });
    },

    transformer() {
      const { parameters, x: input, target: wanted } = blockInputs();
      const { batch, length, width, heads } = BLOCK;
      return training(parameters, [from(input), from(wanted)], (w, x, target) => {
        const linear = (v: A, i: number): A => np.matmul(v, w[i]!).add(w[i + 1]!);
        const norm = (v: A, i: number): A => {
          const centred = v.ref.sub(np.mean(v, -1, { keepdims: true }));
          const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
          return centred
            .div(np.sqrt(variance.add(1e-5)))
            .mul(w[i]!)
            .add(w[i + 1]!);
        };
        const divided = (v: A): A => v.reshape([batch, length, heads, width / heads]).transpose([0, 2, 1, 3]);
        const normal = norm(x.ref, 0);
        const [q, k, v] = [
          divided(linear(normal.ref, 2)),
          divided(linear(normal.ref, 4)),
          divided(linear(normal, 6)),
        ] as const;
        const mixed = attention(q, k, v, 0.25).transpose([0, 2, 1, 3]).reshape([batch, length, width]);
        const middle = x.add(linear(mixed, 8));
        const wide = linear(norm(middle.ref, 10), 12);
        const gelu = wide.ref.mul(lax.erf(wide.mul(Math.SQRT1_2)).add(1)).mul(0.5);
        return np.mean(np.square(middle.add(linear(gelu, 14)).sub(target)));
      });
    },

    attention() {
      const [q, k, v, cotangent] = attentionInputs().map(from) as [A, A, A, A];
      const run = jit((a: A, b: A, c: A, g: A) =>
        grad((x: A, y: A, z: A) => attention(x, y, z, 0.125).mul(g).sum(), { argnums: [0, 1, 2] })(a, b, c),
      );
      const call = (): A[] => run(q.ref, k.ref, v.ref, cotangent.ref) as unknown as A[];
      return { modes: independent(call), results: () => Promise.all(call().map((each) => each.data())) };
    },

    examples({ form }) {
      const { parameters, x: input, labels } = exampleInputs();
      const weights = parameters.map(from);
      const [x, y] = [from(input), nn.oneHot(np.array(labels as Int32Array<ArrayBuffer>), 10)];
      const rows = labels.length;
      const lossOf = (w: A[], xs: A, classes: A, count: number): A => {
        const hidden = np.tanh(np.matmul(xs, w[0]!).add(w[1]!));
        return crossEntropy(np.matmul(hidden, w[2]!).add(w[3]!), classes, count);
      };
      const batched = jit((w: A[], xs: A, classes: A) =>
        grad((v: A[], a: A, b: A) => lossOf(v, a, b, rows))(w, xs, classes),
      );
      const each = jit((w: A[], xs: A, classes: A) =>
        vmap((v: A[], a: A, b: A) => grad((u: A[], c: A, d: A) => lossOf(u, c, d, 1))(v, a, b), [null, 0, 0] as never)(
          w,
          xs,
          classes,
        ),
      );
      const run = form === 'each' ? each : batched;
      const call = (): A[] => run(weights.map((w) => w.ref), x.ref, y.ref) as unknown as A[]; // prettier-ignore
      return { modes: independent(call), results: () => Promise.all(call().map((one) => one.data())) };
    },
  };
}
