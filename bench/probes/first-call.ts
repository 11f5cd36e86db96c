/**
 * What the first call of the perceptron's step costs. `cold`, `warm`: milliseconds beyond a usual call, with the engine's
 * slow first run of the code, for the first program of a process and for those after ten others. `compile`: recording,
 * derivatives, passes, emission and instantiation alone, in the warm process, the text of a report included. `tenth`:
 * the tenth call over a usual one.
 */
import { makePerceptron, perceptronBatch } from '../contestants/perceptron.js';
import { median } from '../run/statistics.js';
import { say, useBackend } from './say.js';

await useBackend();
const { initial, x, y } = perceptronBatch();

/** Milliseconds of the first `calls` calls of a new step. */
function callsOfNewStep(calls: number): number[] {
  const { step } = makePerceptron(initial);
  return Array.from({ length: calls }, () => {
    const start = performance.now();
    step(x, y).item();
    return performance.now() - start;
  });
}

const first = callsOfNewStep(60);
const steady = median(first.slice(30));
const others = Array.from({ length: 14 }, () => callsOfNewStep(12));
const steadyOfOthers = median(others.flatMap((times) => times.slice(10)));
const compiles = Array.from({ length: 5 }, () => {
  const { step } = makePerceptron(initial);
  const start = performance.now();
  step.inspect(x, y);
  return performance.now() - start;
});
say({
  cold: first[0]! - steady,
  warm: median(others.slice(10).map((times) => times[0]!)) - steadyOfOthers,
  compile: median(compiles),
  tenth: first[9]! / steady,
});
