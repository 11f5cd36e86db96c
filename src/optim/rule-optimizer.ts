/** Optimizers of one rule, whose scalars are Variables with properties of their names. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { keysOf, mapValues } from '../core/records.js';
import { Variable } from '../trace/variable.js';
import { checkOptions, checkRange, type Range, shown, UNIT } from './options.js';
import { leafwise, type Rule } from './rule.js';
import type { GradientTransformation } from './transformation.js';
import { Optimizer, type OptimizerOptions } from './optimizer.js';

/** An optimizer of one rule. */
export abstract class RuleOptimizer<H extends string> extends Optimizer {
  /** The rule's scalars, assignable through the properties of their names. */
  protected scalarVars: Readonly<Record<string, Variable>>;

  protected constructor(
    protected readonly rule: Rule<H>,
    options: OptimizerOptions & { readonly [K in H]?: number },
  ) {
    const owner = rule.name;
    const names = keysOf(rule.scalars);
    checkOptions(owner, options, ['lr', 'trainVars', 'weightDecay', 'name', ...names, ...(rule.flags ?? [])]);
    super({ lr: rule.lr, ...options });
    const scalarVar = (name: string, value: unknown, range: Range): Variable =>
      Variable.number(checkRange(owner, name, value, range), `${this.name}.${name}`);
    const weightDecay = options.weightDecay === undefined ? rule.weightDecay : options.weightDecay;
    this.scalarVars = {
      ...(weightDecay === null ? {} : { weightDecay: scalarVar('weightDecay', weightDecay, UNIT) }),
      ...mapValues(rule.scalars, ({ value, range }, name) =>
        scalarVar(name, options[name] === undefined ? value : options[name], range),
      ),
    };
    if (options.trainVars !== undefined && options.trainVars !== null) this.registerTrainVars(options.trainVars);
  }

  protected override transformation(): GradientTransformation {
    return leafwise(this.rule, {
      scalars: mapValues(this.rule.scalars, (_, name) => this.scalarVars[name]!),
      weightDecay: this.scalarVars.weightDecay ?? null,
      lr: () => this.lr.rate(),
    });
  }

  /** The part of each parameter that decays in each update; null where the optimizer was made without. */
  get weightDecay(): number | null {
    return 'weightDecay' in this.scalarVars ? this.scalar('weightDecay') : null;
  }
  set weightDecay(value: number | null) {
    if ('weightDecay' in this.scalarVars) this.setScalar('weightDecay', value ?? 0, UNIT);
    else if (value !== null)
      throw new OptionError(
        'NO_WEIGHT_DECAY',
        `${this.name} was made without weight decay and got weightDecay = ${describeValue(value)}`,
        'Make it with weightDecay: 0 to choose one later.',
      );
  }

  protected scalar(name: string): number {
    return this.scalarVars[name]!.value.item();
  }
  protected setScalar(name: string, value: number, range: Range): void {
    this.scalarVars[name]!.value = checkRange(this.name, name, value, range);
  }

  protected override shownOptions(): [option: string, text: string][] {
    const scalars = Object.entries(this.scalarVars).map(([name, variable]): [string, string] => [
      name,
      shown(variable),
    ]);
    if (!('weightDecay' in this.scalarVars)) scalars.unshift(['weightDecay', 'null']);
    return [...super.shownOptions(), ...scalars];
  }
}

/**
 * Defines a property for each scalar of the rule: reading gives a number, assigning needs no other trace. Gives the rule's
 * name, so that the class says it in a field of its own: a statement after the class would keep it in every page.
 */
export function defineScalars<H extends string>(type: { readonly prototype: RuleOptimizer<H> }, rule: Rule<H>): string {
  for (const name of keysOf(rule.scalars))
    Object.defineProperty(type.prototype, name, {
      get(this: RuleOptimizer<H>) {
        return this['scalar'](name);
      },
      set(this: RuleOptimizer<H>, value: number) {
        this['setScalar'](name, value, rule.scalars[name].range);
      },
      configurable: true,
    });
  return rule.name;
}
