/** The target of a backend that prints scalar loops for one thread: `js`, and the start of a new one. */
import { bytesPerElement, DTYPES } from '../core/dtype.js';
import { lowerSegment } from './segment.js';
import type { Target } from './target.js';

/** Scalar code on the calling thread, in functions of a size that V8 compiles well. */
export const scalarTarget = (name: string): Target => ({
  name,
  dtypes: DTYPES,
  elementBytes: bytesPerElement,
  body: 256,
  small: 4096,
  bindings: Infinity,
  width: 1,
  workers: { kind: 'one' },
  batches: true,
  reassociates: false,
  loops: true,
  tile: undefined,
  lower: lowerSegment,
});
