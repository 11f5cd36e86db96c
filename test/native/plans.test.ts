/** What a later process finds of a program beside its library: it traces and runs, and no pass does until somebody looks. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Adam, jit, type Jitted, scan, type Tensor, tensor, TrainVar, valueAndGrad, where } from 'lazuli';
import { native, type NativeBackend, type NativeOptions } from 'lazuli/native';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { TUNING } from '../../backends/native/backend.js';
import { setVerification } from '../../src/lower/pipeline.js';
import { verifier } from '../../src/lower/verify.js';
import { clearNameCache } from '../../src/object/naming.js';
import { noise } from '../support/arrays.js';
import { describeOnNative, DIRECTORY } from './support.js';

/** A backend as another process would open it, in which names begin anew. */
function opened(cacheDirectory: string, sources = '1'): Promise<NativeBackend> {
  clearNameCache();
  return native({
    cacheDirectory,
    threads: 1,
    flags: ['-O0'],
    [TUNING]: { sources, smallTasks: true },
  } as NativeOptions);
}

/** Programs that passes have made. */
let made = 0;
beforeEach(() => {
  made = 0;
  setVerification({ ...verifier, program: (program) => (made++, verifier.program(program)) });
});
afterAll(() => setVerification(verifier));

type Step = Jitted<[Tensor, number], Tensor>;

/** A training step with updates in place, a loop with views, and a number. */
function training(backend: NativeBackend, name = 'step'): { step: Step; losses: () => number[] } {
  const data = ([rows, columns]: [number, number], seed: number): Tensor =>
    tensor(noise('f32', [rows, columns], seed).data, { shape: [rows, columns] });
  const [w, v] = [new TrainVar(data([6, 5], 1)), new TrainVar(data([5, 5], 2))];
  const optimizer = new Adam({ lr: 0.1, trainVars: { w, v } });
  const step = jit(
    (x: Tensor, by: Tensor) => {
      const [loss, gradients] = valueAndGrad(
        () => {
          const turn = (h: Tensor, each: Tensor): [Tensor, null] => [
            h.matmul(v.value).add(each.matmul(w.value)).tanh(),
            null,
          ];
          return where(by.greater(0), scan(turn, data([4, 5], 3), x)[0].mul(by), -0).sum();
        },
        { vars: optimizer.varsToTrain },
      )();
      optimizer.update(gradients);
      return loss;
    },
    { backend, name },
  ) as unknown as Step;
  const x = tensor(noise('f32', [3, 4, 6], 4).data, { shape: [3, 4, 6] });
  return { step, losses: () => [1, 2, 0.5].map((by) => step(x, by).item()) };
}

describeOnNative('plans', () => {
  const directory = mkdtempSync(join(DIRECTORY, 'plans-'));
  const plans = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.json'));
  let want: number[];

  test('a second process has the same bits without a pass, and the same report, made when it is asked for', async () => {
    const first = training(await opened(directory));
    want = first.losses();
    expect(want[0]).not.toBe(want[1]);
    expect(made).toBeGreaterThan(0);
    const programs = made;
    const second = training(await opened(directory));
    expect(second.losses()).toEqual(want);
    expect(made).toBe(programs);
    const [report, fresh] = [second.step, first.step].map((step) => step.expect({}).toJSON());
    expect(report!.kernels.length).toBeGreaterThan(3);
    for (const part of ['kernels', 'buffers', 'program', 'loops', 'source'] as const)
      expect(report![part]).toEqual(fresh![part]);
    expect(made).toBeGreaterThan(programs);
  });

  test('other sources are another plan, other names are not', async () => {
    const count = plans().length;
    expect(training(await opened(directory, '2')).losses()).toEqual(want);
    expect(made).toBeGreaterThan(0);
    const programs = made;
    expect(plans().length).toBe(2 * count);
    const backend = await opened(directory);
    training(backend);
    const { step, losses } = training(backend, 'other');
    expect(losses()).toEqual(want);
    expect(made).toBe(programs);
    const text = step.expect({}).program;
    for (const name of ['"other"', 'Adam1.w_m: f32', "Adam1.w_m': f32"]) expect(text).toContain(name);
  });

  /** Puts `text` in the place of a plan, as if a process had kept that. */
  function keep(name: string, text: string): void {
    const digest = createHash('sha256').update(name.replace(/\..*/, '')).update(text).digest();
    writeFileSync(join(directory, name), Buffer.concat([Buffer.from(text), digest]));
  }

  test.each(['nonsense', '3', 'null', '{}', '{"library":"0","shape":{"buffers":[]},"table":{}}'])(
    'what is no plan, but kept as one, is made again: %s',
    async (text) => {
      for (const name of plans()) keep(name, text);
      expect(training(await opened(directory)).losses()).toEqual(want);
      const programs = made;
      expect(programs).toBeGreaterThan(0);
      expect(training(await opened(directory)).losses()).toEqual(want);
      expect(made).toBe(programs);
    },
  );

  test('a plan that cannot be kept is a warning, not the end of a call', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    for (const name of plans()) {
      rmSync(join(directory, name));
      // No file takes its place.
      mkdirSync(join(directory, name, 'full'), { recursive: true });
    }
    const { step, losses } = training(await opened(directory));
    expect(losses()).toEqual(want);
    expect(step.expect({}).kernels.length).toBeGreaterThan(3);
    expect(warn.mock.calls.map(([text]) => String(text))).toEqual([
      expect.stringMatching(/^lazuli: native keeps nothing for later processes: .*cannot be written/),
    ]);
    warn.mockRestore();
    for (const name of plans()) rmSync(join(directory, name), { recursive: true });
    expect(training(await opened(directory)).losses()).toEqual(want);
    expect(plans().length).toBeGreaterThan(0);
  });

  test('plans that were altered are made again, libraries that are gone are built again', async () => {
    for (const name of plans()) {
      const path = join(directory, name);
      writeFileSync(path, readFileSync(path, 'latin1').replace('"words":', '"words":1'), 'latin1');
    }
    expect(training(await opened(directory)).losses()).toEqual(want);
    expect(made).toBeGreaterThan(0);
    const programs = made;
    for (const name of readdirSync(directory)) if (name.endsWith('.so')) rmSync(join(directory, name));
    expect(training(await opened(directory)).losses()).toEqual(want);
    expect(made).toBeGreaterThan(programs);
    const after = made;
    expect(training(await opened(directory)).losses()).toEqual(want);
    expect(made).toBe(after);
  });
});
