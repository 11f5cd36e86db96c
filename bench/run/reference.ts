/** What the results should be: plain loops in f64 that share no code with any contestant. */
import { gradientSeed, PERCEPTRON, perceptronInputs, rowLabels, SEEDS, uniform } from './inputs.js';
import { CHECK_STEPS, sample, samplePositions, type Work } from './protocol.js';

type Samples = readonly (readonly number[])[];

/**
 * The largest difference of any sample, relative to the larger of the expected value's magnitude and a hundredth of the
 * largest one of its array; ∞ where shapes or NaN disagree.
 */
export function largestError(results: Samples, expected: Samples): number {
  if (results.length !== expected.length) return Infinity;
  let largest = 0;
  expected.forEach((wanted, r) => {
    const floor = Math.max(...wanted.map(Math.abs)) / 100 || 1;
    wanted.forEach((want, i) => {
      const error = Math.abs(results[r]![i]! - want) / Math.max(Math.abs(want), floor);
      if (!(error <= largest)) largest = Number.isNaN(error) ? Infinity : error;
    });
  });
  return largest;
}

/** x, s and Δx after Adadelta steps by one gradient each time, elementwise on plain arrays. */
class Adadelta {
  readonly #s: Float64Array;
  readonly #d: Float64Array;
  constructor(readonly x: Float64Array) {
    this.#s = new Float64Array(x.length);
    this.#d = new Float64Array(x.length);
  }
  step(gradient: ArrayLike<number>): void {
    for (let i = 0; i < this.x.length; i++) {
      const g = gradient[i]!;
      this.#s[i] = 0.95 * this.#s[i]! + 0.05 * g * g;
      const u = Math.sqrt((this.#d[i]! + 1e-6) / (this.#s[i]! + 1e-6)) * g;
      this.x[i]! -= u;
      this.#d[i] = 0.95 * this.#d[i]! + 0.05 * u * u;
    }
  }
}

/** Samples of the last parameter, which starts at 0: its value is the sum of the updates. */
export function expectedAdadelta({ count, size }: Extract<Work, { kind: 'adadelta' }>): Samples {
  const gradient = sample(uniform(size, gradientSeed(count - 1)));
  const optimizer = new Adadelta(new Float64Array(gradient.length));
  for (let t = 0; t < CHECK_STEPS; t++) optimizer.step(gradient);
  return [[...optimizer.x]];
}

export function expectedAdam({ kind, count, size }: Extract<Work, { kind: 'adam' | 'adamw' }>): Samples {
  const [rate, decay] = kind === 'adam' ? [0.001, 0] : [0.1, 0.1];
  return [
    sample(uniform(size, gradientSeed(count - 1))).map((g) => {
      let [x, m, v] = [0, 0, 0];
      for (let t = 1; t <= CHECK_STEPS; t++) {
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        x =
          (1 - rate * decay) * x - ((rate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t)) * (m / (Math.sqrt(v) + 1e-8));
      }
      return x;
    }),
  ];
}

export function expectedMatmul({ m, k, n, transposed }: Extract<Work, { kind: 'matmul' }>): Samples {
  const a = uniform(m * k, SEEDS.a);
  const b = uniform(k * n, SEEDS.b);
  return [
    samplePositions(m * n).map((at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let l = 0; l < k; l++)
        sum += a[transposed === 'a' ? l * m + i : i * k + l]! * b[transposed === 'b' ? j * k + l : l * n + j]!;
      return sum;
    }),
  ];
}

/** Mean cross-entropy of logits [rows, classes] and its gradient. */
function crossEntropy(
  logits: ArrayLike<number>,
  labels: Int32Array,
  classes: number,
): { loss: number; gradient: Float64Array } {
  const rows = labels.length;
  const gradient = new Float64Array(rows * classes);
  let loss = 0;
  for (let row = 0; row < rows; row++) {
    const at = row * classes;
    let largest = -Infinity;
    for (let j = 0; j < classes; j++) largest = Math.max(largest, logits[at + j]!);
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += gradient[at + j] = Math.exp(logits[at + j]! - largest);
    loss += (largest + Math.log(sum) - logits[at + labels[row]!]!) / rows;
    for (let j = 0; j < classes; j++) gradient[at + j] = (gradient[at + j]! / sum - Number(j === labels[row])) / rows;
  }
  return { loss, gradient };
}

export function expectedCrossEntropy({ rows, classes }: Extract<Work, { kind: 'crossEntropy' }>): Samples {
  const { loss, gradient } = crossEntropy(uniform(rows * classes, SEEDS.logits, 4), rowLabels(rows, classes), classes);
  return [sample([loss]), sample(gradient)];
}

/** C[m,n] = op(A)·op(B), with strides of rows and columns for each operand. */
function product(
  m: number,
  k: number,
  n: number,
  a: ArrayLike<number>,
  [ai, al]: readonly [number, number],
  b: ArrayLike<number>,
  [bl, bj]: readonly [number, number],
): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let l = 0; l < k; l++) {
      const left = a[i * ai + l * al]!;
      for (let j = 0; j < n; j++) c[i * n + j]! += left * b[l * bl + j * bj]!;
    }
  return c;
}

/** The last loss, W1 and W3 after whole training steps. */
export function expectedPerceptron(): Samples {
  const { parameters, images, labels } = perceptronInputs();
  const { batch, sizes } = PERCEPTRON;
  const optimizers = parameters.map((values) => new Adadelta(Float64Array.from(values)));
  let last = 0;
  for (let t = 0; t < CHECK_STEPS; t++) {
    const layers: ArrayLike<number>[] = [images];
    for (let layer = 0; layer < 3; layer++) {
      const [inputs, outputs] = [sizes[layer]!, sizes[layer + 1]!];
      const [weights, bias] = [optimizers[2 * layer]!.x, optimizers[2 * layer + 1]!.x];
      const h = product(batch, inputs, outputs, layers[layer]!, [inputs, 1], weights, [outputs, 1]);
      layers.push(
        h.map((value, i) => (layer < 2 ? Math.tanh(value + bias[i % outputs]!) : value + bias[i % outputs]!)),
      );
    }
    const { loss, gradient } = crossEntropy(layers[3]!, labels, 10);
    last = loss;
    let cotangent = gradient;
    const grads: Float64Array[] = [];
    for (let layer = 2; layer >= 0; layer--) {
      const [inputs, outputs] = [sizes[layer]!, sizes[layer + 1]!];
      const below = layers[layer]!;
      grads[2 * layer] = product(inputs, batch, outputs, below, [1, inputs], cotangent, [outputs, 1]);
      const bias = (grads[2 * layer + 1] = new Float64Array(outputs));
      cotangent.forEach((value, i) => (bias[i % outputs]! += value));
      if (layer === 0) break;
      cotangent = product(batch, outputs, inputs, cotangent, [outputs, 1], optimizers[2 * layer]!.x, [1, outputs]).map(
        (value, i) => value * (1 - below[i]! * below[i]!),
      );
    }
    optimizers.forEach((optimizer, p) => optimizer.step(grads[p]!));
  }
  return [sample([last]), sample(optimizers[0]!.x), sample(optimizers[4]!.x)];
}
