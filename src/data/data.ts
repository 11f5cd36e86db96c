/** `lazuli/data`: from arrays, files and images to batches. In Node, in a page and in a Worker. */
import { connected } from '../connected.js';
import * as batching from './batches.js';
import * as idx from './idx.js';
import * as pixels from './pixels.js';

export const batches = /* @__PURE__ */ connected(batching.batches);
export const trainTestSplit = /* @__PURE__ */ connected(batching.trainTestSplit);
export const readIdx = /* @__PURE__ */ connected(idx.readIdx);
export const fromPixels = /* @__PURE__ */ connected(pixels.fromPixels);
export { prefetch } from './prefetch.js';
export { type CsvColumn, type CsvOptions, type CsvParser, readCsv } from './csv.js';
export type { Batches, BatchOptions, Passes, SplitOptions } from './batches.js';
export type { Drawable, PixelData, PixelOptions } from './pixels.js';
export type { Batch, Column, Examples } from './table.js';
