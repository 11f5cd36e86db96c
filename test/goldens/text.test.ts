/**
 * What the compiler makes of an Adadelta update and of a whole MLP step, as text: graphs, kernels, generated JavaScript.
 * `UPDATE_GOLDENS=1 npx vitest run test/goldens` writes the files anew; read the difference like code.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Adadelta,
  type BackendChoice,
  clearNameCache,
  crossEntropy,
  jit,
  type Report,
  type Tensor,
  tensor,
  TrainVar,
  valueAndGrad,
  zeros,
} from 'lazuli';
import { describe, expect, test } from 'vitest';
import { PERCEPTRON_SHAPES } from '../support/perceptron.js';

const UPDATE = process.env.UPDATE_GOLDENS === '1';

function expectGolden(name: string, text: string): void {
  const file = fileURLToPath(new URL(`text/${name}`, import.meta.url));
  if (UPDATE) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${text}\n`);
  }
  if (!existsSync(file)) expect.fail(`there is no golden ${name}; make it with UPDATE_GOLDENS=1`);
  expect(`${text}\n`, `golden ${name} (refresh with UPDATE_GOLDENS=1)`).toBe(readFileSync(file, 'utf8'));
}

const parameters = (): Map<string, TrainVar> =>
  new Map(Object.entries(PERCEPTRON_SHAPES).map(([key, shape]) => [key, new TrainVar(zeros(shape))]));

/** ε, ρ and η as the class has them, written with Variables and tensors alone. */
function plainUpdate(): Report {
  const vars = parameters();
  const state = new Map(
    [...vars].map(([key, { shape }]) => [key, { s: new TrainVar(zeros(shape)), d: new TrainVar(zeros(shape)) }]),
  );
  const [rho, epsilon] = [0.95, 1e-6];
  const update = (grads: Map<string, Tensor>): void => {
    for (const [key, g] of grads) {
      const [w, { s, d }] = [vars.get(key)!, state.get(key)!];
      s.value = s.value.mul(rho).add(g.mul(1 - rho).mul(g));
      const u = d.value.add(epsilon).div(s.value.add(epsilon)).sqrt().mul(g);
      w.value = w.value.sub(u);
      d.value = d.value.mul(rho).add(u.mul(1 - rho).mul(u));
    }
  };
  return jit(update, { backend: 'js' }).inspect(gradients());
}
const gradients = (): Map<string, Tensor> => new Map(Object.entries(PERCEPTRON_SHAPES).map(([key, shape]) => [key, zeros(shape)]));

function classUpdate(backend: BackendChoice = 'js'): Report {
  clearNameCache();
  const opt = new Adadelta({ trainVars: parameters(), name: 'Adadelta' });
  return jit((grads: Map<string, Tensor>) => opt.update(grads), { backend, name: 'update' }).inspect(gradients());
}

/** A layer: a packed product whose epilogue adds the bias and keeps what is positive. */
const layer = (): Report =>
  jit((x: Tensor, w: Tensor, b: Tensor) => x.matmul(w).add(b).relu(), { backend: 'wasm', name: 'layer' }).inspect(
    zeros([100, 784]),
    zeros([784, 500]),
    zeros([500]),
  );

function mlpStep(): Report {
  const vars = parameters();
  const at = (key: string): Tensor => vars.get(key)!.value;
  clearNameCache();
  const opt = new Adadelta({ trainVars: vars, name: 'Adadelta' });
  const step = (x: Tensor, labels: Tensor): Tensor => {
    const forward = (): Tensor => {
      const h1 = x.matmul(at('w1')).add(at('b1')).tanh();
      const h2 = h1.matmul(at('w2')).add(at('b2')).tanh();
      return crossEntropy(h2.matmul(at('w3')).add(at('b3')), labels);
    };
    const [loss, grads] = valueAndGrad(forward, { vars: opt.varsToTrain })() as [Tensor, Map<string, Tensor>];
    opt.update(grads);
    return loss;
  };
  return jit(step, { backend: 'js' }).inspect(zeros([100, 784]), tensor(new Int32Array(100)));
}

describe.each([
  ['adadelta', () => classUpdate()],
  ['mlp', mlpStep],
])('%s', (name, inspect) => {
  const report = inspect();
  test('graph', () => expectGolden(`${name}.graph.txt`, report.graph));
  test('simplified graph', () => expectGolden(`${name}.simplified.txt`, report.simplified));
  test('kernels', () => expectGolden(`${name}.kernels.txt`, report.program));
  test('JavaScript', () => expectGolden(`${name}.js.txt`, report.source));
});

test.each([
  ['adadelta', () => classUpdate('wasm')],
  ['contraction', layer],
])('WebAssembly of %s', (name, inspect) => expectGolden(`${name}.wat.txt`, inspect().source));

test('a standalone update of six parameters is one kernel, in place', () => {
  for (const report of [plainUpdate(), classUpdate()]) {
    expect(report.launches).toBe(1);
    expect(report.kernels[0]!.outputs).toHaveLength(18);
    expect(report.program).not.toContain('ping-pong');
  }
});

test('the same program prints the same text', () => {
  expect(mlpStep().source).toBe(mlpStep().source);
});
