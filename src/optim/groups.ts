/** Options by group of parameters. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { structure, type TreeDef, unflatten } from '../core/tree.js';
import { multiTransform } from './compose.js';
import { type GradientTransformation, leafKeys, type Tree } from './transformation.js';

/** Options for the parameters whose key matches. */
export type ParameterGroup<O> = { readonly [K in keyof O]?: O[K] } & {
  /** Of the parameter's key in `trainVars`, or its path in another tree. */
  readonly match: RegExp | ((key: string) => boolean);
};

/**
 * A rule with options that some parameters have otherwise: each has those of the first group that its key matches, over
 * `options`. Still one launch. Counters are by group, and equal.
 * @example perGroup(adamw, { lr: 1e-3 }, [{ match: /bias$/, weightDecay: null }, { match: /^embed/, lr: 1e-4 }])
 * @throws OptionError `PARAMETER_GROUP` for a group without `match`, or one that matches nothing.
 */
export function perGroup<O extends object>(
  rule: (options?: O) => GradientTransformation,
  options: NoInfer<O>,
  groups: readonly ParameterGroup<NoInfer<O>>[],
): GradientTransformation {
  const wrong = (facts: string, remedy: string): OptionError => new OptionError('PARAMETER_GROUP', facts, remedy);
  if (typeof rule !== 'function' || !Array.isArray(groups))
    throw wrong(
      `perGroup got ${describeValue(rule)} and the groups ${describeValue(groups)}`,
      'Pass a rule such as adamw, its options, and a list of groups.',
    );
  const tests = groups.map((group: ParameterGroup<O>) => {
    const { match } = group;
    if (typeof match === 'function') return match;
    if (!(match instanceof RegExp))
      throw wrong(
        `perGroup got a group with match = ${describeValue(match)}`,
        'match is a regular expression of a parameter’s key, or a function of it.',
      );
    // One that remembers where it stopped would miss every second key.
    const once = new RegExp(match.source, match.flags.replace(/[gy]/g, ''));
    return (key: string) => once.test(key);
  });
  const rules: Record<string, GradientTransformation> = { rest: rule(options) };
  groups.forEach(({ match: _, ...own }: ParameterGroup<O>, i) => {
    rules[`group${i}`] = rule({ ...options, ...own });
  });
  const labels = (params: Tree): Tree => {
    const treedef: TreeDef = structure(params);
    const keys = leafKeys(treedef);
    const chosen = keys.map((key) => tests.findIndex((test) => test(key)));
    groups.forEach((group: ParameterGroup<O>, i) => {
      if (!chosen.includes(i))
        throw wrong(
          `group ${i} of perGroup, ${String(group.match)}, has none of ${keys.join(', ')}`,
          'Keys are those of trainVars; the first group that matches counts.',
        );
    });
    return unflatten(
      treedef,
      chosen.map((i) => (i < 0 ? 'rest' : `group${i}`)),
    );
  };
  return multiTransform(rules, labels);
}
