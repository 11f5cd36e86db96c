/** What a page of a report is made from: plain data, written when the file is made and read by the code in the page. */
import type { Phase } from '../core/expr.js';
import type { BufferReport, KernelReport } from '../runtime/report.js';

/** A node of the graph as it was traced. */
export interface NodeView {
  readonly op: string;
  /** `f32[100,500]` */
  readonly type: string;
  /** Parameters and constants among its operands, by their names. */
  readonly operands: readonly string[];
  readonly text: string;
  readonly phase: Phase;
  readonly path: string;
  readonly location: string | undefined;
  /** The drawn nodes that it reads. */
  readonly inputs: readonly number[];
  /** Positions of the kernels that compute it. */
  readonly kernels: readonly number[];
  /** Variables and results whose value it is. */
  readonly writes: readonly string[];
  /** The drawn node that shows it: itself, what it moves, or −1 where it only prepares a scalar. */
  readonly shownBy: number;
  /** What it reads and writes is in memory between kernels. */
  readonly stored: boolean;
  readonly width: number;
  readonly height: number;
}

/** A box of the drawing: a node, or a group of them. */
export interface BoxView {
  readonly node?: number;
  readonly group?: number;
  /** Its place as dagre chose it while all groups of the level were closed. */
  readonly x: number;
  readonly rank: number;
}

/** A phase, a module, or some of many boxes that follow one another. */
export interface GroupView {
  readonly label: string;
  readonly kind: 'root' | 'phase' | 'module' | 'part';
  readonly phase: Phase | undefined;
  readonly parent: number;
  readonly boxes: readonly BoxView[];
  /** Drawn nodes inside, those of groups inside too. */
  readonly nodes: readonly number[];
}

/** One text that several kernels may run, and by line the node of the segment's body that it computes. */
export interface PieceView {
  readonly text: string;
  /** −1 where a line computes none. */
  readonly nodes: readonly number[];
}

/** A stage of the way from kernels to a backend's source. */
export interface StageView {
  readonly title: string;
  readonly note: string;
  /** Number of its build. */
  readonly build: number;
  readonly pieces: readonly PieceView[];
  /** By kernel: pieces, each with the segments that run it. */
  readonly kernels: readonly (readonly (readonly [piece: number, segments: readonly number[]])[])[];
}

/** The graph compiled for one backend. */
export interface BuildView {
  readonly backend: string;
  /** Why there is none. */
  readonly refused?: string;
  /** Numbers of nodes, by kernel, segment and node of the body; −1 for what stands for none. */
  readonly segments: readonly (readonly (readonly number[])[])[];
  /** By kernel of the report: the kernels that compute the same. */
  readonly match: readonly (readonly number[])[];
}

export interface KernelView extends Pick<
  KernelReport,
  'name' | 'from' | 'inputs' | 'outputs' | 'launches' | 'flops' | 'bytesRead' | 'bytesWritten'
> {
  readonly computes: string;
  readonly phase: Phase;
  readonly results: readonly string[];
  readonly inPlace: readonly string[];
  /** All nodes that it computes. */
  readonly nodes: readonly number[];
}

export interface BufferView extends BufferReport {
  readonly type: string;
  readonly role: string;
  readonly offset: number;
}

export interface BoundaryView {
  readonly buffer: string;
  readonly bytes: number;
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly node: number;
  readonly rule: string;
  readonly why: string;
}

/** Times of the kernels of one call, in milliseconds. */
export interface TimesView {
  readonly runs: number;
  readonly medianMs: number;
  readonly spreadMs: number;
  /** By kernel, all of its launches together; undefined where it was not measured. */
  readonly kernels: readonly ({ readonly medianMs: number; readonly spreadMs: number } | undefined)[];
}

export interface ReportView {
  readonly name: string;
  readonly label: string;
  readonly backend: string;
  readonly threads: string;
  readonly peakBytes: number;
  readonly arenaBytes: number;
  readonly nodes: readonly NodeView[];
  readonly groups: readonly GroupView[];
  readonly builds: readonly BuildView[];
  readonly stages: readonly StageView[];
  readonly kernels: readonly KernelView[];
  readonly buffers: readonly BufferView[];
  readonly boundaries: readonly BoundaryView[];
  readonly history: readonly { readonly calls: number; readonly backend: string; readonly reason: string }[];
  readonly counts: { readonly traced: number; readonly simplified: number; readonly functions: number };
  readonly texts: readonly { readonly title: string; readonly text: string }[];
  readonly times: TimesView | undefined;
}

/** Lines that both have (` `), only the first (`-`), only the second (`+`). */
export type DiffLine = readonly [' ' | '-' | '+', string];

export interface DifferenceView {
  readonly figures: readonly {
    readonly name: string;
    readonly unit: '' | 'bytes' | 'ms';
    readonly values: readonly [number, number];
  }[];
  /** Kernels side by side; −1 where one has none. `same`: equal loops and equal operations. */
  readonly kernels: readonly { readonly pair: readonly [number, number]; readonly same: boolean }[];
  readonly texts: readonly {
    readonly title: string;
    readonly hunks: readonly (readonly DiffLine[])[];
    readonly note: string;
  }[];
}

export interface PageData {
  readonly title: string;
  readonly reports: readonly ReportView[];
  readonly difference: DifferenceView | undefined;
  /** The user's files, by their names. */
  readonly sources: Readonly<Record<string, string>>;
}
