/**
 * The main job: a multilayer perceptron 784-500-300-10 with tanh learns handwritten digits. Forward pass, backward pass
 * and the optimizer are one compiled step.
 *
 *   npm start -- --help
 */
import { writeFileSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import {
  Adadelta,
  type BackendChoice,
  crossEntropy,
  getDefaultBackend,
  jit,
  Module,
  random,
  type Tensor,
  TrainVar,
  valueAndGrad,
  zeros,
} from 'lazuli';
import { type Series, svgChart, terminalChart } from './support/curve.js';
import { loadDigits } from './support/digits.js';
import { readOptions } from './support/options.js';

const BATCH = 100;
const SIZES = [784, 500, 300, 10] as const;
const OPTIMIZERS = { adadelta: Adadelta } as const;

const options = readOptions(
  'Trains a multilayer perceptron on 9,000 handwritten digits and tests it on 1,000.',
  'npm start --',
  {
    backend: {
      otherwise: undefined,
      about: 'the fastest there is on the CPU unless given',
      oneOf: ['reference', 'js', 'wasm', 'native', 'webgpu', 'gpujs'],
    },
    epochs: { otherwise: 6, about: 'passes over the training digits' },
    optimizer: { otherwise: 'adadelta', about: 'the update rule', oneOf: ['adadelta'] },
    seed: { otherwise: 1, about: 'of the initial weights and the order of batches', least: 0 },
    svg: { otherwise: 'mnist.svg', about: 'where the learning curve goes' },
  },
);

/** What runs the jitted functions; random numbers are made on the CPU. */
async function openBackend(name: typeof options.backend): Promise<BackendChoice> {
  if (name === 'webgpu') return (await import('lazuli/webgpu')).webgpu();
  if (name === 'native') return (await import('lazuli/native')).native();
  if (name === 'gpujs') return (await import('lazuli/gpujs')).gpujs({ mode: 'webasm' });
  return name ?? getDefaultBackend();
}

/** x·W + b, with W and b from U(±1/√inputs). */
class Linear extends Module {
  readonly weight: TrainVar;
  readonly bias: TrainVar;

  constructor(key: Tensor, inputs: number, outputs: number) {
    super();
    const bound = 1 / Math.sqrt(inputs);
    const [weightKey, biasKey] = random.split(key, 2) as [Tensor, Tensor];
    this.weight = new TrainVar(random.uniform(weightKey, [inputs, outputs], { min: -bound, max: bound }));
    this.bias = new TrainVar(random.uniform(biasKey, [outputs], { min: -bound, max: bound }));
  }

  call(x: Tensor): Tensor {
    return x.matmul(this.weight.value).add(this.bias.value);
  }
}

class Perceptron extends Module {
  readonly layers: Linear[];

  constructor(key: Tensor) {
    super();
    const keys = random.split(key, SIZES.length - 1);
    this.layers = keys.map((each, i) => new Linear(each, SIZES[i]!, SIZES[i + 1]!));
  }

  call(x: Tensor): Tensor {
    return this.layers.reduce((hidden, layer, i) => layer.call(i === 0 ? hidden : hidden.tanh()), x);
  }
}

/** Set by Ctrl-C; the loop looks at it between two steps. */
let interrupted = false;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function train(backend: BackendChoice): Promise<number> {
  const { epochs, optimizer, seed, svg } = options;
  const { train: digits, test } = await loadDigits();
  const [initialKey, orderKey] = random.split(random.key(seed), 2) as [Tensor, Tensor];
  const model = new Perceptron(initialKey);
  const weights = model.trainVars();
  const opt = new OPTIMIZERS[optimizer]({ trainVars: weights });

  const step = jit(
    (x: Tensor, y: Tensor) => {
      const [loss, grads] = valueAndGrad(() => crossEntropy(model.call(x), y), { vars: opt.varsToTrain })();
      opt.update(grads);
      return loss;
    },
    { name: 'trainingStep', backend },
  );
  const update = jit((grads: Map<string, Tensor>) => opt.update(grads), { name: 'optimizerUpdate', backend });
  const countErrors = jit((x: Tensor, y: Tensor) => model.call(x).argmax(1).notEqual(y).sum(), {
    name: 'countErrors',
    backend,
  });

  console.log(
    `MLP ${SIZES.join('-')}, ${optimizer}, batches of ${BATCH}, backend ${typeof backend === 'string' ? backend : backend.name}`,
  );
  const batches = digits.size / BATCH;
  const testSet = test.all();
  const losses: number[] = [];
  const errors: number[] = [];
  for (let epoch = 1; epoch <= epochs && !interrupted; epoch++) {
    const shuffled = random.permutation(random.split(orderKey, epochs)[epoch - 1]!, digits.size);
    const order = (await shuffled.data()) as Int32Array;
    const bar = new SingleBar({
      format: `epoch ${epoch}/${epochs} {bar} {value}/{total} loss {loss}`,
      hideCursor: true,
      clearOnComplete: true,
    });
    if (process.stdout.isTTY) bar.start(batches, 0, { loss: '' });
    let busy = 0;
    let done = 0;
    for (; done < batches && !interrupted; done++) {
      const { images, labels } = digits.batch(order, done * BATCH, BATCH);
      const start = performance.now();
      losses.push((await step(images, labels).data())[0]!);
      busy += performance.now() - start;
      bar.update(done + 1, { loss: losses[losses.length - 1]!.toFixed(4) });
      await nextTurn();
    }
    bar.stop();
    if (interrupted) break;
    const [wrong] = await countErrors(testSet.images, testSet.labels).data();
    errors.push((100 * wrong!) / test.size);
    const mean = losses.slice(-batches).reduce((a, b) => a + b, 0) / batches;
    console.log(
      `epoch ${epoch}: loss ${mean.toFixed(4)}, test error ${errors[epoch - 1]!.toFixed(2)} %, ` +
        `${(busy / batches).toFixed(2)} ms a step, ${((1000 * batches) / busy).toFixed(0)} steps/s`,
    );
  }
  if (interrupted) {
    console.log('stopped');
    return 130;
  }

  const zeroGrads = new Map([...weights].map(([key, variable]) => [key, zeros(variable.shape)]));
  const first = digits.batch(
    Int32Array.from({ length: BATCH }, (_, i) => i),
    0,
    BATCH,
  );
  const report = step.inspect(first.images, first.labels);
  const { launches } = update.inspect(zeroGrads);
  console.log(`\n${step.stats.traces} trace, ${step.stats.compiles} compile, ${step.stats.calls} calls`);
  console.log(`${report.launches} kernels per training step, ${(report.peakBytes / 2 ** 20).toFixed(1)} MiB at peak`);
  console.log(`${launches} ${launches === 1 ? 'kernel' : 'kernels'} per optimizer step\n`);
  const curves: Series[] = [
    { name: 'training loss', values: losses },
    { name: 'test error in %', values: errors },
  ];
  console.log(terminalChart(curves[0]!));
  writeFileSync(svg, svgChart('Learning handwritten digits', curves));
  console.log(`\nlearning curve in ${svg}`);
  console.log(`final test error ${errors[errors.length - 1]!.toFixed(2)} %`);
  return 0;
}

process.once('SIGINT', () => (interrupted = true));
process.exitCode = await train(await openBackend(options.backend));
