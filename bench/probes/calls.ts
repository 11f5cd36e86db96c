/** Nanoseconds of a jitted call that has next to nothing to compute: one scalar in and out. */
import { jit, tensor, type Tensor } from 'lazuli';
import { median } from '../run/statistics.js';
import { say, useBackend } from './say.js';

await useBackend();
const increment = jit((x: Tensor) => x.add(1));
const x = tensor([1]);
const CALLS = 2000;
const bursts = Array.from({ length: 200 }, () => {
  const start = performance.now();
  for (let i = 0; i < CALLS; i++) increment(x).dispose();
  return ((performance.now() - start) / CALLS) * 1e6;
});
say({ overhead: median(bursts.slice(50)) });
