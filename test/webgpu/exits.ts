/** A process that opens a GPU, uses it, and is finished: run by `failure.test.ts`. */
import { webgpu } from '../../backends/webgpu/webgpu.js';

const backend = await webgpu();
const buffer = backend.allocate('f32', 8, 'input');
backend.write(buffer, new Float32Array(8).fill(1));
console.log(String((await backend.read(buffer))[3]));
