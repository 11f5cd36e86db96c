/** Running means of weights. */
import { isFloat } from '../core/dtype.js';
import { OptionError } from '../core/errors.js';
import { checkOptions, describeValue, isDict } from '../core/options.js';
import { type Dict, dictEntries } from '../object/collector.js';
import { Module } from '../object/module.js';
import { pathIn } from '../object/walk.js';
import { sub } from '../trace/functions.js';
import { Variable } from '../trace/variable.js';
import { BELOW_ONE, checkRange } from './options.js';

/** How slowly the average follows. */
export interface EMAOptions {
  /** The part of the mean that stays with each update. */
  readonly decay?: number;
  readonly name?: string;
}

/**
 * An exponential moving average of weights, which often tests better than the weights themselves.
 *
 * ```
 * a ← d a + (1−d) x          with each update; a begins as x is
 * ```
 *
 * `update()` belongs into the step, behind that of the optimizer; `swap()` exchanges averages and weights, so that the model
 * computes with the averages, and once more gives it its own back. `decay` 0.999 unless given: a mean over about a thousand
 * steps. State: `<key>_average`, saved with the module that holds it; changing `decay` traces nothing.
 * Reference: Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging".
 *
 * @example
 * const x = new TrainVar(tensor([0]));
 * const ema = new EMA({ x }, { decay: 0.75 });
 * x.value = tensor([4]);
 * ema.update();
 * ema.swap();
 * x.value.item(); // 1
 */
export class EMA extends Module {
  static override name = 'EMA';
  protected static override readonly unwalked = ['averaged', 'rate'];
  /** The Variables that are averaged. */
  protected readonly averaged: ReadonlyMap<string, Variable>;
  protected readonly rate: Variable;
  /** What files call the averages. */
  protected readonly storedKeys: ReadonlyMap<string, string>;

  /** @throws OptionError `AVERAGED_VARS` for what is no dict of float Variables, or holds one twice, `OPTION_RANGE` unless 0 ≤ decay < 1. */
  constructor(vars: Dict<Variable>, options: EMAOptions = {}) {
    checkOptions('EMA', options, ['decay', 'name']);
    const wrong = (facts: string, remedy = 'Pass a dict of Variables of floats: model.trainVars().'): OptionError =>
      new OptionError('AVERAGED_VARS', `EMA got ${facts}`, remedy);
    if (!isDict(vars)) throw wrong(`${describeValue(vars)} as its Variables`);
    const entries = dictEntries(vars);
    for (const [key, variable] of entries)
      if (!((variable as unknown) instanceof Variable) || !isFloat(variable.dtype))
        throw wrong(`${describeValue(variable)} as its Variable ${JSON.stringify(key)}`);
    const averaged = new Map(entries);
    // Swapped twice, it would not have its own value back.
    if (new Set(averaged.values()).size < averaged.size)
      throw wrong('one Variable under two keys', 'Average each once: model.trainVars().unique().');
    super(options.name);
    this.averaged = averaged;
    this.storedKeys = new Map(entries.map(([key, each]) => [`${key}_average`, `${pathIn(vars, key, each)}_average`]));
    this.rate = Variable.number(
      checkRange('EMA', 'decay', options.decay === undefined ? 0.999 : options.decay, BELOW_ONE),
      `${this.name}.decay`,
    );
    this.registerImplicitVars(
      Object.fromEntries(
        entries.map(([key, variable]) => [
          `${key}_average`,
          new Variable(variable.value, `${this.name}.${key}_average`),
        ]),
      ),
    );
  }

  /** How much of the average stays at each update. */
  get decay(): number {
    return this.rate.value.item();
  }
  set decay(decay: number) {
    this.rate.value = checkRange(this.name, 'decay', decay, BELOW_ONE);
  }

  private pairs(): [average: Variable, live: Variable][] {
    return [...this.averaged].map(([key, live]) => [this.implicitVars.get(`${key}_average`)!, live]);
  }

  /** Takes the weights of this moment into the averages; inside a jitted step it is recorded. */
  update(): void {
    const decay = this.rate.value;
    for (const [average, live] of this.pairs())
      average.value = decay.mul(average.value).add(sub(1, decay).mul(live.value));
  }

  /** Exchanges averages and weights. */
  swap(): void {
    for (const [average, live] of this.pairs()) [average.value, live.value] = [live.value, average.value];
  }

  protected override implicitPath(key: string): string {
    return this.storedKeys.get(key) ?? key;
  }
}
