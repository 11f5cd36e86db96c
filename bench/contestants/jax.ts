/** @jax-js/jax on its default device, wasm. */
import { defaultDevice, init } from '@jax-js/jax';
import { serve } from '../run/serve.js';
import { packageVersion } from '../run/versions.js';
import { makers } from './jax-works.js';

await serve(async () => {
  await init('wasm');
  defaultDevice('wasm');
  return { version: `@jax-js/jax ${packageVersion('@jax-js/jax')}, wasm`, makers };
});
