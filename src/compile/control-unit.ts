/** What fusion makes of a loop or branch. */
import type { BufferId, Kernel } from './kernel.js';
import type { Work } from './work.js';

/** The work of one node, over buffers of the graph that it stands in. */
export interface ControlUnit {
  readonly kernels: readonly Kernel[];
  readonly work: readonly Work[];
  readonly reads: ReadonlySet<BufferId>;
  readonly writes: ReadonlySet<BufferId>;
}
