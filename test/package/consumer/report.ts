// What looks inside: the report of a step as one HTML file.
import { jit, tensor } from 'lazuli';
import type { Report, Tensor } from 'lazuli';
import { toHTML } from 'lazuli/report';

const step = jit((x: Tensor): Tensor => x.matmul(x).tanh().sum());
const report: Report = step.inspect(
  tensor([
    [1, 2],
    [3, 4],
  ]),
);
export const finished: Promise<void> = toHTML([
  report,
  step.inspectOn(
    'js',
    tensor([
      [1, 2],
      [3, 4],
    ]),
  ),
]).then((html) => {
  if (!html.startsWith('<!doctype html>')) throw new Error(`the report begins with ${html.slice(0, 20)}`);
});
