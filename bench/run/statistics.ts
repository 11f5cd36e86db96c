/** What many short bursts say together. */

export interface Statistics {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  /** The 1st percentile: the machine with nobody else on it. */
  readonly quiet: number;
  readonly samples: number;
}

/** The value below which a `share` of the sorted samples lies, interpolated. */
function percentile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at));
}

export const median = (samples: readonly number[]): number =>
  percentile(
    [...samples].sort((a, b) => a - b),
    0.5,
  );

export function statistics(samples: readonly number[]): Statistics {
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    median: percentile(sorted, 0.5),
    p10: percentile(sorted, 0.1),
    p90: percentile(sorted, 0.9),
    quiet: percentile(sorted, 0.01),
    samples: sorted.length,
  };
}
