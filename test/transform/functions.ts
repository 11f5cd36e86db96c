/** Functions that meet every rule of `jvp` and `vmap`, each of inputs of some shapes. */
import * as L from 'lazuli';
import { type Tensor, tensor } from 'lazuli';

export interface Sample {
  readonly f: (...inputs: Tensor[]) => Tensor;
  /** Shapes of one example. */
  readonly shapes: readonly (readonly number[])[];
  /** Inputs that hold integers below this. */
  readonly integers?: Readonly<Record<number, number>>;
}

const i32 = (...values: number[]): Tensor => tensor(values, { dtype: 'i32' });
const of = (f: Sample['f'], ...shapes: readonly (readonly number[])[]): Sample => ({ f, shapes });
const at = (f: Sample['f'], integers: Sample['integers'] & {}, ...shapes: readonly (readonly number[])[]): Sample => ({
  f,
  shapes,
  integers,
});

export const SAMPLES: Readonly<Record<string, Sample>> = {
  'arithmetic and a number': of((x, y) => x.mul(y).add(2).div(y.square().add(1)).sub(x.neg().abs()), [3, 2], [2]),
  'choices and comparisons': of((x, y) => L.where(x.greater(y), x.maximum(0.1), y.minimum(x).mul(3)), [4], [4]),
  transcendentals: of((x) => x.sin().exp().log1p().add(x.tanh().erf()).add(x.atan2(x.cosh())).pow(2), [5]),
  'casts and numbers': of((x) => x.cast('f64').mul(L.where(x.greater(0), 1, 2)), [3]),
  'sigmoid of a scalar': of((x) => x.sigmoid().mul(x), []),
  'broadcast, reshape and transpose': of(
    (x) => x.reshape([3, 2, 1]).broadcastTo([3, 2, 4]).transpose([2, 0, 1]),
    [2, 3],
  ),
  'slice, pad and flip': of(
    (x) =>
      x
        .slice([1, 0], [3, 4], [1, 2])
        .pad(
          [
            [1, 0],
            [0, 2],
          ],
          5,
        )
        .flip(1),
    [3, 4],
  ),
  concat: of((x, y) => L.concat([x, y.mul(2), L.ones([1, 2], { dtype: 'f64' })]), [2, 2], [1, 2]),
  'sums and means': of((x) => x.sum(1).add(x.mean([0, 1])), [3, 20]),
  'a long sum of all': of((x) => x.sum(), [70, 3]),
  prod: of((x) => x.prod(0), [3, 2]),
  'max, min and argmax': of((x) => x.max(1).add(x.min()).mul(x.argmax(1)), [3, 4]),
  softmax: of((x) => x.softmax().mul(x.logSumExp(0)), [3, 4]),
  'running sums, products and extremes': of(
    (x) => x.cumsum(1).add(x.cumprod(0)).add(x.cummax(1)).add(x.cummin()),
    [3, 4],
  ),
  'matmul of both': of((x, y) => x.matmul(y), [3, 4], [4, 2]),
  'a vector times a matrix': of((x, y) => x.matmul(y).sum(), [4], [4, 2]),
  'batched matmul': of((x, y) => x.matmul(y), [2, 3, 4], [2, 4, 2]),
  'einsum over permuted axes': of((x, y) => L.einsum('ijk,kj->ki', x, y), [2, 3, 4], [4, 3]),
  'gather at computed indices': at((x, i) => x.gather(i, 1), { 1: 4 }, [2, 4, 3], [2, 2]),
  'scatterAdd at computed indices': at((x, i, u) => x.scatterAdd(i, u, 1), { 1: 5 }, [2, 4], [3], [2, 3]),
  'scatter at computed indices': at((x, i, u) => x.scatter(i, u.square()), { 1: 4 }, [3, 2], [4], [4, 2]),
  takeAlongAxis: at((x, i) => x.takeAlongAxis(i, 0), { 1: 3 }, [3, 2], [2, 2]),
  'at of arrays': at((x, i) => x.at(i, [0, 2], i), { 1: 3 }, [3, 2, 3], [2]),
  'dynamicSlice from a start of its own': at((x, i) => x.dynamicSlice([i, 1], [2, 2]), { 1: 4 }, [4, 3], []),
  'dynamicUpdateSlice to a start of its own': at(
    (x, u, i) => x.dynamicUpdateSlice(u, [i, 1]).square(),
    { 2: 4 },
    [4, 3],
    [2, 2],
    [],
  ),
  'dynamicSlice and update from numbers': of(
    (x, u) => x.dynamicUpdateSlice(u, [2, 0]).dynamicSlice([1, 1], [2, 2]),
    [4, 3],
    [2, 2],
  ),
  'roll, tril and stack': of((x) => L.stack([x.roll(1, 0), x.tril()], 1), [3, 3]),
  'a loss of labels': at((x, i) => L.crossEntropy(x, i), { 1: 3 }, [4, 3], [4]),
  conv2d: of((x, w) => L.conv2d(x, w, { padding: 'same', strides: 2 }), [1, 5, 5, 2], [3, 3, 2, 2]),
  sort: of((x) => x.sort(0).mul(x.sort(-1, { descending: true })), [3, 4]),
  'sort of a long row': of((x) => x.sort().mul(L.arange(40)), [2, 40]),
  topK: of((x) => x.topK(2, 0).values.square().add(x.topK(1, 0).indices), [5, 2]),
  maxPool: of((x) => L.maxPool2d(x, 2), [1, 4, 4, 2]),
  'copies of stopped and shared values': of(
    (x) =>
      x
        .stopGradient()
        .mul(x)
        .add(i32(1, 2, 3)),
    [3],
  ),
  variance: of((x) => x.variance(0).add(x.std(0)).add(x.norm()), [4, 2]),
  'a recurrent net': of(
    (w, u, xs) => {
      const [h, ys] = L.scan(
        (state: Tensor, x: Tensor) => {
          const next = x.matmul(w).add(state.matmul(u)).tanh();
          return [next, next.mul(x.sum())] as const;
        },
        L.zerosLike(u.at(0)),
        xs,
        { reverse: true },
      );
      return ys.sum(0).add(h);
    },
    [2, 3],
    [3, 3],
    [4, 2],
  ),
  'carries that swap, count and stop moving': of(
    (x, y) => {
      const [{ a, b, n, z }] = L.scan(
        (c: { a: Tensor; b: Tensor; n: Tensor; z: Tensor }, e: Tensor) => [
          { a: c.b.mul(e), b: c.a.add(c.n), n: c.n.add(1), z: L.zerosLike(c.z) },
          undefined,
        ],
        { a: x, b: x.sin(), n: tensor(0, { dtype: 'i32' }), z: x },
        y,
      );
      return a.mul(b).add(n).add(z);
    },
    [2],
    [3],
  ),
  'a scan of scans of what no example has a say in': of(
    (x, rows) =>
      L.scan(
        (sum: Tensor, row: Tensor) => [
          L.scan((c: Tensor, e: Tensor) => [c.mul(e).add(sum), null], L.onesLike(sum), row)[0].add(x),
          null,
        ],
        L.full([], 0.5, { dtype: x.dtype }),
        rows,
      )[0],
    [],
    [2, 3],
  ),
  'forLoop, and a branch that an element chooses': of(
    (x, y) =>
      L.forLoop(
        0,
        3,
        (i, c: Tensor) =>
          L.cond(
            c.sum().greater(y.sum()),
            (v: Tensor) => v.sub(y.mul(i.add(1))),
            (v: Tensor) => v.add(y).sin(),
            c,
          ),
        x,
      ),
    [3],
    [3],
  ),
  'switchCase of a number that all share, and of one an example': at(
    (x, i) => {
      const cases = [(v: Tensor) => v.square(), (v: Tensor) => v.mul(3), (v: Tensor) => v.cumsum()];
      return L.switchCase(i, cases, x).mul(L.switchCase(i.add(1).minimum(7).mul(0).add(1), cases, x));
    },
    { 1: 4 },
    [3],
    [],
  ),
  'checkpoints around and inside a scan': of(
    L.checkpoint((w: Tensor, xs: Tensor) => {
      const step = L.checkpoint((h: Tensor, x: Tensor) => h.mul(w).add(x).tanh());
      return L.scan((h: Tensor, x: Tensor) => [step(h, x), h] as const, L.zerosLike(w), xs)[1].square();
    }),
    [2],
    [3, 2],
  ),
  'a derivative of its own, of two arguments and a captured one': of(
    (x, y, s) =>
      L.customVjp(
        (a: Tensor, b: Tensor) => [a.mul(b).mul(s), a.sum()] as const,
        (a: Tensor, b: Tensor) => [[a.mul(b).mul(s), a.sum()] as const, { a, b }] as const,
        ({ a, b }, [p, q]) => [p.mul(b).mul(2).add(q), p.mul(a).sum(0)],
      )(x, y)[0].add(s),
    [3, 2],
    [2],
    [2],
  ),
};
