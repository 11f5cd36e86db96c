/** The golden training steps, and how they run here. */
import { readFileSync } from 'node:fs';
import { Adadelta, crossEntropy, jit, meanSquaredError, tensor, type Tensor, TrainVar, valueAndGrad } from 'lazuli';
import { expect } from 'vitest';

interface Data {
  readonly shape: number[];
  readonly data: number[];
}
interface Case {
  readonly sizes: number[];
  readonly activation: 'tanh' | 'relu' | 'sigmoid';
  readonly loss: 'softmaxCrossEntropy' | 'meanSquaredError';
  readonly batch: number;
  readonly steps: number;
  readonly rho: number;
  readonly epsilon: number;
  /** Weights [in, out] and biases in turn. */
  readonly init: Data[];
  readonly x: Data;
  readonly labels: number[] | null;
  readonly target: Data | null;
  readonly firstGrads: Data[];
  readonly losses: number[];
  readonly final: Data[];
}
export const CASES = JSON.parse(
  readFileSync(new URL('../goldens/data/training-steps.json', import.meta.url), 'utf8'),
) as Case[];
/** Cases by what they are called. */
export const NAMED_CASES = CASES.map(
  (golden) => [`${golden.sizes.join('-')} ${golden.activation}, ${golden.loss}`, golden] as const,
);

/** |got − want| ≤ tolerance · max(0.1, |want|) for each element. */
export function expectClose(got: ArrayLike<number>, want: readonly number[], tolerance: number, what: string): void {
  expect(got.length, what).toBe(want.length);
  want.forEach((each, i) => {
    if (!(Math.abs(got[i]! - each) <= tolerance * Math.max(0.1, Math.abs(each))))
      expect.fail(`${what}, element ${i}: ${got[i]} instead of ${each}`);
  });
}

/** Slice `step` of the leading axis. */
function batchOf({ shape, data }: Data, step: number, dtype: 'f32' | 'f64'): Tensor {
  const inner = shape.slice(1);
  const size = inner.reduce((a, b) => a * b, 1);
  return tensor(data.slice(step * size, (step + 1) * size), { shape: inner, dtype });
}

/** All steps on the default backend: losses, the gradients of the first one, the parameters after the last. */
export function run(
  golden: Case,
  dtype: 'f32' | 'f64',
  compiled: boolean,
): { losses: number[]; first: Tensor[]; final: Tensor[] } {
  const variables = golden.init.map(({ shape, data }) => new TrainVar(tensor(data, { shape, dtype })));
  const opt = new Adadelta({
    trainVars: new Map(variables.map((variable, i) => [`p${i}`, variable])),
    rho: golden.rho,
    epsilon: golden.epsilon,
  });
  const layers = golden.sizes.length - 1;
  const forward = (x: Tensor): Tensor => {
    let y = x;
    for (let layer = 0; layer < layers; layer++) {
      y = y.matmul(variables[2 * layer]!.value).add(variables[2 * layer + 1]!.value);
      if (layer < layers - 1) y = y[golden.activation]();
    }
    return y;
  };
  const body = (x: Tensor, wanted: Tensor): { loss: Tensor; grads: Tensor[] } => {
    const lossOf = (): Tensor =>
      golden.loss === 'meanSquaredError' ? meanSquaredError(forward(x), wanted) : crossEntropy(forward(x), wanted);
    const [loss, grads] = valueAndGrad(lossOf, { vars: opt.varsToTrain })() as [Tensor, Map<string, Tensor>];
    opt.update(grads);
    return { loss, grads: [...grads.values()] };
  };
  const step = compiled ? jit(body) : body;
  let first: Tensor[] = [];
  const losses = Array.from({ length: golden.steps }, (_, i) => {
    const wanted = golden.labels
      ? tensor(golden.labels.slice(i * golden.batch, (i + 1) * golden.batch), { dtype: 'i32' })
      : batchOf(golden.target!, i, dtype);
    const { loss, grads } = step(batchOf(golden.x, i, dtype), wanted);
    if (i === 0) first = grads;
    return loss.item();
  });
  if (compiled) expect((step as ReturnType<typeof jit>).stats).toMatchObject({ traces: 1, compiles: 1 });
  return { losses, first, final: variables.map((variable) => variable.value) };
}
