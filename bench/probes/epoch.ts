/** An epoch of 60,000 random images in batches of 100, whose rows are copied in a random order: `node epoch.js BACKEND THREADS`. */
import { random, tensor } from 'lazuli';
import { chooseBackend } from '../contestants/backend.js';
import { makePerceptron } from '../contestants/perceptron.js';
import { PERCEPTRON, perceptronInputs } from '../run/inputs.js';
import { say } from './say.js';

const [backend, threads] = process.argv.slice(2) as [string, string];
await chooseBackend(backend, Number(threads));
const SIZE = 60_000;
const { batch, sizes } = PERCEPTRON;
const pixels = sizes[0];
const { parameters } = perceptronInputs();
const images = new Float32Array(SIZE * pixels).map((_, i) => ((i * 2654435761) % 256) / 255);
const labels = new Int32Array(SIZE).map((_, i) => (i * 7) % 10);
const { step } = makePerceptron(parameters);
const seconds = [0, 1].map((epoch) => {
  const order = random.permutation(random.key(epoch), SIZE).dataSync();
  const start = performance.now();
  for (let at = 0; at < SIZE; at += batch) {
    const [x, y] = [new Float32Array(batch * pixels), new Int32Array(batch)];
    for (let row = 0; row < batch; row++) {
      const from = order[at + row]!;
      x.set(images.subarray(from * pixels, (from + 1) * pixels), row * pixels);
      y[row] = labels[from]!;
    }
    step(tensor(x, { shape: [batch, pixels] }), tensor(y)).item();
  }
  return (performance.now() - start) / 1000;
});
say({ seconds: Math.min(...seconds) });
