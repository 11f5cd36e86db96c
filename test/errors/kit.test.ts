/**
 * What a newcomer gets wrong with the kit: wrong ranks, channels, groups, sizes, windows, specifications, axes, structures. Each
 * is refused where it is given, by a typed error of one code with facts and a remedy.
 */
import * as L from 'lazuli';
import { describe, expect, test } from 'vitest';

const { customVjp, grad, losses, metrics, nn, ones, random, tensor, vmap, zeros } = L;
type Tensor = L.Tensor;
const [x, w] = [zeros([2, 6, 6, 4]), zeros([3, 3, 4, 5])];
/** What TypeScript would refuse. */
const any = (v: unknown): never => v as never;

type Row = readonly [name: string, make: () => unknown, code: string];
const ROWS: Readonly<Record<string, readonly Row[]>> = {
  windows: [
    ['conv rank 3', () => L.conv2d(zeros([6, 6, 4]), w), 'CONV_RANK'],
    ['conv w rank', () => L.conv2d(x, zeros([3, 4, 5])), 'CONV_RANK'],
    ['conv channels', () => L.conv2d(x, zeros([3, 3, 3, 5])), 'CONV_CHANNELS'],
    ['conv groups 3', () => L.conv2d(x, w, { groups: 3 }), 'CONV_CHANNELS'],
    ['conv groups 0', () => L.conv2d(x, w, { groups: 0 }), 'OPTION_RANGE'],
    ['conv groups 1.5', () => L.conv2d(x, w, { groups: 1.5 }), 'OPTION_RANGE'],
    ['conv groups -1', () => L.conv2d(x, w, { groups: -1 }), 'OPTION_RANGE'],
    ['conv groups 2 out 5', () => L.conv2d(x, zeros([3, 3, 2, 5]), { groups: 2 }), 'CONV_CHANNELS'],
    ['conv window > input', () => L.conv2d(x, zeros([9, 9, 4, 5])), 'WINDOW_TOO_LARGE'],
    ['conv dilated window > input', () => L.conv2d(x, w, { dilation: 5 }), 'WINDOW_TOO_LARGE'],
    ['conv stride 0', () => L.conv2d(x, w, { strides: 0 }), 'OPTION_RANGE'],
    ['conv stride -1', () => L.conv2d(x, w, { strides: -1 }), 'OPTION_RANGE'],
    ['conv stride .5', () => L.conv2d(x, w, { strides: 0.5 }), 'OPTION_RANGE'],
    ['conv strides 3 axes', () => L.conv2d(x, w, { strides: [1, 2, 3] }), 'OPTION_RANGE'],
    ['conv dilation 0', () => L.conv2d(x, w, { dilation: 0 }), 'OPTION_RANGE'],
    ['conv pad -1', () => L.conv2d(x, w, { padding: -1 }), 'OPTION_RANGE'],
    ['conv pad .5', () => L.conv2d(x, w, { padding: 0.5 }), 'OPTION_RANGE'],
    ['conv pad word', () => L.conv2d(x, w, { padding: any('full') }), 'OPTION_RANGE'],
    ['conv pad pairs', () => L.conv2d(x, w, { padding: [[1, 1]] }), 'OPTION_RANGE'],
    [
      'conv pad triple',
      () =>
        L.conv2d(x, w, {
          padding: any([
            [1, 1, 1],
            [1, 1, 1],
          ]),
        }),
      'OPTION_RANGE',
    ],
    ['conv layout', () => L.conv2d(x, w, { layout: any('CHWN') }), 'OPTION_RANGE'],
    ['conv option typo', () => L.conv2d(x, w, any({ stride: 2 })), 'UNKNOWN_OPTION'],
    [
      'conv bool',
      () => L.conv2d(zeros([1, 3, 3, 1], { dtype: 'bool' }), zeros([2, 2, 1, 1], { dtype: 'bool' })),
      'DTYPE_UNSUPPORTED',
    ],
    ['conv null', () => L.conv2d(any(null), w), 'NOT_A_TENSOR'],
    ['convT outputPadding', () => L.convTranspose2d(x, w, { strides: 2, outputPadding: 2 }), 'OPTION_RANGE'],
    ['convT outputPadding -1', () => L.convTranspose2d(x, w, { outputPadding: -1 }), 'OPTION_RANGE'],
    ['pool size 0', () => L.maxPool2d(x, 0), 'OPTION_RANGE'],
    ['pool size -2', () => L.maxPool2d(x, -2), 'OPTION_RANGE'],
    ['pool size 1.5', () => L.maxPool2d(x, 1.5), 'OPTION_RANGE'],
    ['pool size big', () => L.maxPool2d(x, 7), 'WINDOW_TOO_LARGE'],
    ['pool rank', () => L.avgPool2d(zeros([2, 2]), 2), 'POOL_RANK'],
    ['pool undefined', () => L.avgPool2d(x, any(undefined)), 'OPTION_RANGE'],
  ],
  'attention and einsum': [
    [
      'attention widths',
      () => L.attention(zeros([1, 1, 2, 3]), zeros([1, 1, 2, 4]), zeros([1, 1, 2, 3])),
      'SHAPE_MISMATCH',
    ],
    [
      'attention lengths',
      () => L.attention(zeros([1, 1, 2, 3]), zeros([1, 1, 5, 3]), zeros([1, 1, 4, 3])),
      'SHAPE_MISMATCH',
    ],
    [
      'attention mask',
      () => L.attention(zeros([1, 1, 2, 3]), zeros([1, 1, 2, 3]), zeros([1, 1, 2, 3]), { mask: zeros([7, 7]) }),
      'SHAPE_MISMATCH',
    ],
    [
      'attention mask i32',
      () =>
        L.attention(zeros([1, 1, 2, 3]), zeros([1, 1, 2, 3]), zeros([1, 1, 2, 3]), {
          mask: zeros([2, 2], { dtype: 'i32' }),
        }),
      'DTYPE_UNSUPPORTED',
    ],
    [
      'attention dropout 1.5',
      () =>
        L.attention(zeros([1, 1, 2, 3]), zeros([1, 1, 2, 3]), zeros([1, 1, 2, 3]), {
          dropout: 1.5,
          key: random.key(0),
        }),
      'OPTION_RANGE',
    ],
    ['einsum junk', () => L.einsum('ij,jk->i?', ones([2, 2]), ones([2, 2])), 'EINSUM'],
    ['einsum empty', () => L.einsum('', ones([2])), 'EINSUM_RANK'],
    ['einsum arrows', () => L.einsum('ij->ji->ij', ones([2, 2])), 'EINSUM'],
    ['einsum count', () => L.einsum('ij,jk', ones([2, 2])), 'EINSUM'],
    ['einsum rank', () => L.einsum('ijk', ones([2, 2])), 'EINSUM_RANK'],
    ['einsum extent', () => L.einsum('ij,jk', ones([2, 2]), ones([3, 2])), 'SHAPE_MISMATCH'],
    ['einsum out label', () => L.einsum('ij->ik', ones([2, 2])), 'EINSUM'],
    ['einsum out twice', () => L.einsum('ij->ii', ones([2, 2])), 'EINSUM'],
    ['einsum dots', () => L.einsum('i..j', ones([2, 2])), 'EINSUM'],
    ['einsum number', () => L.einsum(any(5), ones([2])), 'EINSUM'],
    ['einsum no tensors', () => L.einsum('ij'), 'EINSUM'],
    ['tensordot axes', () => L.tensordot(ones([2, 3]), ones([4, 3]), 1), 'SHAPE_MISMATCH'],
  ],
  transformations: [
    ['vmap lengths', () => vmap((a: Tensor, b: Tensor) => a.add(b))(ones([3]), ones([4])), 'EXAMPLES'],
    ['vmap scalar', () => vmap((a: Tensor) => a)(ones([])), 'NO_EXAMPLES'],
    ['vmap number', () => vmap((a: Tensor) => a)(3), 'NO_EXAMPLES'],
    ['vmap axis', () => vmap((a: Tensor) => a, { inAxes: 2 })(ones([3])), 'INVALID_AXIS'],
    ['vmap axis .5', () => vmap((a: Tensor) => a, { inAxes: 0.5 })(ones([3])), 'AXES'],
    ['vmap all null', () => vmap((a: Tensor) => a, { inAxes: any(null) })(ones([3])), 'NO_AXES'],
    ['vmap inAxes count', () => vmap((a: Tensor) => a, { inAxes: [0, 0] })(ones([3])), 'AXES'],
    ['vmap outAxes', () => vmap((a: Tensor) => a, { outAxes: 3 })(ones([3])), 'INVALID_AXIS'],
    ['vmap nothing', () => vmap(any(undefined)), 'NOT_A_FUNCTION'],
    [
      'customVjp structure',
      () =>
        grad(
          customVjp(
            (a: Tensor) => a.mul(2),
            (a: Tensor) => [a.mul(2), null] as const,
            any(() => ({ a: 1 })),
          ),
        )(ones([])),
      'BACKWARD_RESULT',
    ],
    [
      'customVjp count',
      () =>
        grad(
          customVjp(
            (a: Tensor, b: Tensor) => a.mul(b),
            (a: Tensor, b: Tensor) => [a.mul(b), null] as const,
            any((_: unknown, c: Tensor) => [c]),
          ),
        )(ones([]), ones([])),
      'BACKWARD_RESULT',
    ],
    [
      'customVjp shape',
      () =>
        grad((a: Tensor) =>
          customVjp(
            (v: Tensor) => v.mul(2),
            (v: Tensor) => [v.mul(2), null] as const,
            (_: unknown, c: Tensor) => [c.sum()],
          )(a).sum(),
        )(ones([3])),
      'COTANGENT',
    ],
    [
      'customVjp forward',
      () =>
        grad((a: Tensor) =>
          customVjp(
            (v: Tensor) => v.mul(2),
            any((v: Tensor) => v.mul(2)),
            (_: unknown, c: Tensor) => [c],
          )(a).sum(),
        )(ones([3])),
      'FORWARD_RESULT',
    ],
    [
      'scan nothing',
      () =>
        L.scan(
          any((c: Tensor) => [c, null]),
          zeros([]),
          undefined,
        ),
      'SCAN_LENGTH',
    ],
    ['jit nothing', () => L.jit(any(undefined)), 'NOT_A_FUNCTION'],
    ['grad twice', () => grad((v: Tensor) => v.sum(), [0, 0])(ones([2])), 'ARGNUMS'],
  ],
  layers: [
    ['linear neg', () => new nn.Linear(-1, 2), 'OPTION_RANGE'],
    ['linear frac', () => new nn.Linear(1.5, 2), 'OPTION_RANGE'],
    ['linear input', () => new nn.Linear(3, 2).call(zeros([2, 4])), 'LAYER_INPUT'],
    ['linear dtype', () => new nn.Linear(3, 2, { dtype: any('i32') }), 'OPTION_RANGE'],
    ['linear dtype2', () => new nn.Linear(3, 2, { dtype: any('f16') }), 'OPTION_RANGE'],
    ['linear key', () => new nn.Linear(3, 2, { key: any(5) }), 'NOT_A_KEY'],
    ['conv layer groups', () => new nn.Conv2d(3, 4, 3, { groups: 2 }), 'GROUPS'],
    ['conv layer size 0', () => new nn.Conv2d(3, 4, 0), 'OPTION_RANGE'],
    ['conv layer input', () => new nn.Conv2d(3, 4, 3).call(zeros([1, 5, 5, 2])), 'CONV_CHANNELS'],
    ['conv layer rank', () => new nn.Conv2d(3, 4, 3).call(zeros([5, 5, 3])), 'CONV_RANK'],
    ['embedding float', () => new nn.Embedding(3, 4).call(zeros([2])), 'DTYPE_UNSUPPORTED'],
    ['embedding 0', () => new nn.Embedding(0, 4), 'OPTION_RANGE'],
    ['batchnorm momentum', () => new nn.BatchNorm(3, { momentum: 2 }), 'OPTION_RANGE'],
    ['batchnorm one row', () => new nn.BatchNorm(3).call(zeros([1, 3])), 'BATCH_TOO_SMALL'],
    ['batchnorm eps', () => new nn.BatchNorm(3, { epsilon: -1 }), 'OPTION_RANGE'],
    ['groupnorm', () => new nn.GroupNorm(3, 4), 'GROUPS'],
    ['dropout 1', () => new nn.Dropout(1), 'OPTION_RANGE'],
    ['dropout -', () => new nn.Dropout(-0.1), 'OPTION_RANGE'],
    ['dropout NaN', () => new nn.Dropout(NaN), 'OPTION_RANGE'],
    ['gru rank', () => new nn.GRU(3, 2).call(zeros([4, 3])), 'LAYER_INPUT'],
    ['gru layers 0', () => new nn.GRU(3, 2, { layers: 0 }), 'OPTION_RANGE'],
    ['gru state', () => new nn.GRU(3, 2).call(zeros([1, 4, 3]), zeros([9])), 'STATE_SHAPE'],
    ['heads', () => new nn.MultiHeadAttention(10, 3), 'HEADS'],
    ['sequential', () => new nn.Sequential(any(5)), 'NOT_A_LAYER'],
    ['init vec', () => nn.init.glorotNormal(random.key(0), [3]), 'NO_FAN'],
    ['sequentiallr', () => new L.SequentialLR({ schedules: [], boundaries: [] }), 'OPTION_RANGE'],
    ['summary', () => new nn.Linear(2, 3).summary(any(undefined)), 'LAYER_INPUT'],
    ['linear null', () => new nn.Linear(2, 3, any(null)), 'OPTIONS'],
    ['conv null', () => new nn.Conv2d(2, 3, 1, any(null)), 'OPTIONS'],
    ['block bigint', () => new nn.TransformerBlock(any(4n), 2), 'OPTION_RANGE'],
    ['dict text', () => new L.NodeDict(any('ab')), 'NOT_A_DICT'],
    ['dict null', () => new L.VarDict(any(null)), 'NOT_A_DICT'],
    ['dict tensor', () => new L.VarDict(any(ones([]))), 'NOT_A_DICT'],
    ['dict list', () => new L.VarDict(any([new L.TrainVar([1])])), 'NOT_A_DICT'],
  ],
  'losses, metrics, random numbers': [
    ['ce ranks', () => losses.crossEntropy(zeros([2, 3]), zeros([2, 1], { dtype: 'i32' })), 'SHAPE_MISMATCH'],
    ['ce labels float', () => losses.crossEntropy(zeros([2, 3]), zeros([2])), 'DTYPE_UNSUPPORTED'],
    ['ce labels count', () => losses.crossEntropy(zeros([2, 3]), zeros([3], { dtype: 'i32' })), 'SHAPE_MISMATCH'],
    [
      'ce smoothing',
      () => losses.crossEntropy(zeros([2, 3]), zeros([2], { dtype: 'i32' }), { labelSmoothing: 2 }),
      'OPTION_RANGE',
    ],
    [
      'ce weight',
      () => losses.crossEntropy(zeros([2, 3]), zeros([2], { dtype: 'i32' }), { weight: zeros([2]) }),
      'SHAPE_MISMATCH',
    ],
    [
      'ce reduction',
      () => losses.crossEntropy(zeros([2, 3]), zeros([2], { dtype: 'i32' }), { reduction: any('avg') }),
      'OPTION_RANGE',
    ],
    ['mse shapes', () => losses.meanSquaredError(zeros([2]), zeros([2, 1])), 'SHAPE_MISMATCH'],
    ['huber delta', () => losses.huber(zeros([2]), zeros([2]), { delta: 0 }), 'OPTION_RANGE'],
    ['bce nothing', () => losses.binaryCrossEntropy(any(undefined), zeros([2])), 'NOT_A_TENSOR'],
    ['kl array', () => losses.klDivergence(zeros([2]), any([0.5, 0.5])), 'NOT_A_TENSOR'],
    ['hinge variable', () => losses.hinge(any(new L.TrainVar([1])), ones([1])), 'NOT_A_TENSOR'],
    ['cosine null', () => losses.cosineSimilarity(zeros([2]), any(null)), 'NOT_A_TENSOR'],
    ['triplet text', () => losses.tripletMargin(any('a'), zeros([2]), zeros([2])), 'NOT_A_TENSOR'],
    ['r2 array', () => metrics.r2(any([1]), zeros([1])), 'NOT_A_TENSOR'],
    ['auc nothing', () => metrics.rocAuc(any(undefined), any(undefined)), 'NOT_A_TENSOR'],
    [
      'confusion range',
      () => String(metrics.confusionMatrix(tensor([0, 5], { dtype: 'i32' }), tensor([0, 1], { dtype: 'i32' }), 2)),
      'LABEL_RANGE',
    ],
    ['bernoulli', () => random.bernoulli(random.key(0), [2], { p: 2 }), 'OPTION_RANGE'],
    ['randint', () => random.randint(random.key(0), [2], { min: 3, max: 3 }), 'OPTION_RANGE'],
    ['choice', () => random.choice(random.key(0), 3, [5], { replace: false }), 'CHOICE'],
    ['choice -p', () => random.choice(random.key(0), 3, [1], { p: [-1, 2, 1] }), 'OPTION_RANGE'],
    ['choice no p', () => random.choice(random.key(0), 3, [1], { p: new Float64Array(3) }), 'OPTION_RANGE'],
    ['choice NaN p', () => random.choice(random.key(0), 2, [1], { p: [NaN, 1] }), 'OPTION_RANGE'],
    ['normal shape', () => random.normal(random.key(0), [-1]), 'INVALID_SHAPE'],
    ['normal std', () => random.normal(random.key(0), [1], { std: -1 }).item(), 'OPTION_RANGE'],
  ],
  tensors: [
    ['split frac', () => zeros([4]).split(1.5), 'INVALID_SPLIT'],
    ['split bad', () => zeros([4]).split(3), 'INVALID_SPLIT'],
    ['split symbol', () => zeros([4]).split(any(Symbol())), 'INVALID_SPLIT'],
    ['split nothing many', () => zeros([0]).split(1e10), 'INVALID_SPLIT'],
    ['split sizes', () => zeros([4]).split([1, 2]), 'INVALID_SPLIT'],
    ['tile', () => zeros([4]).tile(-1), 'INVALID_COUNT'],
    ['repeat', () => zeros([4]).repeat(0.5), 'INVALID_COUNT'],
    ['roll', () => zeros([4]).roll(1.5), 'INVALID_COUNT'],
    ['at out', () => zeros([4]).at(4), 'INVALID_INDEX'],
    ['at frac', () => zeros([4]).at(0.5), 'INVALID_INDEX'],
    ['at too many', () => zeros([4]).at(0, 0), 'INVALID_INDEX'],
    ['at step 0', () => zeros([4]).at([0, 3, 0]), 'INVALID_INDEX'],
    ['at float', () => zeros([4]).at(zeros([2])), 'DTYPE_UNSUPPORTED'],
    ['glu odd', () => zeros([3]).glu(), 'SHAPE_MISMATCH'],
    ['diag', () => zeros([2, 2, 2]).diag(), 'INVALID_RANK'],
    ['meshgrid', () => L.meshgrid(zeros([2]), any({ indexing: 'zz' })), 'OPTION_RANGE'],
    ['dynslice', () => zeros([3]).dynamicSlice([0], [4]), 'INVALID_SLICE'],
    ['norm ord', () => zeros([3]).norm(0, { ord: any('nuc') }), 'OPTION_RANGE'],
    ['arange', () => L.arange(0, 1, 0), 'INVALID_RANGE'],
    ['bitcast symbol', () => zeros([1]).bitcast(any(Symbol())), 'UNKNOWN_DTYPE'],
    ['zeros neg', () => zeros([-1]), 'INVALID_SHAPE'],
    ['zeros frac', () => zeros([1.5]), 'INVALID_SHAPE'],
    ['zeros number', () => zeros(any(3)), 'INVALID_SHAPE'],
  ],
  'optimizers and schedules': [
    ['adam lr', () => new L.Adam({ lr: -1, trainVars: {} }), 'OPTION_RANGE'],
    ['muon vec', () => new L.Muon({ lr: 0.1, trainVars: { b: new L.TrainVar([1, 2]) } }), 'NO_FALLBACK'],
    ['muon null', () => new L.Muon(any(null)), 'OPTIONS'],
    ['muon text', () => L.muon(any('')), 'OPTIONS'],
    ['muon typo', () => new L.Muon(any({ nestrov: true })), 'UNKNOWN_OPTION'],
    ['onecycle', () => new L.OneCycle({ lr: 1, totalSteps: 0 }), 'OPTION_RANGE'],
    ['warmup', () => new L.Warmup({ steps: -1, then: new L.Constant({ lr: 1 }) }), 'OPTION_RANGE'],
    ['ema', () => new L.EMA({ w: new L.TrainVar([1]) }, { decay: 1.5 }), 'OPTION_RANGE'],
  ],
};

describe.each(Object.entries(ROWS))('%s', (_, rows) => {
  test.each(rows)('%s', (_name, make, code) => {
    let caught: unknown;
    try {
      make();
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(L.LazuliError);
    const { code: got, facts, remedy, location } = caught as L.LazuliError;
    expect(got).toBe(code);
    // A layer speaks of itself.
    expect(facts).not.toMatch(/^random\.[A-Z]/);
    expect(remedy.length).toBeGreaterThan(10);
    expect(location).toMatch(/^kit\.test\.ts:\d+$/);
  });
});
