/** Programs with windows, of small integers: exact whatever the order of their sums. */
import { avgPool2d, conv1d, conv2d, type ConvOptions, convTranspose2d, grad, maxPool2d, type Tensor } from 'lazuli';
import type { HostArray } from '../../src/core/array.js';
import { noise } from './arrays.js';

const integers = (shape: number[], seed?: number): HostArray => {
  const { data, ...rest } = noise('f32', shape, seed);
  return { ...rest, data: data.map((x) => Math.round(4 * x)) };
};
/** A result, and both derivatives of its square. */
const withGradients =
  (f: (x: Tensor, w: Tensor) => Tensor) =>
  (x: Tensor, w: Tensor): Tensor[] => [
    f(x, w),
    ...grad((a: Tensor, b: Tensor) => f(a, b).square().sum(), [0, 1])(x, w),
  ];
const conv = (x: number[], w: number[], options: ConvOptions): WindowProgram => ({
  inputs: [integers(x), integers(w, 2)],
  f: withGradients((a, b) => conv2d(a, b, options)),
});

export interface WindowProgram {
  readonly inputs: HostArray[];
  readonly f: (...x: Tensor[]) => Tensor[];
}
export const WINDOW_PROGRAMS: Record<string, WindowProgram> = {
  'a convolution': conv([2, 7, 6, 5], [3, 3, 5, 20], { padding: 'same' }),
  'a convolution in groups, with strides': conv([2, 6, 7, 4], [3, 2, 2, 6], { padding: 1, strides: 2, groups: 2 }),
  'a convolution of each channel': conv([2, 5, 6, 8], [3, 3, 1, 8], { padding: 1, groups: 8 }),
  'a convolution, channels first': conv([2, 3, 6, 9], [4, 3, 3, 3], { padding: 1, dilation: 2, layout: 'NCHW' }),
  'a transposed convolution': {
    inputs: [integers([2, 4, 3, 3]), integers([3, 3, 3, 4], 2)],
    f: withGradients((a, b) => convTranspose2d(a, b, { strides: 2, padding: 1, outputPadding: 1 })),
  },
  'one axis': {
    inputs: [integers([2, 40, 3]), integers([5, 3, 12], 2)],
    f: withGradients((a, b) => conv1d(a, b, { padding: 'same' })),
  },
  pools: {
    inputs: [integers([2, 8, 6, 3])],
    f: (x) => {
      const pools = [
        (a: Tensor) => maxPool2d(a, 2),
        (a: Tensor) => maxPool2d(a, 3, { strides: 2, padding: 1 }),
        (a: Tensor) => avgPool2d(a, 2, { strides: [2, 1] }),
      ];
      return pools.flatMap((pool) => [pool(x), grad((a: Tensor) => pool(a).square().sum())(x)]);
    },
  },
};
