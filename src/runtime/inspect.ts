/** What a call compiles to, as data and as text. Each part is made when it is first read; none of them runs anything. */
import { UnsupportedError } from '../core/errors.js';
import type { Expr } from '../core/expr.js';
import { type Graph, printGraph } from '../core/graph.js';
import { checkOptions } from '../core/options.js';
import { printForms } from '../compile/family.js';
import { type Kernel, kernelReads, kernelWrites, segmentBytes, segmentFlops } from '../compile/kernel.js';
import { printLoops } from '../lower/print.js';
import { countLaunches, launchesByKernel, memoriesOf, printProgram, type Program } from '../lower/program.js';
import type { Target } from '../lower/target.js';
import type { Emitter, KernelSource, ThreadCount } from './backend.js';
import { linesOf } from './lines.js';
import { computedNodes, type Provenance, provenanceOf, type Recording } from './provenance.js';
import type { KernelReport, Report, ReportData } from './report.js';
import { dotText, pageText } from './report-text.js';
import { profiles } from './snapshot.js';

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
  readonly launches: ReadonlyMap<Kernel, number>;
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

/** Why a product of the kernel is computed without the target's tiles; undefined if none is. */
const untiledOf = ({ segments }: Kernel, { whyUntiled }: Target): string | undefined =>
  segments.flatMap((segment) => (segment.kind === 'contraction' ? (whyUntiled?.(segment) ?? []) : [])).find(() => true);

/** The report of a program; its texts are made when they are read. */
export function makeReport(subject: Subject): Report {
  const { program, backend } = subject;
  const { buffers, kernels } = program;
  const name = (id: number): string => buffers[id]!.name;
  const shared: Shared = lazily<Shared>({
    source: subject.source,
    parts: () => shared.source.kernels,
    from: () => provenanceOf(subject),
    launches: () => launchesByKernel(program),
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
      launches: () => shared.launches.get(kernel)!,
      intensity() {
        const bytes = this.bytesRead() + this.bytesWritten();
        return bytes === 0 ? 0 : this.flops() / bytes;
      },
      untiled: () => untiledOf(kernel, backend.target) ?? null,
      tiles: () => backend.tiles?.(program, kernel) ?? null,
      from: () => merged(computedNodes(kernel.segments).map(shared.from)),
      lines: () => linesOf(shared.source.program, kernel, shared.parts[i]!, shared.from),
    });
  const last = kernels.length - 1;
  const fields: { readonly [K in keyof ReportData]: () => ReportData[K] } = {
    name: () => program.name,
    backend: () => backend.name,
    threads: () => threadsOf(backend),
    launches: () => countLaunches(program.steps),
    peakBytes: () => program.peakBytes + data.threads.count * (backend.threadBytes?.(program) ?? 0),
    kernels: () => kernels.map(reportOf),
    buffers: () =>
      memoriesOf(program).map((buffer) => ({
        name: buffer.name,
        bytes: buffer.bytes,
        lifetime: [Math.max(0, buffer.firstUse), Math.min(last, buffer.lastUse)],
      })),
    graph: () => graphText(program, (n) => program.batch!.family.at(n), program.graph),
    simplified: () => graphText(program, (_, i) => program.batch!.simplified[i]!, program.simplified),
    program: () => printProgram(program),
    loops: () => shared.source.program.functions.map(printLoops).join('\n\n'),
    source: () => shared.source.text,
    profile() {
      const found = profiles.get(program.graph);
      return found?.backend === backend.name ? found : undefined;
    },
  };
  const methods: Omit<Report, keyof ReportData> = {
    text(options = {}) {
      checkOptions('text', options, ['graph', 'kernels', 'source', 'machineCode']);
      return [
        pageText(program, data),
        ...(options.graph === true ? [data.graph, data.simplified] : []),
        ...(options.kernels === true ? [data.program, data.loops] : []),
        ...(options.source === true ? [data.source] : []),
        ...(options.machineCode === true ? [machineCodeOf(subject)] : []),
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

/** @throws UnsupportedError `NO_MACHINE_CODE` */
export function machineCodeOf({ backend, source }: Pick<Subject, 'backend' | 'source'>): string {
  if (backend.disassemble !== undefined) return backend.disassemble(source());
  throw new UnsupportedError(
    'NO_MACHINE_CODE',
    `${backend.name} shows no machine code`,
    'Inspect on a backend that await native() opened.',
  );
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
