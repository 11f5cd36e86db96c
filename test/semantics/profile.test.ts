/** `profile` and `checkNumerics`: on a snapshot, on every backend. */
import { describe, expect, test } from 'vitest';
import {
  Adadelta,
  jit,
  meanSquaredError,
  Module,
  random,
  scan,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
  Variable,
  where,
} from '../../src/index.js';
import { BACKENDS, THREADED_BACKENDS } from '../support/backends.js';
import { asynchronous } from '../support/tampered.js';

class Layer extends Module {
  weight = new TrainVar(random.normal(random.key(3), [4, 3]));
  call(x: Tensor): Tensor {
    return x.matmul(this.weight.value).log();
  }
}
class Network extends Module {
  encoder = new Layer();
  call(x: Tensor): Tensor {
    return this.encoder.call(x).mean();
  }
}

describe('profile', () => {
  test.each([...THREADED_BACKENDS, asynchronous('slow')])(
    'times each kernel on %s and changes nothing',
    async (backend) => {
      const w = new TrainVar(random.normal(random.key(3), [4, 3]));
      const opt = new Adadelta({ lr: 1, trainVars: { w } });
      const step = jit(
        (x: Tensor, y: Tensor) => {
          const [loss, grads] = valueAndGrad(() => meanSquaredError(x.matmul(w.value).tanh(), y), {
            vars: opt.varsToTrain,
          })();
          opt.update(grads);
          return loss;
        },
        { backend, name: 'step' },
      );
      const args = [random.normal(random.key(1), [5, 4]), random.normal(random.key(2), [5, 3])] as const;
      const before = await w.value.data();
      const report = step.inspect(...args);
      const stats = { ...step.stats };
      const profile = await step.profile(4, ...args);
      expect(step.stats).toEqual(stats);
      expect(await w.value.data()).toEqual(before);
      expect(profile.runs).toBe(4);
      expect(profile.backend).toBe(report.backend);
      expect(profile.medianMs).toBeGreaterThan(0);
      expect(profile.spreadMs).toBeGreaterThanOrEqual(0);
      expect(profile.kernels.map(({ name }) => name)).toEqual(report.kernels.map(({ name }) => name));
      for (const { medianMs, spreadMs } of profile.kernels) {
        expect(medianMs).toBeGreaterThan(0);
        expect(spreadMs).toBeGreaterThanOrEqual(0);
      }
      const [head, , columns, ...rows] = String(profile).split('\n');
      expect(head).toMatch(/^step on .*: [\d.]+ ms a call \(±[\d.e-]+\), median of 4$/);
      expect(columns!.split(/ {2,}/).slice(0, 4)).toEqual(['kernel', 'computes', 'from', 'ms']);
      expect(rows).toHaveLength(report.launches);
    },
  );

  test('the share of a kernel in a loop is that of all its turns', async () => {
    const turns = 50;
    const step = jit(
      (w: Tensor, x: Tensor) => scan((h: Tensor) => [h.matmul(w).tanh(), null] as const, x, undefined, { length: turns })[0].sum(), // prettier-ignore
      { name: 'loop' },
    );
    const args = [random.normal(random.key(1), [64, 64]), random.normal(random.key(2), [64, 64])] as const;
    const { kernels, launches } = step.inspect(...args);
    expect(new Set(kernels.map((kernel) => kernel.launches))).toEqual(new Set([1, turns]));
    expect(kernels.reduce((sum, kernel) => sum + kernel.launches, 0)).toBe(launches);
    const { kernels: times } = await step.profile(3, ...args);
    const text = String(step.inspect(...args));
    const rows = text.split('\n').slice(3, 3 + kernels.length);
    const shares = rows.map((row) => parseInt(row.trim().split(/ {2,}/).at(-1)!));
    const spent = times.map(({ medianMs }, i) => medianMs * kernels[i]!.launches);
    const all = spent.reduce((sum, ms) => sum + ms, 0);
    for (const [i, ms] of spent.entries()) expect(Math.abs(shares[i]! - (100 * ms) / all)).toBeLessThanOrEqual(0.5);
    expect(String(await step.profile(3, ...args))).toMatch(/ ms +launches +share +GFLOP/);
    expect(step.inspect(...args).toString()).toMatch(/ launches +ms +share$/m);
  });

  test('the trace is events of all kernels of all runs, in order', async () => {
    const step = jit((x: Tensor) => x.matmul(x).sum(0).exp(), { backend: 'js', name: 'f' });
    const profile = await step.profile(3, random.normal(random.key(0), [8, 8]));
    const trace = profile.toTrace();
    const [processName, threadName, ...events] = trace.traceEvents;
    expect([processName!.ph, threadName!.ph]).toEqual(['M', 'M']);
    expect(processName!.args).toEqual({ name: 'f on js' });
    expect(events).toHaveLength(3 * profile.kernels.length);
    let end = 0;
    for (const { ph, ts, dur, args } of events) {
      expect(ph).toBe('X');
      expect(ts).toBeGreaterThanOrEqual(end);
      end = ts! + dur!;
      expect(args).toMatchObject({ flops: expect.any(Number) as number, from: expect.any(String) as string });
    }
    expect(JSON.parse(trace.toString())).toEqual(JSON.parse(JSON.stringify(trace)));
  });

  test('a report knows the times that were measured last', async () => {
    const step = jit((x: Tensor) => x.matmul(x).sum(0).exp(), { backend: 'js' });
    const x = random.normal(random.key(0), [8, 8]);
    expect(step.inspect(x).profile).toBeUndefined();
    expect(String(step.inspect(x))).not.toContain('share');
    const profile = await step.profile(2, x);
    const report = step.inspect(x);
    expect(report.profile).toBe(profile);
    expect(String(report).split('\n')[2]).toMatch(/ ms +share$/);
    expect(step.inspectOn('wasm', x).profile).toBeUndefined();
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ profile: { runs: 2 } });
  });

  test('updates by turns and scratch memory are timed too', async () => {
    const count = new Variable([0]);
    const step = jit((x: Tensor) => {
      const total = x.sum().add(count.value);
      count.value = count.value.add(1);
      return total;
    });
    const profile = await step.profile(1, random.uniform(random.key(0), [1 << 18]));
    expect(profile.kernels.length).toBeGreaterThan(0);
    expect(count.value.arraySync()).toEqual([0]);
  });

  test.each([0, 1.5, '3', NaN])('%o runs are refused', async (runs) => {
    const f = jit((x: Tensor) => x);
    await expect(f.profile(runs as number, tensor([1]))).rejects.toThrow(/OPTION_RANGE/);
    // Who forgets the number hears of that, not of an argument that is missing.
    await expect((f.profile as (...args: unknown[]) => Promise<unknown>)(tensor([1]))).rejects.toThrow(
      /profile got a Tensor .* runs/,
    );
  });
});

describe.each(BACKENDS)('checkNumerics on %s', (backend) => {
  test('names the first node that gives NaN or ∞: module path, line, element', async () => {
    const model = new Network();
    model.encoder.weight.value = tensor([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 0],
      [1, 1, 0],
    ]);
    const opt = new Adadelta({ lr: 1, trainVars: model.trainVars() });
    const step = jit(
      (x: Tensor) => {
        const [loss, grads] = valueAndGrad(() => model.call(x), { vars: opt.varsToTrain })();
        opt.update(grads);
        return loss;
      },
      { backend },
    );
    const x = tensor([
      [1, 1, 1, 1],
      [0, 0, 1, 1],
    ]);
    const stats = { ...step.stats };
    const found = await step.checkNumerics(x);
    expect(found).toEqual({
      op: 'log',
      path: 'encoder',
      location: expect.stringMatching(/^profile\.test\.ts:\d+$/) as string,
      value: '-Infinity',
      index: 5,
    });
    expect(step.stats).toEqual(stats);
    expect(await step.checkNumerics(x.add(1))).toBeNull();
  });

  test('tells NaN from the infinities, and inputs from what is computed', async () => {
    const f = jit((x: Tensor, y: Tensor) => x.div(y), { backend });
    expect(await f.checkNumerics(tensor([1, 1]), tensor([1, 0]))).toMatchObject({
      op: 'div',
      value: 'Infinity',
      index: 1,
    });
    expect(await f.checkNumerics(tensor([0, -1]), tensor([0, 0]))).toMatchObject({ op: 'div', value: 'NaN', index: 0 });
    expect(await f.checkNumerics(tensor([1, NaN]), tensor([1, 1]))).toMatchObject({
      op: 'parameter',
      path: 'arg0',
      value: 'NaN',
      index: 1,
    });
    const logs = jit((x: Tensor) => scan((c: Tensor, y: Tensor) => [c.sub(y).log(), c], tensor(1), x)[0], { backend });
    expect(await logs.checkNumerics(tensor([1, 1]))).toMatchObject({ op: 'scan', value: 'NaN' });
    const w = new Variable([-Infinity], 'w');
    const g = jit((x: Tensor) => x.add(w.value), { backend });
    expect(await g.checkNumerics(tensor([1]))).toMatchObject({ op: 'parameter', path: 'w', value: '-Infinity' });
  });

  test('arguments are taken by their names, in whichever order they stand', async () => {
    const f = jit(({ a, b }: { a: Tensor; b: Tensor }) => a.log().mul(b), { backend });
    const [a, b] = [tensor([1, 2]), tensor([-1, -2])];
    f({ a, b });
    expect(await f.checkNumerics({ b, a })).toBeNull();
  });

  test('infinities that a mask brings in are meant; NaN and arithmetic with a constant ∞ are not', async () => {
    const masked = jit((x: Tensor, mask: Tensor) => where(mask, x, -Infinity).softmax(-1), { backend });
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(
      await masked.checkNumerics(
        x,
        tensor([
          [true, false],
          [true, true],
        ]),
      ),
    ).toBeNull();
    expect(
      await masked.checkNumerics(
        x,
        tensor([
          [true, true],
          [false, false],
        ]),
      ),
    ).toMatchObject({ value: 'NaN' });
    expect(
      await jit((y: Tensor) => y.pad([[1, 1]], -Infinity).max(), { backend }).checkNumerics(tensor([1])),
    ).toBeNull();
    expect(await jit((y: Tensor) => y.mul(Infinity), { backend }).checkNumerics(tensor([1]))).toMatchObject({
      op: 'mul',
    });
  });
});
