/** Orders of examples: the same on every machine for a seed, whatever runs the tensors. */

/**
 * 32 random bits a call: sfc32 of Chris Doty-Humphrey's PractRand, seeded by two words of `seed` and one of `stream`.
 */
function generator(seed: number, stream: number): () => number {
  let [a, b, c, counter] = [seed | 0, Math.floor(seed / 2 ** 32) | 0, stream | 0, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  return next;
}

/** 0 … n − 1. */
export const inOrder = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

/** 0 … n − 1 in an order that seed and stream choose, each as likely: Fisher and Yates, as Durstenfeld wrote it. */
export function shuffled(n: number, seed: number, stream: number): Int32Array {
  const order = inOrder(n);
  const next = generator(seed, stream);
  for (let i = n - 1; i > 0; i--) {
    // Numbers past the last whole multiple of i + 1 would favour small places.
    const limit = 2 ** 32 - (2 ** 32 % (i + 1));
    let word = next();
    while (word >= limit) word = next();
    const j = word % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
