/** `expect`: what a call costs, pinned. A contract that does not hold is an error with the reason. */
import { ContractError, OptionError } from '../core/errors.js';
import { checkOptions, describeValue } from '../core/options.js';
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

const COUNTS = ['launches', 'allocations', 'retraces'] as const;

/** Of the call at hand: its report, and the runner of its program. */
interface Subject {
  readonly report: Report;
  readonly runner: Runner;
}

/**
 * The report of `subject`, the call of the function `name`.
 * @throws ContractError `CONTRACT`, OptionError `UNKNOWN_OPTION`, `OPTION_RANGE`
 */
export function checkContract(
  name: string,
  contract: Contract,
  subject: Subject | undefined,
  retraces: number,
  change: string | undefined,
): Report {
  checkOptions('expect', contract, [...COUNTS, 'backend']);
  for (const key of COUNTS) {
    const count: unknown = contract[key];
    if (count !== undefined && !(Number.isInteger(count) && (count as number) >= 0))
      throw new OptionError(
        'OPTION_RANGE',
        `expect got ${key} = ${describeValue(count)}`,
        `${key} is a whole number from 0.`,
      );
  }
  const refuse = (facts: string, remedy: string): never => {
    throw new ContractError('CONTRACT', `${name} ${facts}`, remedy);
  };
  if (subject === undefined) return refuse('has not been called', 'Call it, or pass arguments.');
  const { report, runner } = subject;
  const { program, made, backend } = runner;
  const [first, ...others] = program.kernels;
  const whyMade = (output: number): string => {
    const update = program.updates.find((each) => each.output === output && each.donated !== true);
    const why = update && (update.inPlace ? 'somebody else can reach its memory' : 'not in place');
    return `${program.graph.outputNames[output]}${why === undefined ? '' : ` (${why})`}`;
  };
  const found: Record<keyof Contract, readonly [value: unknown, reason: () => string | undefined]> = {
    launches: [
      report.launches,
      () =>
        report.launches < contract.launches!
          ? undefined
          : others
              .map((kernel, i) => {
                const at = report.kernels[i + 1]!.from.find(({ location }) => location)?.location;
                return `${kernel.name} (${computesText(kernel)}${at ? ` at ${at}` : ''}) ${whyApart(program, kernel)}`;
              })
              .join('; ') || first?.name,
    ],
    allocations: [made?.length, () => made?.map(whyMade).join(', ') ?? 'it has not run'],
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
  return broken.length > 0 ? refuse(`has ${broken.join('. ')}`, 'Mend the step, or the contract.') : report;
}
