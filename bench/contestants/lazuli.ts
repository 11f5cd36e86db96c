/** Lazuli: `node lazuli.js wasm|native|js`, with BENCH_THREADS threads. */
import * as lazuli from 'lazuli';
import { gradientSeed, rowLabels, SEEDS, uniform } from '../run/inputs.js';
import { chooseBackend } from './backend.js';
import { layerMakers } from './lazuli-layers.js';
import { makePerceptron, perceptronBatch } from './perceptron.js';
import { type Makers, repeated, serve, type Task, THREADS } from '../run/serve.js';

const { crossEntropy, jit, tensor, TrainVar, valueAndGrad } = lazuli;
type Optimizer = InstanceType<typeof lazuli.Adadelta | typeof lazuli.Adam | typeof lazuli.AdamW>;
type Parameters = Map<string, InstanceType<typeof TrainVar>>;

/** One update of `count` parameters by gradients that are there already. */
function updates(count: number, size: number, make: (trainVars: Parameters) => Optimizer): Task {
  const names = Array.from({ length: count }, (_, p) => `p${p}`);
  const trainVars: Parameters = new Map(names.map((name) => [name, new TrainVar(lazuli.zeros([size]))]));
  const grads = Object.fromEntries(names.map((name, p) => [name, tensor(uniform(size, gradientSeed(p)))]));
  const optimizer = make(trainVars);
  const step = jit((given: typeof grads) => {
    optimizer.update(given);
  });
  return {
    modes: repeated(() => step(grads)),
    results: () => [trainVars.get(`p${count - 1}`)!.value.dataSync()],
  };
}

const makers: Makers = {
  ...layerMakers,

  adadelta: ({ count, size }) => updates(count, size, (trainVars) => new lazuli.Adadelta({ trainVars })),
  adam: ({ count, size }) => updates(count, size, (trainVars) => new lazuli.Adam({ trainVars, lr: 0.001 })),
  adamw: ({ count, size }) =>
    updates(count, size, (trainVars) => new lazuli.AdamW({ trainVars, lr: 0.1, weightDecay: 0.1 })),

  matmul({ m, k, n, transposed }) {
    const a = tensor(uniform(m * k, SEEDS.a), { shape: transposed === 'a' ? [k, m] : [m, k] });
    const b = tensor(uniform(k * n, SEEDS.b), { shape: transposed === 'b' ? [n, k] : [k, n] });
    const multiply = jit((x: lazuli.Tensor, y: lazuli.Tensor) =>
      (transposed === 'a' ? x.transpose() : x).matmul(transposed === 'b' ? y.transpose() : y),
    );
    return {
      modes: repeated(() => multiply(a, b).dispose()),
      results: () => [multiply(a, b).dataSync()],
    };
  },

  crossEntropy({ rows, classes }) {
    const logits = tensor(uniform(rows * classes, SEEDS.logits, 4), { shape: [rows, classes] });
    const labels = tensor(rowLabels(rows, classes));
    const run = jit((z: lazuli.Tensor, y: lazuli.Tensor) =>
      valueAndGrad((each: lazuli.Tensor) => crossEntropy(each, y))(z),
    );
    return {
      modes: repeated(() => {
        const [loss, gradient] = run(logits, labels);
        loss.dispose();
        gradient.dispose();
      }),
      results: () => run(logits, labels).map((each) => each.dataSync()),
    };
  },

  perceptron() {
    const { initial, x, y } = perceptronBatch();
    const { step, parameters } = makePerceptron(initial);
    let loss: lazuli.Tensor | undefined;
    return {
      modes: repeated(() => {
        loss?.dispose();
        loss = step(x, y);
      }),
      results: () => [loss!, parameters[0]!.value, parameters[4]!.value].map((each) => each.dataSync()),
    };
  },
};

await serve(async () => {
  const backend = process.argv[2]!;
  await chooseBackend(backend, THREADS);
  return { version: `${backend}, ${THREADS} ${THREADS === 1 ? 'thread' : 'threads'}`, makers };
});
