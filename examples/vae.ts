/**
 * A variational autoencoder (Kingma and Welling 2014) of handwritten digits: it learns to draw them from eight numbers. The
 * noise comes from a key that is a Variable, so that a run resumes with the same bits.
 *
 *   npx tsx examples/vae.ts --epochs 10 --svg vae.svg
 */
import { writeFileSync } from 'node:fs';
import { Adam, jit, losses, Module, nn, random, tensor, type Tensor, valueAndGrad, Variable } from 'lazuli';
import { batches } from 'lazuli/data';
import { fit } from 'lazuli/train';
import { loadDigits } from './support/digits.js';
import { readOptions } from './support/options.js';

const options = readOptions('A variational autoencoder draws digits.', 'npx tsx examples/vae.ts', {
  epochs: { otherwise: 10, about: 'passes over the examples' },
  examples: { otherwise: 9000, about: 'digits that are learnt' },
  svg: { otherwise: 'vae.svg', about: 'where the drawings go' },
});
const [SIDE, PIXELS, HIDDEN, LATENT] = [28, 784, 128, 8] as const;

class Autoencoder extends Module {
  hidden = new nn.Linear(PIXELS, HIDDEN);
  mean = new nn.Linear(HIDDEN, LATENT);
  logVariance = new nn.Linear(HIDDEN, LATENT);
  unfold = new nn.Linear(LATENT, HIDDEN);
  draw = new nn.Linear(HIDDEN, PIXELS);
  key = new Variable(random.key(5));

  /** Logits of pixels: z: f32[n, 8] → f32[n, 784]. */
  decode(z: Tensor): Tensor {
    return this.draw.call(this.unfold.call(z).relu());
  }

  /** −ELBO, the mean of the images: what their drawings are off by, and how far z is from a standard normal. */
  loss(images: Tensor): { loss: Tensor; divergence: Tensor } {
    const h = this.hidden.call(images).relu();
    const [mean, logVariance] = [this.mean.call(h), this.logVariance.call(h)];
    const [next, mine] = random.split(this.key.value) as [Tensor, Tensor];
    this.key.value = next;
    const z = mean.add(random.normal(mine, mean.shape).mul(logVariance.mul(0.5).exp()));
    const drawn = losses.binaryCrossEntropy(this.decode(z), images, { reduction: 'sum' }).div(images.shape[0]!);
    const spread = logVariance.exp().add(mean.square()).sub(logVariance).sub(1);
    const divergence = spread.sum(1).mean().mul(0.5);
    return { loss: drawn.add(divergence), divergence };
  }
}

/** Rows of drawings as SVG, a square a pixel. */
function picture(images: Tensor, columns: number): string {
  const data = images.dataSync();
  const squares: string[] = [];
  for (let i = 0; i < data.length; i++) {
    const [image, pixel] = [Math.floor(i / PIXELS), i % PIXELS];
    const x = (image % columns) * SIDE + (pixel % SIDE);
    const y = Math.floor(image / columns) * SIDE + Math.floor(pixel / SIDE);
    if (data[i]! > 0.05) squares.push(`<path d="M${x} ${y}h1v1h-1z" opacity="${data[i]!.toFixed(2)}"/>`);
  }
  const rows = Math.ceil(images.shape[0]! / columns);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${columns * SIDE} ${rows * SIDE}">${squares.join('')}</svg>\n`;
}

random.seed(2);
const { train } = await loadDigits();
const count = Math.min(train.size, options.examples);
const images = tensor(train.images.subarray(0, count * PIXELS), { shape: [count, PIXELS] });
const model = new Autoencoder();
const optimizer = new Adam({ lr: 2e-3, trainVars: model.trainVars() });
const step = jit((images: Tensor) => {
  const [[, measured], grads] = valueAndGrad(
    () => {
      const all = model.loss(images);
      return [all.loss, all] as const;
    },
    { vars: optimizer.varsToTrain, hasAux: true },
  )();
  optimizer.update(grads);
  return measured;
});

const history = await fit(step, batches(images, { size: 100, shuffle: true, dropLast: true }), {
  epochs: options.epochs,
});
const z = random.normal(random.key(11), [40, LATENT]);
writeFileSync(options.svg, picture(model.decode(z).sigmoid(), 10));
console.log(`nats a digit: ${history.loss[0]!.toFixed(1)} at first, ${history.loss.at(-1)!.toFixed(1)} at last`);
console.log(`40 new digits in ${options.svg}`);
