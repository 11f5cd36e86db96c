/** Outside `jit` one program serves all numbers: offsets, fills, bounds and indices are its inputs. */
import fc from 'fast-check';
import * as L from 'lazuli';
import { jit, random, setDefaultBackend, tensor, type Tensor, valueAndGrad } from 'lazuli';
import { afterEach, describe, expect, test } from 'vitest';
import { noise } from '../support/arrays.js';
import { methodNames, read } from '../support/backends.js';
import { expectSameBits } from '../support/bits.js';
import { counting } from '../support/counting.js';
import { INPUTS, instructions, runAll } from '../properties/programs.js';
import { runs } from '../support/runs.js';

afterEach(() => setDefaultBackend('js'));

const of = ({ data, shape, dtype }: ReturnType<typeof noise>): Tensor => tensor(data, { shape, dtype });
const x = of(noise('f32', [8, 6]));
const v = of(noise('f32', [8], 2));
const labels = tensor([0, 2, 1, 3], { dtype: 'i32' });
const ints = tensor([5, -3, 100, 7], { dtype: 'i32' });
const condition = of(noise('bool', [8, 6], 4));

/** Turn `i` of a loop: other numbers, the same shapes. */
type Turn = (i: number) => Tensor;

const TURNS: Readonly<Record<string, Turn>> = {
  slice: (i) => x.slice([i * 2], [i * 2 + 2]),
  'slice of two axes': (i) => x.slice([i, 3 - i], [i + 4, 6 - i]),
  'slice from the end': (i) => x.slice([-5 + i], [5 + i]),
  'slice in steps': (i) => x.slice([i, 0], [i + 4, 5], [2, 3]),
  'slice backwards': (i) => x.slice([i + 4, i + 2], [i, i], [-1, -2]),
  'slice of nothing': (i) => x.slice([i], [i]),
  'slice of a computed value': (i) =>
    x
      .mul(2)
      .transpose()
      .slice([i], [i + 2])
      .sum(0),
  'slice of a slice': (i) => x.slice([i], [i + 4]).slice([3 - i], [4 - i]),
  'slice of an integer tensor': (i) => ints.slice([i], [i + 1]),
  'slices that may coincide': (i) => x.slice([i], [i + 1]).sub(x.slice([1], [2])),
  'a batch': (i) => x.slice([i * 2], [i * 2 + 2]).matmul(x.transpose()),
  'a sliding roll': (i) => L.concat([x, x]).slice([i], [i + 8]),
  pad: (i) => x.pad(1, i),
  'pad by other widths': (i) =>
    x.pad([
      [i, 3 - i],
      [0, 1],
    ]),
  'pad with an infinity': (i) => v.pad(2, i % 2 === 0 ? -Infinity : NaN),
  full: (i) => L.full([3, 2], i).add(x.slice([0, 0], [3, 2])),
  'full of an integer': (i) => L.full([3], i, { dtype: 'i32' }),
  'zeros, ones and eye': () =>
    L.zeros([3, 3])
      .add(L.ones([3, 3]))
      .sub(L.eye(3)),
  arange: (i) => L.arange(i, i + 6),
  'arange in steps': (i) => L.arange(0, 6 * (i + 1), i + 1),
  'arange of f32': (i) => L.arange(i / 4, i / 4 + 3, 0.5),
  linspace: (i) => L.linspace(i, 2 * i + 1, 7),
  tensor: (i) => tensor([i, i + 1]).mul(2),
  gather: (i) => x.gather(i, 1),
  'gather from the end': (i) => x.gather(i - 4),
  'gather of a list': (i) => x.gather(tensor([i, 0], { dtype: 'i32' })),
  scatterAdd: (i) => x.scatterAdd(tensor([i, 1], { dtype: 'i32' }), L.full([2, 6], i)),
  'scatterAdd at a number': (i) => v.scatterAdd(i, i + 0.5),
  scatter: (i) => x.scatter(tensor([i, 1], { dtype: 'i32' }), L.full([2, 6], i)),
  takeAlongAxis: (i) => x.takeAlongAxis(labels.reshape([1, 4]).add(i - 3), 1),
  at: (i) => x.at(i, [i, i + 2]),
  'at from the end': (i) => x.at([-i - 4, -i - 1], -i - 2, null).sum(),
  'at of arrays and numbers': (i) => x.at(labels, i).add(x.at([], i, null).at(0)),
  split: (i) => x.slice([i], [i + 4]).split(2)[1]!,
  unstack: (i) => ints.unstack()[3]!.add(i),
  roll: (i) => x.roll(i),
  'roll of axes': (i) => x.roll([i, -i], [0, 1]),
  'tril and triu': (i) => x.tril(i).add(x.triu(-i)),
  tril: (i) => x.tril(i - 2),
  triu: (i) => x.triu(i - 2),
  nanToNum: (i) => x.div(0).nanToNum({ nan: i, posInf: 2 * i, negInf: -i }),
  leakyRelu: (i) => x.leakyRelu(i / 8),
  elu: (i) => x.elu(i / 8),
  gelu: (i) => x.mul(i).gelu({ approximate: 'tanh' }),
  variance: (i) => x.variance(0, { correction: i / 2 }),
  std: (i) => x.std(1, { correction: i }),
  fullLike: (i) => L.fullLike(x, i),
  atan2: (i) => x.atan2(i),
  logAddExp: (i) => x.logAddExp(i),
  copySign: (i) => x.copySign(i - 2),
  logicalXor: (i) => ints.logicalXor(i % 2),
  outer: (i) => v.outer(i),
  dynamicSlice: (i) => x.dynamicSlice([i, i], [3, 2]),
  dynamicUpdateSlice: (i) => x.dynamicUpdateSlice(L.full([2, 2], i), [i, 3 - i]),
  oneHot: (i) => L.oneHot(labels.add(i), 6),
  'oneHot of a number': (i) => L.oneHot(i, 4),
  clip: (i) => x.clip(-i / 8, i / 4),
  'clip on one side': (i) => x.clip(undefined, i / 4),
  'clip of integers': (i) => ints.clip(-i, 10 * i),
  where: (i) => L.where(condition, i, -i),
  'where with a tensor': (i) => L.where(condition, x, i),
  'where of a number': (i) => L.where(i % 2 === 0, x, 1),
  ...Object.fromEntries(
    'add sub mul div mod fmod floorDivide maximum minimum equal notEqual less lessEqual greater greaterEqual logicalAnd logicalOr'
      .split(' ')
      .map((name): [string, Turn] => [
        name,
        (i) => {
          const method = name as 'add';
          return x[method](i).add(ints.slice([0], [1])[method](i + 1));
        },
      ]),
  ),
  ...Object.fromEntries(
    'bitwiseAnd bitwiseOr bitwiseXor leftShift rightShift'
      .split(' ')
      .map((name): [string, Turn] => [name, (i) => ints[name as 'bitwiseAnd'](i)]),
  ),
  'a number on the left': (i) => L.pow(i + 1, x).add(L.sub(i, x)),
  concat: (i) => L.concat([v, v.mul(i)]),
  stack: (i) => L.stack([tensor(1), i, i + 1]),
  'random.key': (i) => random.uniform(random.key(i), [5]),
  'random.split': (i) => random.normal(random.split(random.key(i), 3)[i % 3]!, [5]),
  'random.bits': (i) => random.bits(random.key(i), [7]),
  'random.uniform': (i) => random.uniform(random.key(1), [5], { min: -i, max: i + 1 }),
  'random.permutation': (i) => random.permutation(random.key(i), 20),
  crossEntropy: (i) => L.crossEntropy(x.slice([i], [i + 4]), labels),
  meanSquaredError: (i) => L.meanSquaredError(v, v.mul(i)),
  'grad of a slice': (i) =>
    L.grad((t: Tensor) =>
      t
        .slice([i], [i + 2])
        .mul(i)
        .square()
        .sum(),
    )(x),
  'grad of a pad': (i) =>
    L.grad((t: Tensor) =>
      t
        .pad([i, 3 - i], i)
        .square()
        .sum(),
    )(v),
  'grad of grad': (i) =>
    L.grad((t: Tensor) =>
      L.grad((u: Tensor) =>
        u
          .slice([i], [i + 2])
          .mul(i)
          .tanh()
          .sum(),
      )(t)
        .square()
        .sum(),
    )(v),
};

/** Methods whose arguments are tensors, dtypes and axes only: nothing that could change without another shape or program. */
const WITHOUT_NUMBERS = (
  'logicalNot neg abs sign square sqrt rsqrt reciprocal exp expm1 log log1p sin cos tanh sigmoid relu gelu erf softplus ' +
  'floor ceil round trunc isNaN isFinite bitcast cast stopGradient matmul sum mean prod max min any all argmax argmin ' +
  'cumsum reshape transpose broadcastTo flip expandDims squeeze softmax logSoftmax logSumExp ' +
  'asin acos atan tan sinh cosh asinh acosh atanh exp2 log2 log10 cbrt erfc isInf bitwiseNot selu silu mish softSign hardTanh ' +
  'logSigmoid glu countNonZero cumprod cummax cummin swapAxes moveAxis ravel tile repeat diag norm sort argsort topK'
).split(' ');
/** An exponent is part of the program. */
const CONSTANT = ['pow'];

describe('the second turn of a loop compiles nothing', () => {
  test.each(Object.entries(TURNS))('%s', (name, turn) => {
    const turns = name.startsWith('random') ? 5 : 4;
    setDefaultBackend('reference');
    const wanted = Array.from({ length: turns }, (_, i) => read(jit(() => turn(i))()));
    const counts = counting();
    setDefaultBackend(counts.backend);
    const first = read(turn(0));
    const { compiled } = counts;
    expectSameBits(first, wanted[0]!);
    for (let i = 1; i < turns; i++) expectSameBits(read(turn(i)), wanted[i]!, `turn ${i}`);
    expect(counts.compiled).toBe(compiled);
    expect(compiled).toBeLessThanOrEqual(2);
  });

  test('for every method that takes numbers', () => {
    const nonOps = ['constructor', 'expr', 'shape', 'dtype', 'ndim', 'size', 'data', 'dataSync', 'array', 'arraySync'];
    nonOps.push('item', 'dispose', 'markDonated', 'toString', 'toJSON', 'applied', 'appliedToParts');
    const known = new Set([...Object.keys(TURNS), ...WITHOUT_NUMBERS, ...CONSTANT, ...nonOps]);
    expect(methodNames().filter((name) => !known.has(name))).toEqual([]);
  });

  test('training over batches of a data set', () => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    const w = new L.TrainVar(L.zeros([6]));
    const losses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const rate = 0.1 / (i + 1);
      const [loss, g] = valueAndGrad(
        () => L.meanSquaredError(x.slice([i % 4], [(i % 4) + 2]).matmul(w.value), v.slice([i % 4], [(i % 4) + 2])),
        { vars: w },
      )();
      w.value = w.value.sub(g.mul(rate));
      losses.push(loss.item());
      if (i === 0) expect(counts.compiled).toBeLessThanOrEqual(2);
    }
    expect(losses[4]).toBeLessThan(losses[0]!);
    expect(counts.compiled).toBeLessThanOrEqual(2);
  });

  /** What a loop begins with, and one turn of it: from its state, what is read and the next state. */
  interface Loop {
    readonly begin: () => Tensor[];
    readonly turn: (...state: Tensor[]) => [read: Tensor, ...next: Tensor[]];
  }
  /** Enough elements for values that nobody needs not to be stored. */
  const N = 1500;
  const start = (): Tensor => of(noise('f32', [N], 3));
  const weights = of(noise('f32', [6, 6], 5));
  const square = L.valueAndGrad((t: Tensor) => t.square().sum());

  const LOOPS: Readonly<Record<string, Loop>> = {
    Adam: {
      begin: () => [start(), L.zeros([N]), L.zeros([N]), tensor(0)],
      turn: (w, m, s, t) => {
        const [loss, g] = square(w);
        const [m1, s1, t1] = [m.mul(0.9).add(g.mul(0.1)), s.mul(0.999).add(g.square().mul(0.001)), t.add(1)];
        const rate = L.sub(1, L.pow(0.999, t1))
          .sqrt()
          .div(L.sub(1, L.pow(0.9, t1)))
          .mul(0.1);
        return [loss, w.sub(m1.div(s1.sqrt().add(1e-8)).mul(rate)), m1, s1, t1];
      },
    },
    Adadelta: {
      begin: () => [start(), L.zeros([N]), L.zeros([N])],
      turn: (w, s, d) => {
        const [loss, g] = square(w);
        const s1 = s.mul(0.95).add(g.mul(g).mul(0.05));
        const u = d.add(1e-6).div(s1.add(1e-6)).sqrt().mul(g);
        return [loss, w.sub(u), s1, d.mul(0.95).add(u.mul(u).mul(0.05))];
      },
    },
    'momentum whose two moments begin as one value': {
      begin: () => {
        const zero = L.zeros([N]);
        return [start(), zero, zero];
      },
      turn: (w, a, b) => {
        const g = w.mul(2);
        const [a1, b1] = [a.mul(0.9).add(g), b.square().add(g.square()).mul(0.5)];
        return [w.sum(), w.sub(a1.div(b1.sqrt().add(1)).mul(0.1)), a1, b1];
      },
    },
    'heavy ball, which begins where it was': {
      begin: () => {
        const w = start();
        return [w, w];
      },
      turn: (w, before) => {
        const next = w.sub(w.mul(0.2)).add(w.sub(before).mul(0.9)).add(before.exp().sub(w.exp()).mul(1e-3));
        return [next.sum(), next, w];
      },
    },
    'a running mean': {
      begin: () => [L.zeros([8, 6])],
      turn: (mean) => {
        const next = mean.mul(0.9).add(x.mul(0.1));
        return [next.sum(), next];
      },
    },
    'a cell of a GRU': {
      begin: () => [L.zeros([8, 6])],
      turn: (h) => {
        const z = x.matmul(weights).add(h.matmul(weights)).sigmoid();
        const n = x.add(z.mul(h.matmul(weights))).tanh();
        const next = L.sub(1, z).mul(n).add(z.mul(h));
        return [next.sum(), next];
      },
    },
    'a ring of two handles': {
      begin: () => [tensor([1, 2]), L.full([2], 3)],
      turn: (a, b) => {
        const next = a.add(b).mul(0.5);
        return [next.sum(), b, next];
      },
    },
    'a value that only the next turn uses': {
      begin: () => [start(), L.zeros([N])],
      turn: (a, b) => {
        const half = a.mul(0.5);
        return [half.add(b).sum(), half, half.mul(3).exp()];
      },
    },
  };

  /** The values read in each turn and the last state; `every` turns are recorded between two reads. */
  function runLoop(
    { begin, turn }: Loop,
    turns: number,
    every = 1,
    wrap = (f: Loop['turn']): Loop['turn'] => f,
  ): number[] {
    const step = wrap(turn);
    let state = begin();
    const read: number[] = [];
    for (let i = 0; i < turns * every; i++) {
      const [value, ...next] = step(...state);
      state = next;
      if ((i + 1) % every === 0) read.push(value.item());
    }
    return [...read, ...state.flatMap((value) => [...value.dataSync()])];
  }

  test.each(Object.entries(LOOPS))('over plain handles: %s', (_, loop) => {
    for (const every of [1, 3]) {
      const counts = counting();
      setDefaultBackend(counts.backend);
      const compiled: number[] = [];
      const runsOf: number[] = [];
      const before = counts.runs;
      const watched: Loop = {
        begin: loop.begin,
        turn: (...state) => {
          compiled.push(counts.compiled);
          runsOf.push(counts.runs - before);
          return loop.turn(...state);
        },
      };
      const values = runLoop(watched, 8, every);
      expect(new Set(compiled.slice(every))).toEqual(new Set([compiled[every]]));
      expect(runsOf.at(-1)! - runsOf[every]!).toBeLessThanOrEqual(6);
      setDefaultBackend('js');
      expect(values).toEqual(runLoop(loop, 8, every, (turn) => jit(turn)));
    }
  });

  test('of Variables that begin with something computed', () => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    const w = new L.TrainVar(random.normal(random.key(1), [6]).mul(0.1));
    const mean = new L.Variable(w.value);
    const turn = (): number => {
      const [loss, g] = valueAndGrad(() => L.meanSquaredError(x.matmul(w.value), v), { vars: w })();
      w.value = w.value.sub(g.mul(0.1));
      mean.value = mean.value.mul(0.9).add(w.value.mul(0.1));
      return loss.item();
    };
    const first = turn();
    const { compiled } = counts;
    expect(turn()).toBeLessThan(first);
    turn();
    expect(counts.compiled).toBe(compiled);
  });

  test('values that nobody asks for take no memory later on, and can be had all the same', () => {
    const counts = counting();
    let given = 0;
    const backend = {
      ...counts.backend,
      allocate: (...args: Parameters<typeof counts.backend.allocate>) => {
        given += args[1] >= N ? 1 : 0;
        return counts.backend.allocate(...args);
      },
    };
    setDefaultBackend(backend);
    const w = start();
    const kept: Tensor[] = [];
    const allocated: number[] = [];
    for (let i = 0; i < 12; i++) {
      const before = given;
      const doubled = w.mul(i);
      kept.push(doubled.add(1));
      expect(kept[i]!.exp().square().sqrt().log().mean().item()).toBeCloseTo(1 + i * w.mean().item(), 1);
      allocated.push(given - before);
    }
    expect(allocated[0]).toBeGreaterThanOrEqual(5);
    expect(allocated.slice(6)).toEqual(allocated.slice(6).map(() => 0));
    kept.forEach((value, i) => {
      expect(value.dataSync()).toEqual(
        Float32Array.from(w.dataSync(), (each) => Math.fround(Math.fround(each * i) + 1)),
      );
    });
  });

  const OPTIMIZERS: Readonly<Record<string, (trainVars: Record<string, L.TrainVar>) => L.Optimizer>> = {
    SGD: (trainVars) => new L.SGD({ lr: 0.1, trainVars }),
    Momentum: (trainVars) => new L.Momentum({ lr: 0.1, trainVars, weightDecay: 0.01 }),
    Adam: (trainVars) => new L.Adam({ lr: 0.1, trainVars }),
    Adan: (trainVars) => new L.Adan({ lr: 0.1, trainVars }),
    Adadelta: (trainVars) => new L.Adadelta({ trainVars }),
    SM3: (trainVars) => new L.SM3({ lr: 0.1, trainVars }),
    LARS: (trainVars) => new L.LARS({ lr: 0.1, trainVars }),
    'Adam by a schedule': (trainVars) =>
      new L.Adam({ lr: new L.ExponentialDecayLR({ lr: 0.1, decaySteps: 3, decayRate: 0.9 }), trainVars }),
    'a chain': (trainVars) =>
      new L.ComposedOptimizer({ transformation: L.chain(L.clipByGlobalNorm(1), L.adam({ lr: 0.1 })), trainVars }),
  };
  test.each(Object.entries(OPTIMIZERS))('updating with %s', (_, make) => {
    const counts = counting();
    setDefaultBackend(counts.backend);
    const run = (eager: boolean): number[] => {
      const vars = { a: new L.TrainVar(L.ones([3, 2])), b: new L.TrainVar([1, 2]) };
      const optimizer = make(vars);
      const update = (): Tensor => {
        const [loss, grads] = valueAndGrad(() => vars.a.value.mul(vars.b.value).square().sum(), { vars })();
        optimizer.update(grads);
        return loss;
      };
      const turn = eager ? update : jit(update);
      const losses = [turn().item()];
      const { compiled } = counts;
      for (let i = 0; i < 4; i++) losses.push(turn().item());
      expect(counts.compiled).toBe(compiled);
      return [...losses, ...vars.a.value.dataSync(), ...vars.b.value.dataSync()];
    };
    expect(run(true)).toEqual(run(false));
  });

  test('of random programs whose numbers change, and gives the bits of jit', () => {
    const inputs = INPUTS.map(of);
    fc.assert(
      fc.property(instructions(1, 12), fc.integer({ min: 1, max: 40 }), (program, change) => {
        const run = (turn: number): Tensor[] =>
          runAll(
            program.map((each) => ({ ...each, turn })),
            inputs,
          );
        const counts = counting();
        let compiled: number | undefined;
        // A program of the run before may have left something that nobody read; it would join the first turn.
        tensor([1]).add(1).dataSync();
        for (const turn of [0, change, 2 * change]) {
          setDefaultBackend('reference');
          const wanted = jit(() => run(turn))().map(read);
          setDefaultBackend(counts.backend);
          run(turn).forEach((value, i) => expectSameBits(read(value), wanted[i]!, `turn ${turn}, value ${i}`));
          compiled ??= counts.compiled;
        }
        expect(counts.compiled).toBe(compiled);
      }),
      { numRuns: runs(30) },
    );
  });
});
