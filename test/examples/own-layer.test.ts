/** The example of a layer of one's own: it learns, and its parts are found. */
import { expect, test } from 'vitest';
import { printed } from '../support/processes.js';

test('a gated layer tells two spirals apart', async () => {
  const output = await printed('examples/own-layer.ts', '--steps', '300');
  expect(output).toMatch(/^layers\.0\.gate +Linear +f32\[400,32\] +96 /m);
  const [, right] = /^told apart: (\d+\.\d) %$/m.exec(output)!;
  expect(Number(right)).toBeGreaterThan(95);
});
