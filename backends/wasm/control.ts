/**
 * The control words in the first bytes of a shared memory: how the calling thread hands work to the workers.
 *
 * A fork opens a ticket: a 64-bit word of the fork's number and the next task. Whoever exchanges it for its successor
 * has that task; since the fork's number is part of it, a thread that comes late can claim nothing of a later fork.
 * Words that different threads write stand in cache lines of their own. Byte addresses.
 */
export const CONTROL = {
  /** Number of the last fork; workers wait for it to change. i32 */
  generation: 64,
  /** Fork in the upper half, next task in the lower. i64 */
  ticket: 128,
  /** What the fork is: written while the ticket is closed. i32 each */
  count: 192,
  phase: 196,
  context: 200,
  program: 204,
  /** Finished tasks. i32 */
  done: 256,
  /** Workers that are parked. i32 */
  sleepers: 320,
  /** Messages sent to the workers: one that has seen fewer returns to its event loop. i32 */
  messages: 384,
  /** Messages that all workers together have dealt with. i32 */
  dealtWith: 388,
  /** Set by a worker whose task threw. i32 */
  failed: 448,
  /** Workers that are ready. i32 */
  ready: 512,
} as const;

/** The next task of a ticket that is closed: more than any fork has. */
export const CLOSED = 0x7fffffff;
