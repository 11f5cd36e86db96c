/** Random numbers from keys, as `random` has them. */
export { bits, key, seed, split, state } from './keys.js';
export {
  bernoulli,
  type BernoulliOptions,
  categorical,
  exponential,
  gumbel,
  normal,
  type NormalOptions,
  randint,
  type RandintOptions,
  truncatedNormal,
  uniform,
  type UniformOptions,
} from './distributions.js';
export { choice, type ChoiceOptions, permutation } from './sampling.js';
