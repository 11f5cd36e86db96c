/** What the lowerings for workgroups share. */
import type { Segment } from '../compile/kernel.js';
import type { FunctionBuilder } from './builder.js';
import type { Nest } from './nest.js';
import type { GroupLimits, TileOf } from './target.js';

/** A segment, what it is lowered for, and makers of what every function needs. */
export interface GroupContext {
  readonly segment: Segment;
  readonly name: string;
  /** Threads of a workgroup. */
  readonly size: number;
  /** Elements that a thread takes at once where it can. */
  readonly width: number;
  /** Whether what is stored are whole vectors, or ends where the buffers end. */
  readonly fills: boolean;
  readonly limits: GroupLimits;
  readonly tileOf: TileOf | undefined;
  readonly newBuilder: () => FunctionBuilder;
  readonly newNest: (builder: FunctionBuilder) => Nest;
}
