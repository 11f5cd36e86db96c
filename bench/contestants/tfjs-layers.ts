/** Layers as a user of TensorFlow.js core writes them. Its WebAssembly has no derivatives of convolutions; its cpu has. */
import * as tf from '@tensorflow/tfjs-core';
import { attentionInputs, BLOCK, blockInputs, NET_BATCH, netInputs, NETS, type Shaped } from '../run/layer-inputs.js';
import { type Makers, repeated, type Task } from '../run/serve.js';

const from = ({ shape, values }: Shaped): tf.Tensor => tf.tensor(values, [...shape]);

function training(parameters: readonly Shaped[], lossOf: (weights: tf.Variable[]) => tf.Tensor): Task {
  const weights = parameters.map((each) => tf.variable(from(each)));
  const optimizer = tf.train.adam(1e-3);
  let loss: tf.Scalar | null = null;
  return {
    modes: repeated(() => {
      loss?.dispose();
      loss = optimizer.minimize(() => tf.tidy(() => lossOf(weights) as tf.Scalar), true, weights);
    }),
    results: () => [loss!.dataSync()],
  };
}

const attention = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, scale: number): tf.Tensor =>
  tf.matMul(tf.softmax(tf.mul(tf.matMul(q, k, false, true), scale)), v);

export const layerMakers: Makers = {
  net({ name }) {
    if (tf.getBackend() !== 'cpu') return undefined;
    const { parameters, images, labels } = netInputs(name);
    const { padding, dense } = NETS[name];
    const x = from(images) as tf.Tensor4D;
    const y = tf.oneHot(tf.tensor1d(labels, 'int32'), 10);
    return training(parameters, (w) => {
      let h = x;
      padding.forEach((pad, i) => {
        const c = tf.relu(tf.add(tf.conv2d(h, w[2 * i] as unknown as tf.Tensor4D, 1, pad), w[2 * i + 1]!));
        h = tf.maxPool(c as tf.Tensor4D, 2, 2, 'valid');
      });
      let flat: tf.Tensor = tf.reshape(h, [NET_BATCH, dense[0]]);
      for (let i = 4; i < w.length; i += 2) {
        if (i > 4) flat = tf.relu(flat);
        flat = tf.add(tf.matMul(flat as tf.Tensor2D, w[i] as unknown as tf.Tensor2D), w[i + 1]!);
      }
      return tf.losses.softmaxCrossEntropy(y, flat);
    });
  },

  transformer() {
    const { parameters, x: input, target: wanted } = blockInputs();
    const { batch, length, width, heads, hidden } = BLOCK;
    const [x, target] = [from(input), from(wanted)];
    const rows = batch * length;
    return training(parameters, (w) => {
      const linear = (v: tf.Tensor, i: number, inputs: number): tf.Tensor =>
        tf.add(tf.matMul(tf.reshape(v, [rows, inputs]), w[i] as unknown as tf.Tensor2D), w[i + 1]!);
      const norm = (v: tf.Tensor, i: number): tf.Tensor => {
        const centred = tf.sub(v, tf.mean(v, -1, true));
        const variance = tf.mean(tf.square(centred), -1, true);
        return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, 1e-5))), w[i]!), w[i + 1]!);
      };
      const divided = (v: tf.Tensor): tf.Tensor =>
        tf.transpose(tf.reshape(v, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
      const normal = norm(x, 0);
      const [q, k, v] = [2, 4, 6].map((i) => divided(linear(normal, i, width))) as [tf.Tensor, tf.Tensor, tf.Tensor];
      const mixed = tf.transpose(attention(q, k, v, 0.25), [0, 2, 1, 3]);
      const middle = tf.add(x, tf.reshape(linear(mixed, 8, width), [batch, length, width]));
      const wide = linear(norm(middle, 10), 12, width);
      const gelu = tf.mul(wide, tf.mul(0.5, tf.add(1, tf.erf(tf.mul(wide, Math.SQRT1_2)))));
      const out = tf.add(middle, tf.reshape(linear(gelu, 14, hidden), [batch, length, width]));
      return tf.mean(tf.square(tf.sub(out, target)));
    });
  },

  attention() {
    const [q, k, v, cotangent] = attentionInputs().map(from) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const run = tf.grads((a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => attention(a, b, c, 0.125));
    const call = (): tf.Tensor[] => run([q, k, v], cotangent);
    return { modes: repeated(() => tf.dispose(call())), results: () => call().map((each) => each.dataSync()) };
  },
};
