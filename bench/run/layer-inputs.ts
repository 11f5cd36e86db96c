/** Inputs of the works with layers: what nets are made of, their first parameters and one batch, the same for everyone. */
import { uniform } from './inputs.js';

/** Two convolutions of 5×5 with ReLU and 2×2 pooling, then dense layers, on digits of 28×28, channels last. */
export const NETS = {
  digits: { channels: [1, 16, 32], padding: ['same', 'same'], dense: [1568, 100, 10] },
  lenet: { channels: [1, 6, 16], padding: ['same', 'valid'], dense: [400, 120, 84, 10] },
} as const;
export type NetName = keyof typeof NETS;
export const NET_BATCH = 50;
export const BLOCK = { batch: 16, length: 32, width: 64, heads: 4, hidden: 256 } as const;
export const ATTENTION = { heads: 4, length: 256, width: 64 } as const;
export const GRU = { batch: 32, turns: 64, width: 128 } as const;
/** A perceptron whose gradient is taken for each example. */
export const EXAMPLES = { batch: 128, sizes: [64, 128, 10] } as const;

/** An array with its shape. */
export interface Shaped {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}
export const shaped = (shape: readonly number[], seed: number, scale = 1): Shaped => ({
  shape,
  values: uniform(
    shape.reduce((a, b) => a * b, 1),
    seed,
    Math.fround(scale),
  ),
});
const constant = (length: number, value: number): Shaped => ({
  shape: [length],
  values: new Float32Array(length).fill(value),
});

/** Weights [inputs, outputs] in ±1/√inputs and biases 0, in turn. */
const denseParameters = (sizes: readonly number[], seed: number): Shaped[] =>
  sizes
    .slice(1)
    .flatMap((outputs, i) => [shaped([sizes[i]!, outputs], seed + i, 1 / Math.sqrt(sizes[i]!)), constant(outputs, 0)]);

/** Filters [5, 5, in, out] and biases, then those of the dense layers; images [50, 28, 28, 1] and labels. */
export function netInputs(name: NetName): { parameters: Shaped[]; images: Shaped; labels: Int32Array } {
  const { channels, dense } = NETS[name];
  const filters = channels
    .slice(1)
    .flatMap((outputs, i) => [
      shaped([5, 5, channels[i]!, outputs], 20 + i, 1 / Math.sqrt(25 * channels[i]!)),
      constant(outputs, 0),
    ]);
  return {
    parameters: [...filters, ...denseParameters(dense, 30)],
    images: shaped([NET_BATCH, 28, 28, 1], 40),
    labels: Int32Array.from({ length: NET_BATCH }, (_, row) => (7 * row) % 10),
  };
}

/** Norm, query, key, value, out, norm, expand, contract: a weight and a bias each; x and what it is to become. */
export function blockInputs(): { parameters: Shaped[]; x: Shaped; target: Shaped } {
  const { batch, length, width, hidden } = BLOCK;
  const norm = [constant(width, 1), constant(width, 0)];
  const linear = (inputs: number, outputs: number, seed: number): Shaped[] => denseParameters([inputs, outputs], seed);
  return {
    parameters: [
      ...norm,
      ...[50, 51, 52, 53].flatMap((seed) => linear(width, width, seed)),
      ...norm,
      ...linear(width, hidden, 54),
      ...linear(hidden, width, 55),
    ],
    x: shaped([batch, length, width], 56),
    target: shaped([batch, length, width], 57),
  };
}

/** q, k, v and what the gradient begins with, [1, heads, length, width]. */
export const attentionInputs = (): [Shaped, Shaped, Shaped, Shaped] => {
  const { heads, length, width } = ATTENTION;
  return [60, 61, 62, 63].map((seed) => shaped([1, heads, length, width], seed, 2)) as [Shaped, Shaped, Shaped, Shaped];
};

/** Weights [width, 3·width] and biases by input and by state, gates r, z, n; x and the cotangent of the outputs. */
export function gruInputs(): { parameters: Shaped[]; x: Shaped; cotangent: Shaped } {
  const { batch, turns, width } = GRU;
  const scale = 1 / Math.sqrt(width);
  return {
    parameters: [
      shaped([width, 3 * width], 70, scale),
      shaped([width, 3 * width], 71, scale),
      shaped([3 * width], 72, scale),
      shaped([3 * width], 73, scale),
    ],
    x: shaped([batch, turns, width], 74),
    cotangent: shaped([batch, turns, width], 75),
  };
}

export function exampleInputs(): { parameters: Shaped[]; x: Shaped; labels: Int32Array } {
  const { batch, sizes } = EXAMPLES;
  return {
    parameters: denseParameters(sizes, 80),
    x: shaped([batch, sizes[0]], 90),
    labels: Int32Array.from({ length: batch }, (_, row) => (7 * row) % 10),
  };
}
