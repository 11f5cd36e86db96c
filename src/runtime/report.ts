/** What reports and profiles are, for those who make, print, show and keep them. */
import type { ThreadCount } from './backend.js';
import type { LineReport } from './lines.js';
import type { Provenance } from './provenance.js';

/** One kernel of a program on one backend. */
export interface KernelReport {
  readonly name: string;
  /** Its part of the source. */
  readonly source: string;
  /** WebAssembly text, on `wasm`. */
  readonly wat?: string;
  /** Names of the buffers that it reads and writes. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Arithmetic operations. */
  readonly flops: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** How often one call launches it: as many times as its loop has turns; once in a loop of unknown length. */
  readonly launches: number;
  /** Operations a byte that is read or written. */
  readonly intensity: number;
  /** Why a product of it is computed without the backend's tile, and slower so; null if none is. */
  readonly untiled: string | null;
  /** The tiles by which its products are computed where the backend chooses among some, and why these; null elsewhere. */
  readonly tiles: string | null;
  /** The parts of the program that it computes, in their order. */
  readonly from: readonly Provenance[];
  /** Lines of `source`, from 1, with the user's line of each; several where the kernel computes several parts with it. */
  readonly lines: readonly LineReport[];
}

/** Memory of a program. */
export interface BufferReport {
  readonly name: string;
  readonly bytes: number;
  /** Positions of the first and the last kernel between which it holds something. */
  readonly lifetime: readonly [first: number, last: number];
}

/** Which stages {@link Report.text} adds to the page. */
export interface TextOptions {
  /** As traced, and as it was fused. */
  readonly graph?: boolean;
  /** Buffers, kernels and loops. */
  readonly kernels?: boolean;
  /** What the backend emitted. */
  readonly source?: boolean;
  /** What the compiler made of that, on a backend of `lazuli/native` where objdump is installed. */
  readonly machineCode?: boolean;
}

export interface ReportData {
  readonly name: string;
  readonly backend: string;
  /** Threads of the backend now, the calling one included, and why there is only one, if so. */
  readonly threads: ThreadCount;
  /** How often one call launches a kernel; loops of unknown length count once, of branches the longest. */
  readonly launches: number;
  /** Bytes of parameters, results and temporaries together, and of what threads pack. */
  readonly peakBytes: number;
  readonly kernels: readonly KernelReport[];
  readonly buffers: readonly BufferReport[];
  /** As traced, and as it was fused. */
  readonly graph: string;
  readonly simplified: string;
  /** Buffers and kernels as text. */
  readonly program: string;
  /** The kernels as loops for the backend's target, one function for each that differs. */
  readonly loops: string;
  /** The whole source. */
  readonly source: string;
  /** The times that were measured last on this backend. */
  readonly profile: Profile | undefined;
}

/** What a jitted function compiled to: graph, kernels, loops, source, memory. */
export interface Report extends ReportData {
  /**
   * A page: what each kernel computes, where it comes from, what it moves; then the stages that are asked for.
   * @throws UnsupportedError `NO_MACHINE_CODE` where the backend has none to show
   */
  text(options?: TextOptions): string;
  /** The page alone. */
  toString(): string;
  /** Plain data of every field, and the version of this form. */
  toJSON(): ReportData & { readonly version: 1 };
  /** The kernels and the buffers between them as a Graphviz graph. */
  toDot(): string;
}

/** Milliseconds: the median, and between which bounds the middle half lies. */
export interface Timing {
  readonly medianMs: number;
  readonly spreadMs: number;
}

/** Times of a call and its kernels. */
export interface Profile extends Timing {
  readonly runs: number;
  readonly backend: string;
  /** In the order of the call: the times of one launch each, of which a loop has one a turn. */
  readonly kernels: readonly (Timing & { readonly name: string })[];
  /** All that was timed, in the trace format that Perfetto and Chrome open; as text, its JSON. */
  toTrace(): ChromeTrace;
  /** A table of the kernels. */
  toString(): string;
}

/** An event of Chrome's trace format; times in microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly cat?: string;
  readonly ph: 'X' | 'M';
  readonly ts?: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, unknown>>;
}
/** Times in the form that chrome://tracing and Perfetto open. */
export interface ChromeTrace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
  /** Its JSON. */
  toString(): string;
}
