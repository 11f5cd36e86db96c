/** Extents of a contraction as C: numbers, or what follows from n, the number of rows of a batch. */
import type { ContractAxis } from '../../../src/lower/loops.js';
import type { Writer } from '../../../src/lower/writer.js';
import { sizeText } from '../emit/size.js';
import type { ContractionPlan } from './plan.js';

export class Extents {
  readonly rows: string;
  readonly columns: string;
  readonly steps: string;
  /** Blocks of rows, panels of columns, and how many there are at most. */
  readonly blocks: string;
  readonly panels: string;
  readonly mostBlocks: number;
  readonly mostPanels: number;
  /** Whether rows, columns or steps follow from n. */
  readonly isSized: boolean;
  /** Whether the last panel may be no whole one. */
  readonly hasEdge: boolean;
  /** Whether all panels are packed. */
  readonly isPacked: boolean;

  constructor({ rows, columns, steps, sizes, block, panel, packsRight }: ContractionPlan) {
    this.rows = sizeText({ extent: rows, size: sizes.rows });
    this.columns = sizeText({ extent: columns, size: sizes.columns });
    this.steps = sizeText({ extent: steps, size: sizes.steps });
    this.mostBlocks = Math.ceil(rows / block);
    this.mostPanels = Math.ceil(columns / panel);
    this.blocks = sizes.rows === undefined ? String(this.mostBlocks) : `((${this.rows} + ${block - 1}) / ${block})`;
    this.panels =
      sizes.columns === undefined ? String(this.mostPanels) : `((${this.columns} + ${panel - 1}) / ${panel})`;
    this.isSized = [sizes.rows, sizes.columns, sizes.steps].some((size) => size !== undefined);
    this.hasEdge = columns % panel > 0 || sizes.columns !== undefined;
    this.isPacked = packsRight || (this.hasEdge && this.mostPanels === 1);
  }
}

/** Declares the indices of the axes `around` of the joined index `outer`. */
export function declareOuter(writer: Writer, around: readonly ContractAxis[], name: (axis: number) => string): void {
  around.forEach((axis, i) => {
    const inner = around.slice(i + 1).map((each) => ` / ${sizeText(each)}`);
    writer.line(`const long ${name(i)} = outer${inner.join('')} % ${sizeText(axis)};`);
  });
}
