/** Programs of rows: `[n, 13]` and labels, for any n. */
import {
  concat,
  conv1d,
  conv2d,
  crossEntropy,
  grad,
  nn,
  random,
  scan,
  tensor,
  type Tensor,
  tree,
  valueAndGrad,
  zeros,
} from 'lazuli';

export const normal = (seed: number, ...shape: number[]): Tensor => random.normal(random.key(seed), shape);
/** Labels of so many rows. */
export const labels = (n: number, classes: number): Tensor =>
  tensor(
    Array.from({ length: n }, (_, i) => (7 * i + 3) % classes),
    { dtype: 'i32' },
  );

export interface Params extends Record<string, Tensor> {
  w1: Tensor;
  b1: Tensor;
  w2: Tensor;
  b2: Tensor;
}
export const params: Params = { w1: normal(1, 13, 17), b1: normal(2, 17), w2: normal(3, 17, 6), b2: normal(4, 6) };

/** A step of gradient descent on a perceptron. */
export const perceptron = (p: Params, x: Tensor, y: Tensor): unknown => {
  const [loss, grads] = valueAndGrad((q: Params) => {
    const hidden = x.matmul(q.w1).add(q.b1).tanh();
    return crossEntropy(hidden.matmul(q.w2).add(q.b2), y);
  })(p) as [Tensor, Params];
  return { loss, p: tree.map((each: Tensor, g: Tensor) => each.sub(g.mul(0.1)), p, grads) };
};
/** A net whose hidden values are normalised over the rows, and what it gives for each of them. */
export const normalised = (p: Params, x: Tensor): unknown => {
  const [loss, grads] = valueAndGrad((q: Params) => {
    const hidden = x.matmul(q.w1);
    const centred = hidden.sub(hidden.mean(0));
    const unit = centred.div(centred.square().mean(0).add(1e-5).sqrt());
    const out = unit.mul(q.b1).relu().matmul(q.w2).add(q.b2);
    return out.softmax(1).mul(out).sum().div(x.shape[0]!);
  })(p) as [Tensor, Params];
  return { loss, grads, rows: x.matmul(p.w1).softmax(1) };
};

random.seed(5);
/** What recurrent programs apply. A GPU that ran one has their Variables: who brings it there takes them back. */
export const NETS = [new nn.GRU(3, 5), new nn.LSTM(3, 4, { bidirectional: true })] as const;

/** More programs of rows: [n, 13] and labels. */
export const PROGRAMS: Readonly<Record<string, (p: Params, x: Tensor, y: Tensor) => unknown>> = {
  'one output a row': (p, x) =>
    x
      .matmul(p.b1.slice([0], [13]))
      .add(1)
      .square()
      .sum(),
  'rows by rows': (_, x) =>
    x
      .reshape([x.shape[0]!, 1, 13])
      .mul(x.reshape([-1, 13, 1]))
      .sum([1, 2])
      .sqrt(),
  'joined rows': (p, x) => x.reshape([-1]).mul(2).reshape([x.shape[0]!, 13]).matmul(p.w1).max(1),
  'from the end': (_, x) => ({
    last: x.slice([x.shape[0]! - 1, 0], [x.shape[0]!, 13]),
    back: x.flip(0),
    up: x.cumsum(0),
  }),
  indices: (p, x, y) => ({
    best: x.argmax(0),
    each: x.argmin(1),
    rows: p.w1.gather(y, 0),
    ends: x.gather(tensor([0, 100, -1], { dtype: 'i32' }), 0),
  }),
  'what is counted': (_, x) =>
    x
      .mul(x.shape[0]!)
      .div(x.shape[0]! + 2)
      .add(1 / x.shape[0]!)
      .sum(0),
  extremes: (_, x) => ({ a: x.max(), b: x.min(0), c: x.prod(0), d: x.greater(0).all(0), e: x.less(2).any() }),
  'padded rows': (_, x) =>
    x
      .pad(
        [
          [1, 2],
          [0, 0],
        ],
        7,
      )
      .sum(1),
  'gradients of one output a row': (p, x) =>
    valueAndGrad((w: Tensor, v: Tensor) => v.matmul(w).sub(1).square().mean(), [0, 1])(p.b1.slice([0], [13]), x),
  'a product for each row': (_, x) => {
    const one = x.reshape([-1, 13, 1]);
    return valueAndGrad((v: Tensor) =>
      v
        .matmul(one.transpose([0, 2, 1]))
        .square()
        .sum(),
    )(one);
  },
  convolutions: (p, x) => {
    const image = x.reshape([x.shape[0]!, 13, 1]);
    return valueAndGrad(
      (w: Tensor, v: Tensor) =>
        conv1d(conv1d(v, w, { padding: 'same' }).relu(), p.w2.reshape([1, 17, 6]))
          .square()
          .mean(),
      [0, 1],
    )(p.w1.slice([0, 0], [3, 17]).reshape([3, 1, 17]), image);
  },
  'convolutions of pixels': (p, x) => {
    const image = x.slice([0, 0], [x.shape[0]!, 12]).reshape([-1, 3, 2, 2]);
    return valueAndGrad((w: Tensor, v: Tensor) => conv2d(v, w, { padding: 1, strides: 2 }).tanh().sum(), [0, 1])(
      p.w1.slice([0, 0], [12, 8]).reshape([2, 3, 2, 8]),
      image,
    );
  },
  'sums of rows in f64': (_, x) => x.cast('f64').mean(0),
  'rows that are not the leading axis': (p, x) => {
    const turned = x.transpose();
    const cube = x.slice([0, 0], [x.shape[0]!, 12]).reshape([-1, 3, 4]).transpose([1, 0, 2]);
    const product = (v: Tensor, w: Tensor): Tensor => v.transpose().mul(2).matmul(v).matmul(w).tanh().sum();
    return {
      turned: turned.add(1),
      cube,
      flat: cube.reshape([-1, 4]).mul(x.shape[0]!),
      sums: [turned.sum(1), turned.max(1), turned.cumsum(0), cube.sum([0, 2]), turned.softmax(1)],
      best: turned.argmax(0),
      back: turned.cumsum(1).transpose().add(x),
      joined: concat([turned.add(1).reshape([-1]), turned.mul(2).reshape([-1])], 0),
      padded: turned.pad([
        [1, 0],
        [0, 2],
      ]),
      product: cube.matmul(p.w1.slice([0, 0], [4, 17])),
      grads: valueAndGrad(product, [0, 1])(x, p.w1),
    };
  },
  'a sequence whose elements have the batch': (p, x) => {
    const inputs = x.slice([0, 0], [x.shape[0]!, 12]).reshape([-1, 4, 3]).transpose([1, 0, 2]);
    const run = (w: Tensor, b: Tensor, xs: Tensor, reverse: boolean): readonly [Tensor, Tensor] =>
      scan(
        (h: Tensor, e: Tensor) => {
          const next = e.matmul(w).add(b).add(h.mul(0.5)).tanh();
          return [next, next.mul(h)] as const;
        },
        zeros([x.shape[0]!, 6]),
        xs,
        { reverse },
      );
    const loss = (w: Tensor, b: Tensor, xs: Tensor, reverse: boolean): Tensor => {
      const [last, all] = run(w, b, xs, reverse);
      return last.sum().add(all.square().mean());
    };
    const w = p.w2.slice([0, 0], [3, 6]);
    return [false, true].map((reverse) => [
      run(w, p.b2, inputs, reverse),
      grad((a: Tensor, b: Tensor, xs: Tensor) => loss(a, b, xs, reverse), [0, 1, 2])(w, p.b2, inputs),
    ]);
  },
  'a recurrent net': (_, x) => {
    const steps = x.slice([0, 0], [x.shape[0]!, 12]).reshape([-1, 4, 3]);
    return NETS.map((net) =>
      valueAndGrad((m: nn.GRU | nn.LSTM, v: Tensor) => m.call(v)[0].square().mean(), [0, 1])(net, steps),
    );
  },
};
