/**
 * The main job: a multilayer perceptron 784-500-300-10 with tanh learns handwritten digits. Forward pass, backward pass
 * and the optimizer are one compiled step.
 *
 *   npm start -- --help
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
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

const BATCH = 100;
const SIZES = [784, 500, 300, 10] as const;
const OPTIMIZERS = { adadelta: Adadelta } as const;

const HELP = `Trains a multilayer perceptron on 9,000 handwritten digits and tests it on 1,000.

  npm start -- [options]

  --backend NAME     reference, js, wasm, native, webgpu or gpujs (default: the fastest there is on the CPU)
  --epochs N         passes over the training digits (default 6)
  --optimizer NAME   ${Object.keys(OPTIMIZERS).join(', ')} (default adadelta)
  --seed N           of the initial weights and the order of batches (default 1)
  --svg FILE         where the learning curve goes (default mnist.svg)
  --help             this text
`;

/** A wrong command line: printed without a stack, exit code 2. */
class UsageError extends Error {}

interface Options {
  /** What runs the jitted functions; random numbers are made on the CPU. */
  readonly backend: BackendChoice;
  readonly epochs: number;
  readonly optimizer: keyof typeof OPTIMIZERS;
  readonly seed: number;
  readonly svg: string;
}

async function openBackend(name: string): Promise<BackendChoice> {
  if (name === 'webgpu') return (await import('lazuli/webgpu')).webgpu();
  if (name === 'native') return (await import('lazuli/native')).native();
  if (name === 'gpujs') return (await import('lazuli/gpujs')).gpujs({ mode: 'webasm' });
  if (name === 'reference' || name === 'js' || name === 'wasm') return name;
  throw new UsageError(`--backend takes reference, js, wasm, native, webgpu or gpujs, not ${JSON.stringify(name)}`);
}

async function readOptions(args: readonly string[]): Promise<Options | 'help'> {
  const { values } = (() => {
    try {
      return parseArgs({
        args: [...args],
        options: {
          backend: { type: 'string' },
          epochs: { type: 'string', default: '6' },
          optimizer: { type: 'string', default: 'adadelta' },
          seed: { type: 'string', default: '1' },
          svg: { type: 'string', default: 'mnist.svg' },
          help: { type: 'boolean', default: false },
        },
      });
    } catch (error) {
      throw new UsageError(error instanceof Error ? error.message : String(error));
    }
  })();
  if (values.help) return 'help';
  const integer = (name: string, text: string, least: number): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
      throw new UsageError(`--${name} takes an integer of at least ${least}, not ${JSON.stringify(text)}`);
    return value;
  };
  const { backend, optimizer } = values;
  if (!Object.hasOwn(OPTIMIZERS, optimizer))
    throw new UsageError(`--optimizer takes ${Object.keys(OPTIMIZERS).join(', ')}, not ${JSON.stringify(optimizer)}`);
  return {
    backend: backend === undefined ? getDefaultBackend() : await openBackend(backend),
    epochs: integer('epochs', values.epochs, 1),
    optimizer: optimizer as keyof typeof OPTIMIZERS,
    seed: integer('seed', values.seed, 0),
    svg: values.svg,
  };
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

async function train({ backend, epochs, optimizer, seed, svg }: Options): Promise<number> {
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

async function main(): Promise<number> {
  const options = await readOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  process.once('SIGINT', () => (interrupted = true));
  return train(options);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${HELP}`);
  process.exitCode = 2;
}
