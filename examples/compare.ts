/**
 * Every backend there is, side by side on two steps: Adadelta alone over a million parameters, and the whole training step of
 * the perceptron of `mnist.ts`. How far the results are apart, where first, how fast each is.
 *
 *   node --import tsx examples/compare.ts -- --help
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
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

const HELP = `Compares all backends on an Adadelta step and on a step of a perceptron 784-500-300-10.

  node --import tsx examples/compare.ts [options]

  --repeats N        calls that are timed on each backend (default 3)
  --parameters N     of the Adadelta step (default 1000000)
  --batch N          examples of a step of the perceptron (default 100)
  --backends LIST    built-in ones, by commas; all that there are unless given
  --svg PREFIX       writes PREFIX-adadelta.svg and PREFIX-mlp.svg, charts of the times
  --help             this text
`;

/** Backends with an entry of their own, which may be missing here: what they need is not installed with lazuli. */
const SEPARATE: readonly (readonly [entry: string, open: (entry: Record<string, Opener>) => unknown])[] = [
  ['lazuli/webgpu', ({ webgpu }) => webgpu!()],
  ['lazuli/native', ({ native }) => native!()],
  ['lazuli/gpujs', ({ gpujs }) => gpujs!({ mode: 'webasm' })],
];
type Opener = (options?: object) => unknown;

/** The built-in backends, the first one the yardstick, and those that can be opened; the others are named with the reason. */
async function allBackends(): Promise<BackendChoice[]> {
  const backends: BackendChoice[] = ['reference', 'js', 'wasm'];
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

const { values } = parseArgs({
  args: process.argv.slice(2).filter((arg) => arg !== '--'),
  options: {
    repeats: { type: 'string', default: '3' },
    parameters: { type: 'string', default: '1000000' },
    batch: { type: 'string', default: '100' },
    backends: { type: 'string' },
    svg: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP.trimEnd());
else {
  const backends = (values.backends?.split(',') as BackendChoice[] | undefined) ?? (await allBackends());
  const options = { backends, repeats: Number(values.repeats) };
  const adadelta = adadeltaStep(Number(values.parameters));
  const mlp = perceptronStep(Number(values.batch));
  for (const comparison of [
    await compare(adadelta.step, adadelta.args, options),
    await compare(mlp.step, mlp.args, options),
  ]) {
    console.log(`\n${String(comparison)}`);
    if (values.svg !== undefined) writeFileSync(`${values.svg}-${comparison.name}.svg`, comparison.toSVG());
  }
}
