/**
 * TensorFlow.js on its WebAssembly backend (`node tfjs.js cpu`: on its plain one), with its own optimizers. Its Adadelta
 * divides by the accumulator of the step before instead of the new one (tfjs-core 4.22, adadelta_optimizer), so its
 * results differ from the paper's.
 */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { gradientSeed, PERCEPTRON, perceptronInputs, rowLabels, SEEDS, uniform } from '../run/inputs.js';
import { layerMakers } from './tfjs-layers.js';
import { type Makers, repeated, serve, type Task } from '../run/serve.js';

const WRONG_ADADELTA = 'its Adadelta divides by the accumulator before the update';

function updates(count: number, size: number, optimizer: tf.Optimizer, note?: string): Task {
  const variables = Array.from({ length: count }, () => tf.variable(tf.zeros([size])));
  const grads = Object.fromEntries(variables.map(({ name }, p) => [name, tf.tensor(uniform(size, gradientSeed(p)))]));
  return {
    modes: repeated(() => optimizer.applyGradients(grads)),
    results: () => [variables[count - 1]!.dataSync()],
    ...(note === undefined ? {} : { note }),
  };
}

const makers: Makers = {
  ...layerMakers,

  adadelta: ({ count, size }) => updates(count, size, tf.train.adadelta(1, 0.95, 1e-6), WRONG_ADADELTA),
  adam: ({ count, size }) => updates(count, size, tf.train.adam(0.001, 0.9, 0.999, 1e-8)),

  matmul({ m, k, n, transposed }) {
    const a = tf.tensor2d(uniform(m * k, SEEDS.a), transposed === 'a' ? [k, m] : [m, k]);
    const b = tf.tensor2d(uniform(k * n, SEEDS.b), transposed === 'b' ? [n, k] : [k, n]);
    const multiply = (): tf.Tensor => tf.matMul(a, b, transposed === 'a', transposed === 'b');
    return { modes: repeated(() => multiply().dispose()), results: () => [multiply().dataSync()] };
  },

  crossEntropy({ rows, classes }) {
    const logits = tf.tensor2d(uniform(rows * classes, SEEDS.logits, 4), [rows, classes]);
    const labels = tf.oneHot(tf.tensor1d(rowLabels(rows, classes), 'int32'), classes);
    const run = tf.valueAndGrad((z: tf.Tensor) => tf.losses.softmaxCrossEntropy(labels, z));
    return {
      modes: repeated(() => {
        const { value, grad } = run(logits);
        tf.dispose([value, grad]);
      }),
      results: () => {
        const { value, grad } = run(logits);
        return [value.dataSync(), grad.dataSync()];
      },
    };
  },

  perceptron() {
    const { parameters, images, labels } = perceptronInputs();
    const { batch, sizes } = PERCEPTRON;
    const x = tf.tensor2d(images, [batch, sizes[0]]);
    const y = tf.oneHot(tf.tensor1d(labels, 'int32'), 10);
    const weights = parameters.map((values, i) => {
      const outputs = sizes[Math.floor(i / 2) + 1]!;
      return tf.variable(tf.tensor(values, i % 2 === 0 ? [values.length / outputs, outputs] : [outputs]));
    });
    const optimizer = tf.train.adadelta(1, 0.95, 1e-6);
    const logits = (): tf.Tensor => {
      let h: tf.Tensor = x;
      for (let i = 0; i < weights.length; i += 2) {
        if (i > 0) h = tf.tanh(h);
        h = tf.add(tf.matMul(h as tf.Tensor2D, weights[i] as tf.Tensor2D), weights[i + 1]!);
      }
      return h;
    };
    let loss: tf.Scalar | null = null;
    return {
      modes: repeated(() => {
        loss?.dispose();
        loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(y, logits()), true, weights);
      }),
      results: () => [loss!.dataSync(), weights[0]!.dataSync(), weights[4]!.dataSync()],
      note: WRONG_ADADELTA,
    };
  },
};

await serve(async () => {
  const backend = process.argv[2] ?? 'wasm';
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  await tf.ready();
  // tfjs-core registers no derivatives by itself, and its file that does so cannot be imported by Node as it is.
  await import(new URL('../../tfjs-gradients.js', import.meta.url).href);
  return { version: `TensorFlow.js ${tf.version_core}, ${tf.getBackend()}`, makers };
});
