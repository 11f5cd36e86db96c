/**
 * A small transformer learns to write TypeScript's own declarations (lib.es5.d.ts, 219 kB), a character at a time, and
 * prints how it would go on after beginnings that it has not seen. Writing is a `scan`: 300 characters are one call.
 *
 *   npx tsx examples/char-gpt.ts --epochs 4 --windows 3250 --samples 2 --temperature 0.6
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  AdamW,
  arange,
  concat,
  jit,
  losses,
  Module,
  nn,
  random,
  scan,
  stack,
  type Tensor,
  tensor,
  valueAndGrad,
  zeros,
} from 'lazuli';
import { batches } from 'lazuli/data';
import { fit } from 'lazuli/train';
import { readOptions } from './support/options.js';

const options = readOptions("A transformer writes TypeScript's declarations.", 'npx tsx examples/char-gpt.ts', {
  epochs: { otherwise: 4, about: 'passes over the examples' },
  windows: { otherwise: 3250, about: 'pieces of the text that are learnt' },
  samples: { otherwise: 2, about: 'pieces that are written', least: 0 },
  temperature: { otherwise: 0.6, about: 'how freely letters are drawn', least: 0.01 },
});
const LENGTH = 64;
const WIDTH = 64;
const BATCH = 16;
const LETTERS_WRITTEN = 300;

const text = readFileSync(createRequire(import.meta.url).resolve('typescript/lib/lib.es5.d.ts'), 'utf8');
const letters = [...new Set(text)].sort();
const codes = tensor(Int32Array.from([...text], (letter) => letters.indexOf(letter)));
const held = Math.floor(0.95 * codes.size);

class CharGpt extends Module {
  readonly letters = new nn.Embedding(letters.length, WIDTH);
  readonly places = new nn.Embedding(LENGTH, WIDTH);
  readonly blocks = new nn.Sequential(
    new nn.TransformerBlock(WIDTH, 4, { causal: true }),
    new nn.TransformerBlock(WIDTH, 4, { causal: true }),
    new nn.LayerNorm(WIDTH),
  );
  readonly head = new nn.Linear(WIDTH, letters.length);

  /** i32[batch, length] → f32[batch, length, letters] */
  call(text: Tensor): Tensor {
    const places = this.places.call(arange(text.shape[1]!));
    return this.head.call(this.blocks.call(this.letters.call(text).add(places)));
  }
}

random.seed(1);
const model = new CharGpt();
const optimizer = new AdamW({ lr: 3e-3, trainVars: model.trainVars() });

/** The loss of the next letter, for windows that begin at `starts`: i32[batch]. */
function lossAt(starts: Tensor): Tensor {
  const windows = codes.gather(starts.expandDims(1).add(arange(LENGTH + 1)), 0);
  const logits = model.call(windows.at([null, null], [0, LENGTH]));
  return losses.crossEntropy(logits, windows.at([null, null], [1, null]));
}
const step = jit((starts: Tensor) => {
  const [loss, grads] = valueAndGrad(() => lossAt(starts), { vars: optimizer.varsToTrain })();
  optimizer.update(grads);
  return loss;
});

/** The letters that follow a window of them: i32[count]. */
const write = jit((window: Tensor, keys: Tensor, temperature: Tensor | number) => {
  const [, written] = scan(
    (before: Tensor, key: Tensor) => {
      const logits = model.call(before.expandDims(0)).at(0, -1).div(temperature);
      const next = random.categorical(key, logits);
      return [concat([before.at([1, null]), next.expandDims(0)]), next];
    },
    window,
    keys,
  );
  return written;
});

/** Where windows of a part of the text begin, one after another. */
const windowsFrom = (begin: number, end: number): Int32Array =>
  Int32Array.from({ length: Math.floor((end - begin - 1) / LENGTH) }, (_, i) => begin + i * LENGTH);
const train = windowsFrom(0, held).slice(0, options.windows);
const unseen = tensor(windowsFrom(held, codes.size).slice(0, 64));
const evaluate = jit(() => ({ loss: lossAt(unseen) }));

console.log(model.summary(zeros([BATCH, LENGTH], { dtype: 'i32' })));
const history = await fit(step, batches(train, { size: BATCH, shuffle: true, dropLast: true }), {
  epochs: options.epochs,
  evaluate,
});
console.log(`nats a character: ${history.loss[0]!.toFixed(2)} at first, ${history.loss.at(-1)!.toFixed(2)} at last`);

const read = (codes: Tensor): string => [...codes.dataSync()].map((code) => letters[code]!).join('');
for (let i = 0; i < options.samples; i++) {
  const begin = held + 1000 * i;
  const beginning = codes.at([begin, begin + LENGTH]);
  const keys = stack(random.split(random.key(i), LETTERS_WRITTEN));
  console.log(`── sample ${i + 1}\n${read(beginning)}▶${read(write(beginning, keys, options.temperature))}`);
}
