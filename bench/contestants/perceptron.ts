/** The perceptron's training step as a user of Lazuli writes it; contestants and probes share it. */
import * as lazuli from 'lazuli';
import { PERCEPTRON, perceptronInputs } from '../run/inputs.js';

const { Adadelta, crossEntropy, jit, tensor, TrainVar, valueAndGrad } = lazuli;

export interface Perceptron {
  readonly step: lazuli.Jitted<[lazuli.Tensor, lazuli.Tensor], lazuli.Tensor>;
  /** W1, b1, W2, b2, W3, b3. */
  readonly parameters: readonly lazuli.TrainVar[];
  readonly optimizer: InstanceType<typeof Adadelta>;
  readonly logits: (x: lazuli.Tensor) => lazuli.Tensor;
}

/** The model with these initial values, and its jitted step: forward, backward and Adadelta. */
export function makePerceptron(initial: readonly Float32Array[]): Perceptron {
  const { sizes } = PERCEPTRON;
  const parameters = initial.map((values, i) => {
    const outputs = sizes[Math.floor(i / 2) + 1]!;
    return new TrainVar(tensor(values, { shape: i % 2 === 0 ? [values.length / outputs, outputs] : [outputs] }));
  });
  const logits = (x: lazuli.Tensor): lazuli.Tensor => {
    for (let i = 0; i < parameters.length; i += 2) {
      if (i > 0) x = x.tanh();
      x = x.matmul(parameters[i]!.value).add(parameters[i + 1]!.value);
    }
    return x;
  };
  const optimizer = new Adadelta({ trainVars: Object.fromEntries(parameters.map((each, i) => [`p${i}`, each])) });
  const step = jit((x: lazuli.Tensor, y: lazuli.Tensor) => {
    const [loss, grads] = valueAndGrad(() => crossEntropy(logits(x), y), { vars: optimizer.varsToTrain })();
    optimizer.update(grads);
    return loss;
  });
  return { step, parameters, optimizer, logits };
}

/** The batch that every contestant trains on. */
export function perceptronBatch(): { initial: Float32Array[]; x: lazuli.Tensor; y: lazuli.Tensor } {
  const { parameters, images, labels } = perceptronInputs();
  return {
    initial: parameters,
    x: tensor(images, { shape: [PERCEPTRON.batch, PERCEPTRON.sizes[0]] }),
    y: tensor(labels),
  };
}
