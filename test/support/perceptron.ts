/** The parameters of the perceptron 784-500-300-10, whose update and step the goldens show. */
export const PERCEPTRON_SHAPES: Readonly<Record<string, number[]>> = {
  w1: [784, 500],
  b1: [500],
  w2: [500, 300],
  b2: [300],
  w3: [300, 10],
  b3: [10],
};
