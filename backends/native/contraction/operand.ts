/** What a contraction multiplies, as axes of one operand. */
import type { ContractAxis, ContractBound } from '../../../src/lower/loops.js';

export type Axis = Pick<ContractAxis, 'extent' | 'left' | 'right'>;
export type Side = 'left' | 'right';

/**
 * An operand: the axes of its rows or columns, those of the steps, and bounds outside of which it is 0. Neighbouring axes are
 * joined where one stride walks both and there are no bounds.
 */
export interface Operand {
  readonly lanes: readonly Axis[];
  readonly steps: readonly Axis[];
  readonly bounds: readonly ContractBound[];
}
