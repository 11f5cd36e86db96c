/** Attention, alone and in layers, beside PyTorch's; rows with nothing allowed; what it writes; mistakes. */
import {
  attention,
  DTypeError,
  grad,
  jit,
  nn,
  OptionError,
  random,
  ShapeError,
  tensor,
  type Tensor,
  zeros,
} from 'lazuli';
import { describe, expect, test } from 'vitest';
import { expectError } from '../errors/thrown.js';
import { BACKENDS } from '../support/backends.js';
import { compareWithTorch } from './torch.js';

type Inputs = Record<string, Tensor>;
const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const normals = (count: number, shape: number[]): Tensor[] =>
  random.split(random.key(0), count).map((key) => random.normal(key, shape));
const allowed = tensor([
  [true, false, true, true, false],
  [true, true, true, true, true],
  [false, false, false, false, true],
]);

describe('as PyTorch', () => {
  test.each<[string, (inputs: Inputs) => Tensor]>([
    ['attention', ({ q, k, v }) => attention(q!, k!, v!)],
    ['attention scale', ({ q, k, v }) => attention(q!, k!, v!, { scale: 0.3 })],
    ['attention float mask', ({ q, k, v, mask }) => attention(q!, k!, v!, { mask: mask! })],
    ['attention mask', ({ q, k, v }) => attention(q!, k!, v!, { mask: allowed })],
    ['attention causal', ({ q, k, v }) => attention(q!, k!, v!, { causal: true })],
  ])('%s', (name, f) => {
    compareWithTorch(name, f);
  });

  test('MultiHeadAttention', () => {
    const layer = new nn.MultiHeadAttention(6, 2, { dtype: 'f64' });
    compareWithTorch('MultiHeadAttention', ({ x, y, ...rest }) => {
      setProjections(layer, rest);
      return layer.call(x!, y);
    });
  });

  test('TransformerBlock', () => {
    const block = new nn.TransformerBlock(6, 2, { dtype: 'f64', causal: true });
    compareWithTorch('TransformerBlock', ({ x, ...rest }) => {
      setProjections(block.attention, rest);
      for (const [layer, weight, bias] of [
        [block.attentionNorm, 'g1', 'b1'],
        [block.hiddenNorm, 'g2', 'b2'],
        [block.expand, 'w1', 'c1'],
        [block.contract, 'w2', 'c2'],
      ] as const) {
        layer.weight.value = rest[weight]!;
        layer.bias!.value = rest[bias]!;
      }
      return block.call(x!);
    });
  });
});

function setProjections(layer: nn.MultiHeadAttention, values: Inputs): void {
  for (const [linear, letter] of [
    [layer.query, 'q'],
    [layer.key, 'k'],
    [layer.value, 'v'],
    [layer.out, 'o'],
  ] as const) {
    linear.weight.value = values[`w${letter}`]!;
    linear.bias!.value = values[`b${letter}`]!;
  }
}

test('a row with nothing allowed is 0, and so are its derivatives', () => {
  const [q, k, v] = normals(3, [1, 1, 3, 4]) as [Tensor, Tensor, Tensor];
  const rows = tensor([[true], [false], [true]]);
  const added = tensor([[0], [-Infinity], [0]]);
  for (const mask of [rows, added]) {
    const f = (...x: Tensor[]): Tensor => attention(x[0]!, x[1]!, x[2]!, { mask });
    expect(numbers(f(q, k, v)).slice(4, 8)).toEqual([0, 0, 0, 0]);
    const grads = jit((...x: Tensor[]) =>
      grad(
        (...y: Tensor[]) =>
          f(...y)
            .square()
            .sum(),
        [0, 1, 2],
      )(...x),
    )(q, k, v);
    expect(numbers(grads[0]).slice(4, 8)).toEqual([0, 0, 0, 0]);
    expect((grads as Tensor[]).flatMap(numbers).every(Number.isFinite)).toBe(true);
  }
  // No keys at all.
  expect(numbers(attention(q, zeros([1, 1, 0, 4]), zeros([1, 1, 0, 2])))).toEqual([0, 0, 0, 0, 0, 0]);
});

test('dropout drops weights, by the key, and keeps their mean', () => {
  const q = zeros([1, 1, 1, 2]);
  const [k, v] = [zeros([1, 1, 2000, 2]), zeros([1, 1, 2000, 1]).add(1)];
  const key = random.key(3);
  const f = jit((key: Tensor) => attention(q, k, v, { dropout: 0.5, key }));
  expect(f(key).item()).toBeCloseTo(1, 1);
  expect(f(key).item()).toBe(f(key).item());
  expect(f(key).item()).not.toBe(f(random.key(4)).item());
  expectError(() => jit(() => attention(q, k, v, { dropout: 0.5 }))(), OptionError, 'NO_DROPOUT_KEY');
});

test('the same bits on every CPU backend', () => {
  const inputs = normals(3, [1, 2, 5, 4]);
  const results = BACKENDS.map((backend) =>
    numbers(
      jit((q: Tensor, k: Tensor, v: Tensor) => attention(q, k, v, { causal: true }), { backend })(
        ...(inputs as [Tensor, Tensor, Tensor]),
      ),
    ),
  );
  results.slice(1).forEach((each) => {
    expect(each).toEqual(results[0]);
  });
});

test('arrays of [length, keys]: scores and weights forward, the cotangent of the scores backward, each written once', () => {
  const [q, k, v, w] = normals(4, [1, 4, 256, 64]) as [Tensor, Tensor, Tensor, Tensor];
  const square = 4 * 256 * 256 * 4;
  const forward = jit((...x: Tensor[]) => attention(x[0]!, x[1]!, x[2]!, { causal: true }));
  const both = jit((...x: Tensor[]) =>
    grad((...y: Tensor[]) => attention(y[0]!, y[1]!, y[2]!, { causal: true }).mul(w).sum(), [0, 1, 2])(...x),
  );
  const written = (report: ReturnType<typeof forward.inspect>): number =>
    report.buffers.filter(({ name, bytes }) => bytes === square && !/^(arg|result)/.test(name)).length;
  expect(written(forward.inspect(q, k, v))).toBe(2);
  const report = both.inspect(q, k, v);
  expect(written(report)).toBe(3);
  const large = report.kernels.filter(({ bytesWritten }) => bytesWritten >= square);
  expect(large.map(({ bytesWritten }) => Math.round(bytesWritten / square))).toEqual([1, 1, 1]);
});

describe('layers', () => {
  test('TransformerBlock has a Dropout on each branch, which eval() stills', () => {
    const block = new nn.TransformerBlock(8, 2, { dropout: 0.5, hidden: 16 });
    const x = random.normal(random.key(1), [2, 3, 8]);
    const f = jit((y: Tensor) => block.call(y));
    expect(numbers(f(x))).not.toEqual(numbers(f(x)));
    block.eval();
    expect(numbers(f(x))).toEqual(numbers(f(x)));
    expect(Object.keys(block.stateDict({ method: 'relative' }))).toContain('attention.query.weight');
  });

  test('a mask holds for each head', () => {
    const layer = new nn.MultiHeadAttention(4, 2);
    const x = random.normal(random.key(1), [1, 3, 4]);
    const mask = tensor([1, 1, 1, 0, 1, 1, 0, 0, 1].map(Boolean), { shape: [3, 3] }).transpose();
    expect(numbers(layer.call(x, x, x, { mask }))).toEqual(numbers(layer.call(x, x, x, { causal: true })));
  });
});

test('mistakes', () => {
  const [q, k, v] = normals(3, [1, 2, 3, 4]) as [Tensor, Tensor, Tensor];
  const shape = (body: () => unknown): void => void expectError(body, ShapeError, 'SHAPE_MISMATCH');
  shape(() => attention(q, k.slice([0, 0, 0, 0], [1, 2, 3, 2]), v));
  shape(() => attention(q, k, v.slice([0, 0, 0, 0], [1, 2, 2, 4])));
  shape(() => attention(q, k.slice([0], [1], [1]).reshape([2, 3, 4]), v));
  shape(() => attention(zeros([4]), zeros([4]), zeros([4])));
  shape(() => attention(q, k, v, { mask: zeros([2, 2]) }));
  expectError(() => attention(q, k, v, { mask: tensor([1, 0, 1], { dtype: 'i32' }) }), DTypeError, 'DTYPE_UNSUPPORTED');
  expectError(() => attention(q.cast('i32'), k, v), DTypeError, 'DTYPE_UNSUPPORTED');
  expectError(() => attention(q, k, v, { dropout: 1 }), OptionError, 'OPTION_RANGE');
  expectError(() => attention(q, k, v, { isCausal: true } as never), OptionError, 'UNKNOWN_OPTION');
  expectError(() => new nn.MultiHeadAttention(6, 4), OptionError, 'HEADS');
  expectError(() => new nn.MultiHeadAttention(6, 2).call(zeros([3, 6])), ShapeError, 'LAYER_INPUT');
  expectError(() => new nn.TransformerBlock(6, 2, { causal: 1 as never }), OptionError, 'OPTION_RANGE');
});
