/**
 * Every backend there is, side by side on two steps: Adadelta alone over a million parameters, and the whole training step of
 * the perceptron of `mnist.ts`. How far the results are apart, where first, how fast each is.
 *
 *   npx tsx examples/compare.ts --help
 */
import { writeFileSync } from 'node:fs';
import {
  Adadelta,
  type Backend,
  type BackendChoice,
  compare,
  crossEntropy,
  jit,
  Module,
  random,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
  zeros,
} from 'lazuli';
import { readOptions } from './support/options.js';

const BUILT_IN = ['reference', 'js', 'wasm'] as const;

/** Backends with an entry of their own, which may be missing here: what they need is not installed with lazuli. */
const SEPARATE: readonly (readonly [entry: string, open: (entry: Record<string, Opener>) => unknown])[] = [
  ['lazuli/webgpu', ({ webgpu }) => webgpu!()],
  ['lazuli/native', ({ native }) => native!()],
  ['lazuli/gpujs', ({ gpujs }) => gpujs!({ mode: 'webasm' })],
];
type Opener = (options?: object) => unknown;

/** The built-in backends, the first one the yardstick, and those that can be opened; the others are named with the reason. */
async function allBackends(): Promise<BackendChoice[]> {
  const backends: BackendChoice[] = [...BUILT_IN];
  for (const [entry, open] of SEPARATE)
    try {
      backends.push((await open((await import(entry)) as Record<string, Opener>)) as Backend);
    } catch (error) {
      console.log(`without ${entry}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    }
  return backends;
}

function adadeltaStep(parameters: number): { step: (grads: { w: Tensor }) => void; args: [{ w: Tensor }] } {
  const w = new TrainVar(random.normal(random.key(0), [parameters]));
  const opt = new Adadelta({ lr: 1, trainVars: { w } });
  const step = jit((grads: { w: Tensor }) => opt.update(grads), { name: 'adadelta' });
  return { step, args: [{ w: random.normal(random.key(1), [parameters]) }] };
}

class Layer extends Module {
  readonly weight: TrainVar;
  readonly bias: TrainVar;
  constructor(seed: number, inputs: number, outputs: number) {
    super();
    this.weight = new TrainVar(random.normal(random.key(seed), [inputs, outputs]).div(Math.sqrt(inputs)));
    this.bias = new TrainVar(zeros([outputs]));
  }
  call(x: Tensor): Tensor {
    return x.matmul(this.weight.value).add(this.bias.value);
  }
}

class Perceptron extends Module {
  first = new Layer(0, 784, 500);
  second = new Layer(1, 500, 300);
  third = new Layer(2, 300, 10);
  call(x: Tensor): Tensor {
    return this.third.call(this.second.call(this.first.call(x).tanh()).tanh());
  }
}

function perceptronStep(batch: number): { step: (x: Tensor, y: Tensor) => Tensor; args: [Tensor, Tensor] } {
  const model = new Perceptron();
  const opt = new Adadelta({ lr: 1, trainVars: model.trainVars() });
  const step = jit(
    (x: Tensor, y: Tensor) => {
      const [loss, grads] = valueAndGrad(() => crossEntropy(model.call(x), y), { vars: opt.varsToTrain })();
      opt.update(grads);
      return loss;
    },
    { name: 'mlp' },
  );
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
  return { step, args: [random.uniform(random.key(3), [batch, 784]), tensor(labels)] };
}

const { repeats, parameters, batch, ...named } = readOptions(
  'Compares all backends on an Adadelta step and on a step of a perceptron 784-500-300-10.',
  'npx tsx examples/compare.ts',
  {
    repeats: { otherwise: 3, about: 'calls that are timed on each backend' },
    parameters: { otherwise: 1_000_000, about: 'of the Adadelta step' },
    batch: { otherwise: 100, about: 'examples of a step of the perceptron' },
    backends: {
      otherwise: undefined,
      about: 'built-in ones, by commas; all that there are unless given',
      listOf: BUILT_IN,
    },
    svg: { otherwise: undefined, about: 'the times are drawn in TEXT-adadelta.svg and TEXT-mlp.svg' },
  },
);
const backends = (named.backends?.split(',') as BackendChoice[] | undefined) ?? (await allBackends());
const adadelta = adadeltaStep(parameters);
const mlp = perceptronStep(batch);
for (const comparison of [
  await compare(adadelta.step, adadelta.args, { backends, repeats }),
  await compare(mlp.step, mlp.args, { backends, repeats }),
]) {
  console.log(`\n${String(comparison)}`);
  if (named.svg !== undefined) writeFileSync(`${named.svg}-${comparison.name}.svg`, comparison.toSVG());
}
