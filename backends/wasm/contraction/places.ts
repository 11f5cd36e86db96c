/** Where the lanes of an operand are: lanes of several axes, and the bounds outside of which a window is 0. */
import type { FunctionBody, Local } from '../body.js';
import { scaleBy } from '../loops.js';
import { CONTEXT, loadContext } from './kit.js';
import type { Operand } from './plan.js';

/** Which operand: its panels are `TILE_ROWS` rows or `tileColumns` columns wide. */
export type Side = 'left' | 'right';

/** A pointer, and the forms that are bounded, at one place of an operand. */
export interface Place {
  readonly address: Local;
  readonly forms: readonly Local[];
}

/** The lanes of an operand in a function: where it begins, and what its bounds begin with. */
export class Lanes {
  /** The index of the lane that was found last along the innermost axis. */
  readonly place: Local;
  readonly #rest: Local;
  readonly #index: Local;
  readonly #base: Local;
  readonly #begins: readonly Local[];

  constructor(
    readonly f: FunctionBody,
    readonly operand: Operand,
    context: Local,
    side: Side,
    /** The stride of a matrix's lanes, where that is in the context. */
    readonly stride?: Local,
  ) {
    [this.#base] = loadContext(f, context, side);
    this.#begins = operand.bounds.map((_, i) => {
      const begin = f.local('i32', `begin${i}`);
      f.get(context)
        .memory('i32.load', CONTEXT[`${side}Bounds`] + 4 * i)
        .set(begin);
      return begin;
    });
    [this.place, this.#rest, this.#index] = f.newLocals('i32', 'place', 'rest', 'index');
  }

  newPlace(): Place {
    const { f } = this;
    return { address: f.local('i32', 'source'), forms: this.operand.bounds.map(() => f.local('i32', 'form')) };
  }

  /** Sets `at` to the lane whose number is on the stack. */
  locate(at: Place): void {
    const { f } = this;
    const { lanes, bounds } = this.operand;
    f.set(this.#rest).get(this.#base).set(at.address);
    this.#begins.forEach((begin, i) => f.get(begin).set(at.forms[i]!));
    lanes.toReversed().forEach((axis, i) => {
      const number = lanes.length - 1 - i;
      const own = i === 0 ? this.place : this.#index;
      if (number === 0) f.get(this.#rest).set(own);
      else {
        f.get(this.#rest).i32(axis.extent).op('i32.rem_u').set(own);
        f.get(this.#rest).i32(axis.extent).op('i32.div_u').set(this.#rest);
      }
      const add = (to: Local, stride: Local | number): void => {
        if (stride !== 0) scaleBy(f.get(to).get(own), stride).op('i32.add').set(to);
      };
      add(at.address, this.stride ?? axis.stride);
      bounds.forEach((bound, b) => add(at.forms[b]!, bound.lanes[number]!));
    });
  }
}

/** Pushes whether all bounds hold; `pushForm` pushes the form of one of them. */
export function pushInside(f: FunctionBody, bounds: Operand['bounds'], pushForm: (bound: number) => void): void {
  bounds.forEach(({ size }, bound) => {
    pushForm(bound);
    // Unsigned, a negative number is no less than any size.
    f.i32(size).op('i32.lt_u');
    if (bound > 0) f.op('i32.and');
  });
}
