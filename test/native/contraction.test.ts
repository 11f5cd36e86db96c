/** Contractions on native against js, bit for bit, at sizes where tiles, edges, panels, groups of blocks and windows occur. */
import { conv1d, conv2d, grad, type Tensor } from 'lazuli';
import { expect, test } from 'vitest';
import type { HostArray } from '../../src/core/array.js';
import type { DType } from '../../src/core/dtype.js';
import { noise } from '../support/arrays.js';
import { difference } from '../support/bits.js';
import { THOROUGH } from '../support/runs.js';
import { runGraph, tracedGraph } from '../support/graphs.js';
import { type Case, describeOnNative, runCases } from './support.js';

function inputs(dtype: DType, ...shapes: readonly (readonly number[])[]): HostArray[] {
  return shapes.map((shape, i) => {
    const array = noise(dtype, shape, i);
    if (dtype === 'i32' || dtype === 'u32') array.data.forEach((x, j) => (array.data[j] = x % 1000));
    return array;
  });
}
const caseOf = (name: string, arrays: HostArray[], f: (...tensors: Tensor[]) => Tensor[]): Case => ({
  name: `${name} of ${arrays.map(({ dtype, shape }) => `${dtype}[${shape.join()}]`).join(' and ')}`,
  graph: tracedGraph(arrays, f),
  inputs: arrays,
});

/** m, k, n: whole tiles and panels, edges of both, panels that are read where they lie, few rows, one column, one and several groups of blocks. */
const SIZES = [
  [1, 1, 1],
  [12, 128, 32],
  [13, 129, 33],
  [100, 784, 10],
  [25, 50, 70],
  [29, 300, 100],
  [7, 300, 100],
  [1, 300, 600],
  [2, 17, 130],
  [50, 40, 1],
  [1, 5000, 1],
  [30, 2049, 40],
  [3, 33000, 5],
  [26, 34000, 20],
] as const;

function products(dtype: DType): Case[] {
  return SIZES.flatMap(([m, k, n]) => [
    caseOf('a b', inputs(dtype, [m, k], [k, n]), (a, b) => [a.matmul(b)]),
    caseOf('aᵀ b', inputs(dtype, [k, m], [k, n]), (a, b) => [a.transpose().matmul(b)]),
    caseOf('a bᵀ, halved and added to', inputs(dtype, [m, k], [n, k], [n]), (a, b, c) => [
      a.matmul(b.transpose()).add(c).maximum(0),
    ]),
  ]);
}

describeOnNative('contractions', () => {
  test.each(['f32', 'f64', 'i32', 'u32'] as const)('of %s', (dtype) => {
    const cases = [
      ...products(dtype).filter((_, i) => i % (dtype !== 'f32' ? 5 : THOROUGH ? 1 : 2) === 0),
      // Rows that lie pages apart are packed; batches that share an operand, or have one each; sums over two axes.
      caseOf('pages', inputs(dtype, [40, 1024], [1024, 140]), (a, b) => [a.matmul(b)]),
      caseOf('batch', inputs(dtype, [3, 20, 30], [3, 30, 40]), (a, b) => [
        a.matmul(b),
        a.matmul(b).add(b.sum(1, { keepDims: true })),
      ]),
      caseOf('shared', inputs(dtype, [3, 20, 30], [30, 40]), (a, b) => [a.matmul(b)]),
      caseOf('strided', inputs(dtype, [40, 60], [30, 50]), (a, b) => [
        a.slice([0, 0], [40, 60], [1, 2]).matmul(b.flip(1)),
      ]),
    ];
    if (dtype === 'f32')
      for (const options of [{ padding: 'same' }, { strides: 2, padding: 1 }, { dilation: 2, layout: 'NCHW' }] as const)
        cases.push(
          caseOf(
            `conv2d ${JSON.stringify(options)}`,
            inputs(
              dtype,
              ...('layout' in options
                ? [
                    [2, 6, 11, 13],
                    [20, 6, 3, 3],
                  ]
                : [
                    [2, 11, 13, 6],
                    [3, 3, 6, 20],
                  ]),
            ),
            (x, w) => [conv2d(x, w, options)],
          ),
        );
    // Gradients: windows that reach outside, planes with edges of tiles, steps of several groups.
    if (dtype === 'f32')
      for (const [shape, filter, options] of [
        [[9, 14, 14, 8], [5, 5, 8, 7], {}],
        [[4, 9, 40, 3], [3, 2, 3, 20], { padding: 'same' }],
        [[3, 4, 17, 18], [18, 4, 3, 3], { layout: 'NCHW', strides: 2, padding: 1 }],
      ] as const)
        cases.push(
          caseOf(`gradients of conv2d ${JSON.stringify(options)}`, inputs(dtype, shape, filter), (x, w) =>
            grad((a: Tensor, b: Tensor) => conv2d(a, b, options).sin().sum(), { argnums: [0, 1] })(x, w),
          ),
        );
    // Images that lie whole pages apart, with many panels; planes of one short line.
    if (dtype === 'f32')
      cases.push(
        caseOf('conv2d of pages', inputs(dtype, [2, 16, 16, 4], [3, 3, 4, 140]), (x, w) => [
          conv2d(x, w),
          conv2d(x, w, { padding: 'same' }),
        ]),
        caseOf('conv1d of short lines', inputs(dtype, [9, 10, 3], [3, 3, 20]), (x, w) => [
          conv1d(x, w, { padding: 'same' }),
        ]),
      );
    // Whole turns of a filter outside: their zeros are left out, unless what they meet is no number to begin with.
    if (dtype === 'f32' || dtype === 'f64')
      for (const [where, value] of [
        ['nowhere', 1],
        ['filter', Infinity],
        ['filter', NaN],
        ['image', -Infinity],
        ['filter', -0],
      ] as const) {
        const special = (shapes: readonly (readonly number[])[]): HostArray[] => {
          const [image, filter] = inputs(dtype, ...shapes) as [HostArray, HostArray];
          if (where !== 'nowhere') (where === 'image' ? image : filter).data[7] = value;
          return [image, filter];
        };
        for (const options of [{ padding: 4 }, { padding: 5, strides: 2 }, { padding: 8, dilation: 2 }] as const)
          cases.push(
            caseOf(
              `conv2d ${JSON.stringify(options)}, ${value} in the ${where}`,
              special([
                [2, 9, 8, 3],
                [5, 5, 3, 7],
              ]),
              (x, w) => [conv2d(x, w, options), conv2d(x, w, options).maximum(0)],
            ),
          );
        cases.push(
          caseOf(
            `conv1d of much padding, ${value} in the ${where}`,
            special([
              [3, 30, 5],
              [40, 5, 20],
            ]),
            (x, w) => [conv1d(x, w, { padding: 60 })],
          ),
        );
      }
    const failures = runCases(cases).flatMap((got, i) => {
      const { name, graph, inputs: own } = cases[i]!;
      return runGraph('js', graph, own)
        .flatMap((want, output) => difference(got[output]!, want) ?? [])
        .map((found) => `${name}: ${found}`);
    });
    expect(failures).toEqual([]);
  });
});
