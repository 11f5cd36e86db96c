/**
 * The inputs of every work: a hash of position and seed, so that JavaScript, Python and C make the same numbers without
 * a file between them. Multiples of 2⁻²⁴ in [−1, 1), exact in f32; `scale` is rounded once.
 */

/** f32[length] of uniform numbers in [−scale, scale). */
export function uniform(length: number, seed: number, scale = 1): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    let h = (Math.imul(i, 0x9e3779b1) + Math.imul(seed, 0x85ebca6b)) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x45d9f3b) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x45d9f3b) >>> 0;
    h = (h ^ (h >>> 16)) >>> 0;
    values[i] = ((h >>> 8) * 2 ** -23 - 1) * scale;
  }
  return values;
}

/** Seeds: gradients of parameter p, operands, logits. The parameters themselves start at 0. */
export const gradientSeed = (parameter: number): number => 100 + parameter;
export const SEEDS = { a: 1, b: 2, logits: 3, images: 4, weights: 10 } as const;

/** Labels of `crossEntropy`: row r belongs to class 7r mod classes. */
export const rowLabels = (rows: number, classes: number): Int32Array =>
  Int32Array.from({ length: rows }, (_, row) => (7 * row) % classes);

export const PERCEPTRON = { batch: 100, sizes: [784, 500, 300, 10] } as const;

/**
 * Initial values of the perceptron's parameters [W1, b1, W2, b2, W3, b3], W: [inputs, outputs] in ±1/√inputs, b: 0, and
 * one batch. Every image comes twice under different labels: the loss cannot reach 0, so the gradients stay clear of
 * subnormals however many steps are run.
 */
export function perceptronInputs(): { parameters: Float32Array[]; images: Float32Array; labels: Int32Array } {
  const { batch, sizes } = PERCEPTRON;
  const parameters = sizes.slice(1).flatMap((outputs, layer) => {
    const inputs = sizes[layer]!;
    return [
      uniform(inputs * outputs, SEEDS.weights + layer, Math.fround(1 / Math.sqrt(inputs))),
      new Float32Array(outputs),
    ];
  });
  const half = uniform((batch / 2) * sizes[0], SEEDS.images);
  const images = new Float32Array(batch * sizes[0]);
  images.set(half);
  images.set(half, half.length);
  const labels = Int32Array.from({ length: batch }, (_, row) => (7 * (row % 50) + 3 * Math.floor(row / 50)) % 10);
  return { parameters, images, labels };
}
