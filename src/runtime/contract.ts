/** `expect`: what a call costs, pinned. A contract that does not hold is an error with the reason. */
import { ContractError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';
import { type Kernel, kernelReads, kernelWrites } from '../compile/kernel.js';
import type { Program } from '../lower/program.js';
import type { Report } from './report.js';
import type { BackendChoice } from './registry.js';
import { computesText } from './report-text.js';
import type { Runner } from './runner.js';

/** What a call is to cost; what is left out may be anything. */
export interface Contract {
  /** Kernels of a call. */
  readonly launches?: number;
  /** Buffers that the last call made: for results, and for Variables whose memory somebody else can reach. */
  readonly allocations?: number;
  /** Times the function was traced, after the first. */
  readonly retraces?: number;
  readonly backend?: BackendChoice;
}

/** What an earlier kernel writes and this one reads, and why they are two; without that, that they share nothing. */
export function whyApart({ kernels, buffers }: Program, kernel: Kernel): string {
  for (const buffer of kernelReads(kernel))
    for (const writer of kernels.slice(0, kernels.indexOf(kernel)))
      for (const segment of writer.segments) {
        const part = { ...writer, segments: [segment] };
        if (!kernelWrites(part).includes(buffer)) continue;
        const why =
          segment.kind !== 'map'
            ? 'is whole only at its end'
            : kernel.segments.some(({ kind }) => kind === 'contraction')
              ? 'is read often by a contraction'
              : 'is too much or too dear to compute twice';
        return `reads ${buffers[buffer]!.name} of ${writer.name} (${computesText(part)}), which ${why}`;
      }
  return 'shares no values with the kernels before';
}

/** Of the call at hand: its report, and the runner of its program. */
interface Subject {
  readonly report: Report;
  readonly runner: Runner;
}

/**
 * The report of `subject`, the call of the function `name`.
 * @throws ContractError `CONTRACT`, OptionError `UNKNOWN_OPTION`
 */
export function checkContract(
  name: string,
  contract: Contract,
  subject: Subject | undefined,
  retraces: number,
  change: string | undefined,
): Report {
  checkOptions('expect', contract, ['launches', 'allocations', 'retraces', 'backend']);
  const refuse = (facts: string): never => {
    throw new ContractError('CONTRACT', `${name} ${facts}`, 'Mend the step, or the contract.');
  };
  if (subject === undefined) return refuse('has not been called');
  const { report, runner } = subject;
  const { program, made, backend } = runner;
  const [first, ...others] = program.kernels;
  const found: Record<keyof Contract, readonly [value: unknown, reason: () => string | undefined]> = {
    launches: [
      report.launches,
      () =>
        others
          .map((kernel, i) => {
            const at = report.kernels[i + 1]!.from.find(({ location }) => location)?.location;
            return `${kernel.name} (${computesText(kernel)}${at ? ` at ${at}` : ''}) ${whyApart(program, kernel)}`;
          })
          .join('; ') || first?.name,
    ],
    allocations: [
      made?.length,
      () => made?.map((output) => program.graph.outputNames[output]).join() ?? 'it has not run',
    ],
    retraces: [retraces, () => change],
    backend: [backend.name, () => ''],
  };
  const why = (reason?: string): string => (reason ? `: ${reason}` : '');
  const broken = (Object.keys(contract) as (keyof Contract)[]).flatMap((key) => {
    const given = contract[key];
    const wanted = typeof given === 'object' ? given.name : given;
    const [value, reason] = found[key];
    return wanted === undefined || wanted === value
      ? []
      : [`${key} ${String(value)} instead of ${wanted}${why(reason())}`];
  });
  return broken.length > 0 ? refuse(`has ${broken.join('. ')}`) : report;
}
