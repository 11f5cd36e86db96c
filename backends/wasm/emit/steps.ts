/**
 * Loops and branches of a program, inside its module: a turn writes the addresses of its views into the table, from which
 * calls take them as they take all others.
 */
import type { BufferId } from '../../../src/compile/kernel.js';
import type { BranchStep, LaunchStep, LoopStep, Program, Step } from '../../../src/lower/program.js';
import { bytesPerElement } from '../../../src/core/dtype.js';
import { scaledSize } from '../../../src/core/extent.js';
import type { FunctionBody, Local } from '../body.js';
import { countUp, scale, sizeLocal } from '../loops.js';

/** Emits steps into the body of `run`. */
export class StepEmitter {
  constructor(
    readonly program: Program,
    readonly f: FunctionBody,
    readonly table: Local,
    /** Places of a buffer's address in the table, in bytes. */
    readonly placesOf: (id: BufferId) => readonly number[],
    readonly launch: (step: LaunchStep) => void,
    /** The number of rows of a batch, where there is one. */
    readonly n: Local | undefined,
  ) {}

  emit(steps: readonly Step[], within: 'program' | 'loop' = 'program'): void {
    for (const step of steps)
      switch (step.kind) {
        case 'host':
          break;
        case 'launch':
          if (within === 'program') this.#begin([step]);
          this.launch(step);
          break;
        case 'loop':
          this.#loop(step);
          break;
        case 'branch':
          this.#branch(step, within);
          break;
        default:
          step satisfies never;
      }
  }

  #pushAddress(id: BufferId): FunctionBody {
    return this.f.get(this.table).memory('i32.load', this.placesOf(id)[0]);
  }

  /** Notes that nothing is packed yet of what stays from turn to turn. */
  #begin(steps: readonly Step[]): void {
    for (const step of steps)
      if (step.kind === 'launch') for (const id of step.keeps ?? []) this.#pushAddress(id).i32(0).memory('i32.store');
      else if (step.kind === 'branch') step.branches.forEach((branch) => this.#begin(branch));
  }

  #loop({ turns, reverse, views, steps }: LoopStep): void {
    const { f, table, program } = this;
    this.#begin(typeof turns === 'number' ? steps : [...turns.test, ...steps]);
    if (typeof turns !== 'number') {
      f.block((exit) => {
        f.loop((again) => {
          this.emit(turns.test, 'loop');
          this.#pushAddress(turns.predicate).memory('i32.load8_u').op('i32.eqz').brIf(exit);
          this.emit(steps, 'loop');
          f.br(again);
        });
      });
      return;
    }
    const turn = f.local('i32', 'turn');
    const elements = views.map(({ view, of, stride, size }) => {
      const each = bytesPerElement(program.buffers[view]!.dtype);
      const bytes = sizeLocal(f, stride * each, size && scaledSize(size, each), this.n);
      const address = f.local('i32', 'view');
      this.#pushAddress(of);
      if (typeof bytes === 'number') f.i32(reverse ? (turns - 1) * bytes : 0);
      else scale(f.get(bytes), reverse ? turns - 1 : 0);
      f.op('i32.add').set(address);
      return { address, bytes, places: this.placesOf(view) };
    });
    f.i32(0).set(turn);
    countUp(f, turn, turns, 1, () => {
      for (const { address, places } of elements)
        for (const place of places) f.get(table).get(address).memory('i32.store', place);
      this.emit(steps, 'loop');
      for (const { address, bytes } of elements)
        if (typeof bytes === 'number') f.increment(address, reverse ? -bytes : bytes);
        else
          f.get(address)
            .get(bytes)
            .op(reverse ? 'i32.sub' : 'i32.add')
            .set(address);
    });
  }

  #branch({ index, branches }: BranchStep, within: 'program' | 'loop'): void {
    const { f } = this;
    const chosen = f.local('i32', 'chosen');
    this.#pushAddress(index).memory('i32.load').set(chosen);
    const emitFrom = (i: number): void => {
      if (i === branches.length - 1) return this.emit(branches[i]!, within);
      f.get(chosen).i32(i).op('i32.le_s');
      f.if(
        () => this.emit(branches[i]!, within),
        () => emitFrom(i + 1),
      );
    };
    emitFrom(0);
  }
}
