/**
 * Loops and branches of a program, inside its entry: a turn writes the addresses of its views into the table, from which
 * calls take them as they take all others.
 */
import type { BufferId } from '../../../src/compile/kernel.js';
import { bytesPerElement } from '../../../src/core/dtype.js';
import type { BranchStep, LaunchStep, LoopStep, Program, Step } from '../../../src/lower/program.js';
import { scaledSize, sizeText } from '../../../src/core/extent.js';
import type { Writer } from '../../../src/lower/writer.js';

/** Prints steps into the entry. */
export class StepPrinter {
  #depth = 0;

  constructor(
    readonly program: Program,
    readonly writer: Writer,
    /** Places of a buffer's address in the table, in words. */
    readonly placesOf: (id: BufferId) => readonly number[],
    readonly launch: (step: LaunchStep) => void,
    /** Told how often what `body` prints runs. */
    readonly repeated: (turns: number, body: () => void) => void,
  ) {}

  print(steps: readonly Step[]): void {
    for (const step of steps)
      switch (step.kind) {
        case 'host':
          break;
        case 'launch':
          this.launch(step);
          break;
        case 'loop':
          this.#loop(step);
          break;
        case 'branch':
          this.#branch(step);
          break;
        default:
          step satisfies never;
      }
  }

  #address(id: BufferId): string {
    return `b[${this.placesOf(id)[0]}]`;
  }

  #loop({ turns, reverse, views, steps }: LoopStep): void {
    const { writer } = this;
    if (typeof turns !== 'number')
      return writer.block('for (;;)', () => {
        this.print(turns.test);
        writer.line(`if (!*(const uint8_t *)${this.#address(turns.predicate)}) break;`);
        this.print(steps);
      });
    const turn = `t${this.#depth++}`;
    writer.block(`for (long ${turn} = 0; ${turn} < ${turns}; ${turn}++)`, () => {
      for (const { view, of, stride, size } of views) {
        const each = bytesPerElement(this.program.buffers[view]!.dtype);
        const bytes = sizeText({ extent: stride * each, size: size && scaledSize(size, each) });
        const at = reverse ? `(${turns - 1} - ${turn})` : turn;
        // The table itself is not constant.
        for (const place of this.placesOf(view))
          writer.line(`((void **)b)[${place}] = (char *)${this.#address(of)} + ${at} * ${bytes};`);
      }
      this.repeated(turns, () => this.print(steps));
    });
    this.#depth--;
  }

  #branch({ index, branches }: BranchStep): void {
    const { writer } = this;
    const last = branches.length - 1;
    if (last === 0) return this.print(branches[0]!);
    branches.forEach((steps, i) => {
      const condition = `if (*(const int32_t *)${this.#address(index)} <= ${i})`;
      writer.block(`${i === 0 ? '' : 'else '}${i === last ? '' : condition}`.trim(), () => this.print(steps));
    });
  }
}
