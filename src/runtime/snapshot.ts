/** What a call of a jitted function starts from, copied, so that tools may run it without the user's state. */
import type { TypedArray } from '../core/dtype.js';
import type { Backend } from './backend.js';
import type { Graph } from '../core/graph.js';
import type { Profile } from './report.js';
import type { Recording } from './provenance.js';

/** A call that has not run. */
export interface Snapshot extends Recording {
  /** What the call would run on. */
  readonly backend: Backend;
  /** Elements of the graph's parameters: copies. */
  readonly values: readonly TypedArray[];
}

/** The method of a jitted function that takes a {@link Snapshot} of a call with some arguments. It counts nowhere. */
export const SNAPSHOT = Symbol.for('lazuli.snapshot');

/** The last profile of each traced graph, for reports. */
export const profiles = new WeakMap<Graph, Profile>();
