/** Recurrent layers beside PyTorch's, with all gradients; state carried from call to call; mistakes. */
import { concat, jit, nn, OptionError, random, ShapeError, type Tensor, zeros } from 'lazuli';
import { expect, test } from 'vitest';
import { expectError } from '../errors/thrown.js';
import { THOROUGH } from '../support/runs.js';
import { compareWithTorch } from './torch.js';

const numbers = (x: Tensor): number[] => Array.from(x.dataSync());
const f64 = { dtype: 'f64', layers: 2 } as const;

/** Gives the cells the values that PyTorch names `weight_ih_l0`, `bias_hh_l1_reverse`, … */
function setCells(layer: nn.RNN | nn.GRU | nn.LSTM, values: Record<string, Tensor>): void {
  layer.cells.forEach((cell, i) => {
    const suffix = layer.bidirectional ? `l${i >> 1}${i % 2 === 1 ? '_reverse' : ''}` : `l${i}`;
    cell.inputWeight.value = values[`weight_ih_${suffix}`]!;
    cell.hiddenWeight.value = values[`weight_hh_${suffix}`]!;
    cell.inputBias.value = values[`bias_ih_${suffix}`]!;
    cell.hiddenBias.value = values[`bias_hh_${suffix}`]!;
  });
}
const flat = (...all: Tensor[]): Tensor => concat(all.map((each) => each.reshape([-1])));

test.each([
  ['RNN', () => new nn.RNN(3, 4, f64)],
  ...(THOROUGH ? ([['GRU', () => new nn.GRU(3, 4, f64)]] as const) : []),
  ['GRU both ways', () => new nn.GRU(3, 4, { ...f64, bidirectional: true })],
] as const)('%s as PyTorch', (name, make) => {
  const layer = make();
  compareWithTorch(name, ({ x, h, ...rest }) => {
    setCells(layer, rest);
    return flat(...layer.call(x!, h));
  });
});

test('LSTM as PyTorch', () => {
  const layer = new nn.LSTM(3, 4, f64);
  compareWithTorch('LSTM', ({ x, h, c, ...rest }) => {
    setCells(layer, rest);
    const [y, state] = layer.call(x!, [h!, c!]);
    return flat(y, ...state);
  });
});

test('a sequence in two parts, with the state between them, is the sequence', () => {
  const x = random.normal(random.key(0), [2, 6, 3]);
  const part = (from: number): Tensor => x.slice([0, from, 0], [2, from + 3, 3]);
  const [gru, lstm] = [new nn.GRU(3, 4, { layers: 2 }), new nn.LSTM(3, 4)];
  const whole = jit((each: Tensor) => [gru.call(each)[0], lstm.call(each)[0]]);
  const parts = jit((a: Tensor, b: Tensor) => {
    const [first, state] = gru.call(a);
    const [one, both] = lstm.call(a);
    return [concat([first, gru.call(b, state)[0]], 1), concat([one, lstm.call(b, both)[0]], 1)];
  });
  expect(parts(part(0), part(3)).map(numbers)).toEqual(whole(x).map(numbers));
  expect(new nn.RNN(3, 4, { bidirectional: true }).call(x).map(({ shape }) => shape)).toEqual([
    [2, 6, 8],
    [2, 2, 4],
  ]);
  expect([...gru.trainVars({ method: 'relative' }).keys()]).toHaveLength(8);
  expect(Object.keys(gru.stateDict({ method: 'relative' }))).toContain('cells.1.hiddenWeight');
  // Two products for each gate: 2·(2·6)·3·12 before the loop, 6 times 2·2·4·12 in it; the rest is arithmetic on gates.
  const [, flops] = /^cells\.0 +Cell .* (\d\.\d+)k$/m.exec(gru.summary(x))!;
  expect(Number(flops)).toBeGreaterThan(2.0);
});

test('mistakes', () => {
  const layer = new nn.LSTM(3, 4);
  expectError(() => layer.call(zeros([2, 3])), ShapeError, 'LAYER_INPUT');
  expectError(() => layer.call(zeros([2, 5, 4])), ShapeError, 'LAYER_INPUT');
  expectError(() => layer.call(zeros([2, 5, 3]), [zeros([1, 2, 4])] as never), ShapeError, 'STATE_SHAPE');
  const error = expectError(() => new nn.GRU(3, 4).call(zeros([2, 5, 3]), zeros([2, 4])), ShapeError, 'STATE_SHAPE');
  expect(error.remedy).toBe('A state is [layers · directions, batch, hidden], here [1, 2, 4].');
  const single = expectError(() => layer.call(zeros([2, 5, 3]), zeros([1, 2, 4]) as never), ShapeError, 'STATE_SHAPE');
  expect(single.facts).toMatch(/got the state f32\[1,2,4\] with x/);
  expect(single.remedy).toBe('A state is a pair of [layers · directions, batch, hidden], here [1, 2, 4].');
  expectError(() => new nn.RNN(3, 0), OptionError, 'OPTION_RANGE');
  expectError(() => new nn.RNN(3, 4, { layers: 0 }), OptionError, 'OPTION_RANGE');
  expectError(() => new nn.RNN(3, 4, { bidirectional: 1 as never }), OptionError, 'OPTION_RANGE');
});
