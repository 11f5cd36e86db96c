/** What a call compiles to, as data and as text. Each part is made when it is first read; none of them runs anything. */
import type { Expr } from '../core/expr.js';
import { type Graph, printGraph } from '../core/graph.js';
import { checkOptions } from '../core/options.js';
import { printForms } from '../compile/family.js';
import { type Kernel, kernelReads, kernelWrites, segmentBytes, segmentFlops } from '../compile/kernel.js';
import { whyUntiled } from '../lower/contract-whole.js';
import { printLoops } from '../lower/print.js';
import { countLaunches, printProgram, type Program } from '../lower/program.js';
import type { Emitter, KernelSource, ThreadCount } from './backend.js';
import { type LineReport, linesOf } from './lines.js';
import { computedNodes, type Provenance, provenanceOf, type Recording } from './provenance.js';
import type { Profile } from './profile.js';
import { dotText, pageText } from './report-text.js';
import { profiles } from './snapshot.js';

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
  /** Operations a byte that is read or written. */
  readonly intensity: number;
  /** Why a product of it is computed without the backend's tile, and slower so; null if none is. */
  readonly untiled: string | null;
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
}

interface ReportData {
  readonly name: string;
  readonly backend: string;
  /** Threads of the backend now, the calling one included, and why there is only one, if so. */
  readonly threads: ThreadCount;
  /** How often one call launches a kernel; loops of unknown length count once, of branches the longest. */
  readonly launches: number;
  /** Bytes of parameters, results and temporaries together. */
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

export interface Report extends ReportData {
  /** A page: what each kernel computes, where it comes from, what it moves; then the stages that are asked for. */
  text(options?: TextOptions): string;
  /** The page alone. */
  toString(): string;
  /** Plain data of every field, and the version of this form. */
  toJSON(): ReportData & { readonly version: 1 };
  /** The kernels and the buffers between them as a Graphviz graph. */
  toDot(): string;
}

/** What there is to report on. */
export interface Subject extends Recording {
  readonly program: Program;
  readonly backend: Emitter;
  readonly source: () => KernelSource;
  /** Why the function was traced and compiled, each time. */
  readonly history: readonly TraceNote[];
}

/** One time that a function was traced, and compiled. */
export interface TraceNote {
  /** Calls before it. */
  readonly calls: number;
  readonly backend: string;
  readonly reason: string;
}

const subjects = new WeakMap<object, Subject>();
/** What a report tells of, for those that show it in other ways; undefined for what is no report. */
export const subjectOf = (report: object): Subject | undefined => subjects.get(report);

/** What kernels are told from. */
interface Shared {
  readonly source: KernelSource;
  readonly parts: readonly string[];
  readonly from: (node: Expr) => Provenance;
}

/** An object whose fields are computed when they are first read. */
function lazily<T extends object>(
  fields: { readonly [K in keyof T]: () => T[K] },
  methods: object = Object.prototype,
): T {
  const target = Object.create(methods) as T;
  for (const key in fields)
    Object.defineProperty(target, key, {
      enumerable: true,
      configurable: true,
      get() {
        const value = fields[key]();
        Object.defineProperty(target, key, { value });
        return value;
      },
    });
  return target;
}

const total = (kernel: Kernel, part: (segment: Kernel['segments'][number]) => number): number =>
  kernel.segments.reduce((sum, segment) => sum + part(segment), 0);

export function makeReport(subject: Subject): Report {
  const { program, backend } = subject;
  const { buffers, kernels } = program;
  const name = (id: number): string => buffers[id]!.name;
  const shared: Shared = lazily<Shared>({
    source: subject.source,
    parts: () => shared.source.kernels,
    from: () => provenanceOf(subject),
  });
  const reportOf = (kernel: Kernel, i: number): KernelReport =>
    lazily<KernelReport>({
      name: () => kernel.name,
      source: () => shared.parts[i]!,
      ...(backend.name === 'wasm' ? { wat: () => shared.parts[i]! } : {}),
      inputs: () => kernelReads(kernel).map(name),
      outputs: () => kernelWrites(kernel).map(name),
      flops: () => total(kernel, segmentFlops),
      bytesRead: () => total(kernel, (segment) => segmentBytes(segment, 'read')),
      bytesWritten: () => total(kernel, (segment) => segmentBytes(segment, 'written')),
      intensity() {
        const bytes = this.bytesRead() + this.bytesWritten();
        return bytes === 0 ? 0 : this.flops() / bytes;
      },
      untiled: () => whyUntiled(kernel, backend.target) ?? null,
      from: () => merged(computedNodes(kernel.segments).map(shared.from)),
      lines: () => linesOf(program, kernel, shared.parts[i]!, shared.from),
    });
  const last = kernels.length - 1;
  const fields: { readonly [K in keyof ReportData]: () => ReportData[K] } = {
    name: () => program.name,
    backend: () => backend.name,
    threads: () => threadsOf(backend),
    launches: () => countLaunches(program.steps),
    peakBytes: () => program.peakBytes,
    kernels: () => kernels.map(reportOf),
    buffers: () =>
      buffers.map((buffer) => ({
        name: buffer.name,
        bytes: buffer.bytes,
        lifetime: [Math.max(0, buffer.firstUse), Math.min(last, buffer.lastUse)],
      })),
    graph: () => graphText(program, (n) => program.batch!.family.at(n), program.graph),
    simplified: () => graphText(program, (_, i) => program.batch!.simplified[i]!, program.simplified),
    program: () => printProgram(program),
    loops: () => program.functions.map(printLoops).join('\n\n'),
    source: () => shared.source.text,
    profile() {
      const found = profiles.get(program.graph);
      return found?.backend === backend.name ? found : undefined;
    },
  };
  const methods: Omit<Report, keyof ReportData> = {
    text(options = {}) {
      checkOptions('text', options, ['graph', 'kernels', 'source']);
      return [
        pageText(program, data),
        ...(options.graph === true ? [data.graph, data.simplified] : []),
        ...(options.kernels === true ? [data.program, data.loops] : []),
        ...(options.source === true ? [data.source] : []),
      ].join('\n\n');
    },
    toString: () => methods.text(),
    toJSON: () => ({ version: 1, ...data, kernels: data.kernels.map((kernel) => ({ ...kernel })) }),
    toDot: () => dotText(program),
  };
  const data: ReportData = lazily(fields, methods);
  subjects.set(data, subject);
  return data as Report;
}

/** The graph as text; with n for what follows from the number of rows, from the graphs of some of them. */
const graphText = ({ batch }: Program, at: (n: number, i: number) => Graph, graph: Graph): string =>
  batch === undefined
    ? printGraph(graph)
    : printForms(
        batch.sizes,
        batch.sizes.map((n, i) => printGraph(at(n, i))),
      );

/** Each part once; one without a path only where no other of its phase and line has one. */
function merged(parts: readonly Provenance[]): Provenance[] {
  const key = ({ path, phase, location }: Provenance): string => `${phase} ${location} ${path}`;
  const all = new Map(parts.map((part) => [key(part), part]));
  const named = new Set(parts.filter(({ path }) => path !== '').map((part) => key({ ...part, path: '' })));
  return [...all.values()].filter((part) => part.path !== '' || !named.has(key(part)));
}

function threadsOf(backend: Emitter): ThreadCount {
  if (backend.threads === undefined) return { count: 1, reason: `${backend.name} runs on the calling thread` };
  const { count, reason } = backend.threads();
  return { count, reason: count > 1 ? undefined : (reason ?? 'workers start with the first program that is worth it') };
}
