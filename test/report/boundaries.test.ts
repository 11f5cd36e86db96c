/** Why fusion ended: each rule on a program that has it. */
import { expect, test } from 'vitest';
import { boundariesOf, type BoundaryRule } from '../../src/compile/boundaries.js';
import { jsBackend } from '../../backends/js/backend.js';
import { concat, jit, tensor, type Tensor, zeros } from '../../src/index.js';
import { subjectOf } from '../../src/runtime/inspect.js';
import { BACKENDS } from '../support/backends.js';

const rulesOf = (f: (x: Tensor) => Tensor | Tensor[], shape = [8, 8]): [BoundaryRule, string][] => {
  const { program } = subjectOf(jit(f, { backend: jsBackend }).inspect(zeros(shape)))!;
  return boundariesOf(program.simplified, program.target).map(({ rule, why }) => [rule, why]);
};
const RULES: readonly [BoundaryRule, (x: Tensor) => Tensor | Tensor[], RegExp][] = [
  ['operand', (x) => x.exp().matmul(x), /matmul reads .*: exp is computed once/],
  ['whole', (x) => x.sub(x.sum(1, { keepDims: true })), /needs the finished sum/],
  ['one-epilogue', (x) => [x.matmul(x).tanh(), x.matmul(x).tanh().add(x)], /follows a matmul/],
  ['readers', (x) => [x.matmul(x).exp(), x.matmul(x).sin()], /2 computations read matmul/],
  ['own-loops', (x) => x.exp().cumsum(0).add(1), /cumulative|sum runs in loops of its own/],
  ['own-loops', (x) => concat([x.exp(), x], 0).mul(concat([x.exp(), x], 0).sum()), /concat runs in loops/],
  [
    'indirect',
    (x) =>
      x
        .exp()
        .gather(tensor([1, 0], { dtype: 'i32' }), 0)
        .add(1),
    /known only when the program runs/,
  ],
];

test.each(RULES)('%s', (rule, f, pattern) => {
  expect(rulesOf(f).filter(([each, why]) => each === rule && pattern.test(why))).not.toEqual([]);
});

test('a long chain is cut where its body would be too large', () => {
  const chain = (x: Tensor): Tensor => {
    for (let i = 0; i < 300; i++) x = x.mul(1.5).add(x);
    return x;
  };
  expect(rulesOf(chain).map(([rule]) => rule)).toContain('body');
});

test.each(BACKENDS)(
  'on %s each value that goes from kernel to kernel has its reason, and nothing else has',
  (backend) => {
    const f = jit((x: Tensor) => [x.softmax(1).matmul(x), x.exp().sum(0), x.cumsum(1)], { backend });
    const report = f.inspect(zeros([16, 16]));
    const { program } = subjectOf(report)!;
    const found = new Set(
      boundariesOf(program.simplified, program.target).map(({ buffer }) => program.buffers[buffer]!.name),
    );
    const between = report.buffers.flatMap(({ name }) =>
      report.kernels.some(({ outputs }) => outputs.includes(name)) &&
      report.kernels.some(({ inputs, outputs }) => inputs.includes(name) && !outputs.includes(name))
        ? [name]
        : [],
    );
    expect(found).toEqual(new Set(between));
  },
);
