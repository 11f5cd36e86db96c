/**
 * Programs that Node and a page both run, each on the default backend of the moment. What they return must be the same
 * bits in both. Everything comes from `lazuli`, as for a user.
 */
import {
  Adadelta,
  arange,
  concat,
  crossEntropy,
  jit,
  Module,
  oneHot,
  random,
  stack,
  type Tensor,
  tensor,
  TrainVar,
  valueAndGrad,
  Variable,
  where,
} from 'lazuli';

/** x·W + b, with W and b from U(±1/√inputs). */
class Linear extends Module {
  readonly weight: TrainVar;
  readonly bias: TrainVar;

  constructor(key: Tensor, inputs: number, outputs: number) {
    super();
    const bound = 1 / Math.sqrt(inputs);
    const [weightKey, biasKey] = random.split(key, 2) as [Tensor, Tensor];
    this.weight = new TrainVar(random.uniform(weightKey, [inputs, outputs], { min: -bound, max: bound }));
    this.bias = new TrainVar(random.uniform(biasKey, [outputs], { min: -bound, max: bound }));
  }

  call(x: Tensor): Tensor {
    return x.matmul(this.weight.value).add(this.bias.value);
  }
}

class Perceptron extends Module {
  readonly layers: readonly Linear[];

  constructor(key: Tensor, sizes: readonly number[]) {
    super();
    const keys = random.split(key, sizes.length - 1);
    this.layers = keys.map((each, i) => new Linear(each, sizes[i]!, sizes[i + 1]!));
  }

  call(x: Tensor): Tensor {
    return this.layers.reduce((hidden, layer, i) => layer.call(i === 0 ? hidden : hidden.tanh()), x);
  }
}

/** Losses of `steps` Adadelta steps on one batch, then the weights and the optimizer's state. */
function train(sizes: readonly number[], batch: number, steps: number): Tensor[] {
  const [modelKey, imageKey, labelKey] = random.split(random.key(7), 3) as [Tensor, Tensor, Tensor];
  const model = new Perceptron(modelKey, sizes);
  const opt = new Adadelta({ trainVars: model.trainVars() });
  const step = jit((x: Tensor, y: Tensor) => {
    const [loss, grads] = valueAndGrad(() => crossEntropy(model.call(x), y), { vars: opt.varsToTrain })();
    opt.update(grads);
    return loss;
  });
  const x = random.normal(imageKey, [batch, sizes[0]!]);
  const y = random.bits(labelKey, [batch]).rightShift(1).cast('i32').mod(sizes.at(-1)!);
  const losses = Array.from({ length: steps }, () => step(x, y));
  return [...losses, ...[...model.vars().values(), ...opt.vars().values()].map((variable) => variable.value)];
}

const jitted = (f: () => Tensor[]): Tensor[] => jit(f)();

/** Numbers at which conversions and special functions have their corners. */
const corners = [
  ...[0, -0, 1, -1, 0.5, -2.5, 7, 1e-3, 88.5, -104, 1e10, -3e9, 4294967295, 2147483648],
  ...[1e-40, -1e-44, 3.4e38, Infinity, -Infinity, NaN],
];

/** Small enough for the interpreter. */
export const smallPrograms: Readonly<Record<string, () => Tensor[]>> = {
  'an MLP learns with Adadelta': () => train([20, 24, 16, 10], 16, 8),

  'softmax, cumsum, gather, argmax': () => {
    const logits = random.normal(random.key(11), [37, 19]).mul(4);
    const indices = tensor([5, 0, 36, 17, -1, 5], { dtype: 'i32' });
    return jitted(() => {
      const p = logits.softmax(1);
      return [
        p,
        logits.logSoftmax(0),
        logits.logSumExp(1),
        p.cumsum(1),
        p.cumsum(0),
        p.gather(indices, 0),
        p.scatterAdd(indices, p.gather(indices.flip(), 0), 0),
        p.argmax(1),
        logits.argmin(0),
        oneHot(p.argmax(1), 19).matmul(p.transpose()),
      ];
    });
  },

  'random numbers': () => {
    const key = random.key(2 ** 40 + 5);
    const [a, b, c, d] = random.split(key, 4) as [Tensor, Tensor, Tensor, Tensor];
    return [
      random.bits(a, [101]),
      random.uniform(b, [7, 11], { min: -2, max: 3 }),
      random.normal(c, [103]),
      random.permutation(d, 97),
    ];
  },

  'f64, i32, u32 and bool': () => {
    const f64 = tensor(corners, { dtype: 'f64' });
    const u32 = random.bits(random.key(3), [corners.length]);
    const i32 = u32.cast('i32').sub(random.bits(random.key(4), [corners.length]).rightShift(2).cast('i32'));
    return jitted(() => {
      const big = f64.greater(1).logicalOr(f64.isNaN());
      return [
        ...(['f32', 'i32', 'u32', 'bool'] as const).map((dtype) => f64.cast(dtype)),
        f64.div(3).sqrt().sum(),
        f64.isFinite().logicalAnd(big),
        where(big, f64, f64.mul(-1.25)),
        i32.mul(i32).add(77),
        i32.floorDivide(1000),
        i32.mod(-13),
        i32.bitwiseXor(tensor(0x5bd1e995 | 0, { dtype: 'i32' })).leftShift(5),
        i32.sum(),
        i32.mean(),
        u32.rightShift(7).bitwiseAnd(tensor(0xff, { dtype: 'u32' })),
        u32.mod(tensor(97, { dtype: 'u32' })),
        u32.cast('f64').prod(),
        u32.max(),
        big.any(),
        big.all(),
      ];
    });
  },

  'special functions': () => {
    const x = concat([tensor(corners), random.normal(random.key(5), [40]).mul(6)]);
    return (['f32', 'f64'] as const).flatMap((dtype) =>
      jitted(() => {
        const y = x.cast(dtype);
        return [
          ...[y.exp(), y.expm1(), y.log(), y.log1p(), y.sin(), y.cos(), y.tanh(), y.erf(), y.gelu(), y.sigmoid()],
          ...[y.softplus(), y.rsqrt(), y.abs().pow(0.3), y.round(), y.fmod(0.7)],
        ];
      }),
    );
  },

  'no jit': () => {
    let x = arange(0, 50).div(50);
    const seen: Tensor[] = [];
    for (let i = 0; i < 5; i++) {
      x = x.add(x.sin().mul(0.1)).sub(x.mean());
      seen.push(x);
    }
    const padded = x.reshape([5, 10]).pad(1, -1).flip(0);
    return [stack(seen), padded.slice([0, 1], [7, 12], [2, 3])];
  },
};

/** Enough elements that threads share the work. */
export const largePrograms: Readonly<Record<string, () => Tensor[]>> = {
  'a wide MLP': () => train([160, 120, 80, 10], 80, 2),

  'one Adadelta step of 100,003 elements and 3 reductions': () => {
    const x = new TrainVar(random.normal(random.key(21), [100_003]));
    const opt = new Adadelta({ trainVars: new Map([['x', x]]) });
    const total = new Variable(tensor(0));
    const step = jit(() => {
      const [loss, grads] = valueAndGrad(() => x.value.tanh().square().mean(), { vars: opt.varsToTrain })();
      opt.update(grads);
      total.value = total.value.add(loss);
      return [loss, x.value.sum(), x.value.max()];
    });
    return [...step(), ...step(), total.value, x.value, ...[...opt.vars().values()].map((variable) => variable.value)];
  },

  'a matrix product with its epilogue': () => {
    const [a, b] = [random.normal(random.key(22), [257, 300]), random.normal(random.key(23), [300, 131])];
    return jitted(() => [a.matmul(b).add(0.5).relu(), a.transpose().matmul(a).sum(1)]);
  },
};
