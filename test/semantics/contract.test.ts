/** `expect`: performance pinned, and the reason where it is another. */
import { expect, test } from 'vitest';
import {
  Adadelta,
  ContractError,
  jit,
  ones,
  random,
  tensor,
  type Tensor,
  TrainVar,
  Variable,
  zeros,
} from '../../src/index.js';

function adadelta(): {
  step: ReturnType<typeof jit<[Record<string, Tensor>], void>>;
  grads: Record<string, Tensor>;
  w: TrainVar;
} {
  const w = new TrainVar(zeros([2, 3]));
  const opt = new Adadelta({ trainVars: { w } });
  const step = jit((grads: Record<string, Tensor>) => opt.update(grads), { backend: 'wasm', name: 'step' });
  return { step, grads: { w: zeros([2, 3]) }, w };
}

test('a contract that holds gives the report', () => {
  const { step, grads } = adadelta();
  step(grads);
  step(grads);
  const report = step.expect({ launches: 1, allocations: 0, retraces: 0, backend: 'wasm' });
  expect(report.launches).toBe(1);
  expect(step.expect({ launches: 1 }, grads).name).toBe('step');
  expect(step.expect({}).backend).toBe('wasm');
});

test('without arguments it is the last call; none is an error', () => {
  const f = jit((x: Tensor) => x.mul(2));
  expect(() => f.expect({ launches: 1 })).toThrow(/CONTRACT: .* has not been called. Call it, or/);
  f(tensor([1]));
  f(tensor([1, 2]));
  f.inspect(tensor([1]));
  expect(f.expect({}).kernels[0]!.bytesRead).toBe(8);
  f.clear();
  expect(() => f.expect({})).toThrow(ContractError);
});

test('launches: which kernel is apart, what it reads and why that is complete only then', () => {
  const f = jit((x: Tensor) => x.sub(x.mean(0)).matmul(x), { name: 'f', backend: 'js' });
  const x = random.normal(random.key(0), [4, 4]);
  expect(() => f.expect({ launches: 1 }, x)).toThrow(ContractError);
  expect(() => f.expect({ launches: 1 }, x)).toThrow(
    /^CONTRACT: f has launches \d instead of 1: k1 \(.* at contract\.test\.ts:\d+\) reads t\d+ of k0 \(.*sum.*\), which is whole only at its end; k2 .* which is read often by a contraction\. Mend/,
  );
  const g = jit((a: Tensor, b: Tensor) => [a.sum(0), b.cumsum(0)], { name: 'g', backend: 'js' });
  expect(() => g.expect({ launches: 1 }, zeros([300, 7]), zeros([9]))).toThrow(
    /k1 .* shares no values with the kernels before/,
  );
});

test('allocations: results, and Variables whose memory somebody else can reach', () => {
  const f = jit((x: Tensor) => x.mul(2), { name: 'f' });
  const x = tensor([1, 2]);
  expect(() => f.expect({ allocations: 0 }, x)).toThrow(/allocations undefined instead of 0: it has not run/);
  f(x);
  expect(f.expect({ allocations: 1 }).launches).toBe(1);
  expect(() => f.expect({ allocations: 0 })).toThrow(/allocations 1 instead of 0: result\./);

  const { step, grads, w } = adadelta();
  step(grads);
  step(grads);
  const kept = w.value;
  step(grads);
  expect(() => step.expect({ allocations: 0 })).toThrow(
    /allocations 1 instead of 0: w \(somebody else can reach its memory\)\./,
  );
  step(grads);
  expect(step.expect({ allocations: 0 }).launches).toBe(1);
  expect(kept.shape).toEqual([2, 3]);
});

test('a counter that takes turns allocates once', () => {
  const count = new Variable([0]);
  const f = jit((x: Tensor) => {
    const total = x.sum().add(count.value.sum());
    count.value = count.value.add(total);
  });
  f(tensor([1]));
  f(tensor([1]));
  f(tensor([1]));
  expect(f.expect({ allocations: 0 }).launches).toBeGreaterThan(0);
});

test('retraces: which argument changed', () => {
  const f = jit((x: Tensor, y: { z: Tensor }) => x.sum().add(y.z.sum()), { name: 'f' });
  f(tensor([1]), { z: tensor([1]) });
  f(tensor([2]), { z: tensor([3]) });
  expect(f.expect({ retraces: 0 }).launches).toBeGreaterThan(0);
  f(tensor([2]), { z: tensor([3, 4]) });
  expect(() => f.expect({ retraces: 0 })).toThrow(/retraces 1 instead of 0: arg1\.z went from f32\[1\] to f32\[2\]/);
  expect(f.expect({ retraces: 1 }).launches).toBeGreaterThan(0);
});

test('retraces: all arguments that changed', () => {
  const f = jit(
    (x: Tensor, by: number, ...rest: Tensor[]) => rest.reduce((sum, t) => sum.add(t.sum()), x.sum().mul(by)),
    {
      name: 'f',
      static: [1],
    },
  );
  const many = (extent: number): Tensor[] => Array.from({ length: 9 }, () => ones([extent]));
  f(ones([1]), 2, ...many(1));
  f(ones([3]), 4, ...many(1));
  expect(() => f.expect({ retraces: 0 })).toThrow(
    'retraces 1 instead of 0: arg0 went from f32[1] to f32[3], static argument 1 went from 2 to 4',
  );
  f(ones([3]), 4, ...many(2));
  expect(() => f.expect({ retraces: 0 })).toThrow(
    /: arg2 went .*, arg9 went from f32\[1\] to f32\[2\], 1 more changed\./,
  );
});

test('backend, by name or object; several reasons at once; options are checked', () => {
  const f = jit((x: Tensor) => x.mul(2), { name: 'f', backend: 'js' });
  f(tensor([1]));
  expect(() => f.expect({ backend: 'wasm', launches: 3 })).toThrow(
    /CONTRACT: f has backend js instead of wasm\. launches 1 instead of 3\. Mend/,
  );
  expect(() => f.expect({ launch: 1 } as never)).toThrow(/UNKNOWN_OPTION.*Did you mean launches/);
  for (const count of ['1', -1, 0.5, NaN, null])
    expect(() => f.expect({ launches: count } as never)).toThrow(
      /OPTION_RANGE: expect got launches = .* launches is a whole number from 0/,
    );
});
