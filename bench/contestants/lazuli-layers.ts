/** Layers as a user of Lazuli writes them. */
import * as lazuli from 'lazuli';
import {
  attentionInputs,
  BLOCK,
  blockInputs,
  exampleInputs,
  GRU,
  gruInputs,
  NET_BATCH,
  netInputs,
  NETS,
  type Shaped,
} from '../run/layer-inputs.js';
import { type Makers, repeated, type Task } from '../run/serve.js';

const { Adam, attention, crossEntropy, grad, jit, nn, relu, scan, tensor, tree, valueAndGrad, vmap, zeros } = lazuli;
type Tensor = lazuli.Tensor;

const from = ({ shape, values }: Shaped): Tensor => tensor(values, { shape });
/** Gives the Variables of a model these values, in their order. */
function begin(variables: readonly lazuli.TrainVar[], parameters: readonly Shaped[]): void {
  if (variables.length !== parameters.length) throw new Error(`${variables.length} Variables`);
  variables.forEach((variable, i) => (variable.value = from(parameters[i]!)));
}
/** A step that gives a loss; the result is the last one. */
function training(step: () => Tensor): Task {
  let loss: Tensor | undefined;
  return {
    modes: repeated(() => {
      loss?.dispose();
      loss = step();
    }),
    results: () => [loss!.dataSync()],
  };
}
/** A call that gives tensors. */
const calling = (call: () => readonly Tensor[]): Task => ({
  modes: repeated(() => call().forEach((each) => each.dispose())),
  results: () => call().map((each) => each.dataSync()),
});

export const layerMakers: Makers = {
  net({ name }) {
    const { parameters, images, labels } = netInputs(name);
    const { channels, padding, dense } = NETS[name];
    const convolutions = padding.flatMap((each, i) => [
      new nn.Conv2d(channels[i]!, channels[i + 1]!, 5, { padding: each === 'same' ? 'same' : 0 }),
      relu,
      new nn.MaxPool2d(2),
    ]);
    const linears = dense.slice(1).flatMap((outputs, i) => {
      const linear = new nn.Linear(dense[i]!, outputs);
      return i + 2 < dense.length ? [linear, relu] : [linear];
    });
    const model = new nn.Sequential(...convolutions, (x) => x.reshape([NET_BATCH, dense[0]]), ...linears);
    begin([...model.trainVars().values()], parameters);
    const optimizer = new Adam({ lr: 1e-3, trainVars: model.trainVars() });
    const step = jit((x: Tensor, y: Tensor) => {
      const [loss, grads] = valueAndGrad(() => crossEntropy(model.call(x), y), { vars: optimizer.varsToTrain })();
      optimizer.update(grads);
      return loss;
    });
    const [x, y] = [from(images), tensor(labels)];
    return training(() => step(x, y));
  },

  transformer() {
    const { parameters, x: input, target: wanted } = blockInputs();
    const block = new nn.TransformerBlock(BLOCK.width, BLOCK.heads, { hidden: BLOCK.hidden });
    const { attentionNorm, attention: heads, hiddenNorm, expand, contract } = block;
    const parts = [attentionNorm, heads.query, heads.key, heads.value, heads.out, hiddenNorm, expand, contract];
    begin(
      parts.flatMap((part) => [...part.trainVars().values()]),
      parameters,
    );
    const optimizer = new Adam({ lr: 1e-3, trainVars: block.trainVars() });
    const step = jit((x: Tensor, target: Tensor) => {
      const [loss, grads] = valueAndGrad(() => block.call(x).sub(target).square().mean(), {
        vars: optimizer.varsToTrain,
      })();
      optimizer.update(grads);
      return loss;
    });
    const [x, target] = [from(input), from(wanted)];
    return training(() => step(x, target));
  },

  attention() {
    const [q, k, v, cotangent] = attentionInputs().map(from) as [Tensor, Tensor, Tensor, Tensor];
    const run = jit((...all: Tensor[]) => {
      const [a, b, c, g] = all as [Tensor, Tensor, Tensor, Tensor];
      return grad((x: Tensor, y: Tensor, z: Tensor) => attention(x, y, z).mul(g).sum(), [0, 1, 2])(a, b, c);
    });
    return calling(() => run(q, k, v, cotangent));
  },

  gru({ form }) {
    const { parameters, x: input, cotangent: given } = gruInputs();
    const { batch, width } = GRU;
    const layer = new nn.GRU(width, width);
    const [cell] = layer.cells;
    const variables = [cell!.inputWeight, cell!.hiddenWeight, cell!.inputBias, cell!.hiddenBias];
    begin(variables, parameters);
    const byHand = (x: Tensor): Tensor => {
      const [wi, wh, bi, bh] = variables.map(({ value }) => value) as [Tensor, Tensor, Tensor, Tensor];
      const gate = (all: Tensor, i: number): Tensor => all.slice([0, i * width], [batch, (i + 1) * width]);
      const [, outputs] = scan(
        (h: Tensor, each: Tensor) => {
          const [a, b] = [each.matmul(wi).add(bi), h.matmul(wh).add(bh)];
          const r = gate(a, 0).add(gate(b, 0)).sigmoid();
          const z = gate(a, 1).add(gate(b, 1)).sigmoid();
          const n = gate(a, 2).add(r.mul(gate(b, 2))).tanh(); // prettier-ignore
          const next = n.add(z.mul(h.sub(n)));
          return [next, next] as const;
        },
        zeros([batch, width]),
        x.transpose([1, 0, 2]),
      );
      return outputs.transpose([1, 0, 2]);
    };
    const outputsOf = form === 'layer' ? (x: Tensor): Tensor => layer.call(x)[0] : byHand;
    const run = jit((x: Tensor, cotangent: Tensor) =>
      grad(() => outputsOf(x).mul(cotangent).sum(), { vars: layer.trainVars() })(),
    );
    const [x, cotangent] = [from(input), from(given)];
    return calling(() => [...run(x, cotangent).values()].slice(0, 2));
  },

  examples({ form }) {
    const { parameters, x: input, labels } = exampleInputs();
    const weights = parameters.map(from);
    const lossOf = (w: Tensor[], x: Tensor, y: Tensor): Tensor =>
      crossEntropy(x.matmul(w[0]!).add(w[1]!).tanh().matmul(w[2]!).add(w[3]!), y);
    const [x, y] = [from(input), tensor(labels)];
    const batched = jit((w: Tensor[], xs: Tensor, ys: Tensor) => grad(lossOf)(w, xs, ys));
    const each = jit((w: Tensor[], xs: Tensor, ys: Tensor) =>
      vmap((one: Tensor, label: Tensor) => grad(lossOf)(w, one.expandDims(0), label.expandDims(0)))(xs, ys),
    );
    const run = form === 'each' ? each : batched;
    return calling(() => tree.leaves(run(weights, x, y)) as Tensor[]);
  },
};
