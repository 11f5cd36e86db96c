/** What fusion asks of the machine that a program is compiled for. */
export interface FusionLimits {
  /** Core ops in one body at most. */
  readonly body: number;
  /** Segments of at most so many elements join kernels of other code, to save a launch. */
  readonly small: number;
  /** Buffers that one kernel may bind. */
  readonly bindings: number;
}
