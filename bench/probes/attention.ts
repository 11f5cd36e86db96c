/** Temporaries of [length, length] in the derivatives of attention: how often one of them is written, and the bytes of all. */
import { attention, grad, jit, zeros, type Tensor } from 'lazuli';
import { ATTENTION } from '../run/layer-inputs.js';
import { say } from './say.js';

const { heads, length, width } = ATTENTION;
const x = zeros([1, heads, length, width]);
const run = jit(
  (q: Tensor, k: Tensor, v: Tensor, g: Tensor) =>
    grad((a: Tensor, b: Tensor, c: Tensor) => attention(a, b, c).mul(g).sum(), [0, 1, 2])(q, k, v),
  { backend: 'wasm' },
);
const { buffers, kernels } = run.inspect(x, x, x, x);
const bytes = 4 * heads * length * length;
const squares = new Set(buffers.filter((each) => each.bytes === bytes).map(({ name }) => name));
const written = kernels.flatMap(({ outputs }) => outputs.filter((name) => squares.has(name)));
const times = [...squares].map((name) => written.filter((each) => each === name).length);
say({ temporaries: squares.size, writes: Math.max(...times), bytes: written.length * bytes });
