"""Writes windows.json: convolutions, transposed convolutions and pooling by PyTorch 1.13, in f64.

Inputs and cotangents are integers, so what convolutions give is exact. Run: python3 make-windows.py > windows.json
"""
import json
import torch
import torch.nn.functional as F


def values(shape, seed, distinct=False):
    n = 1
    for extent in shape:
        n *= extent
    if distinct:
        return [(i * 7919 + seed) % 1009 for i in range(n)]
    return [((i * 37 + seed * 101) * (i + 5) // 3) % 13 - 6 for i in range(n)]


def tensor(shape, seed, distinct=False):
    return torch.tensor(values(shape, seed, distinct), dtype=torch.float64).reshape(shape).requires_grad_()


def each(value, rank):
    return list(value) if isinstance(value, list) else [value] * rank


def to_first(t):
    return t.movedim(-1, 1)


def to_last(t):
    return t.movedim(1, -1)


def widths(padding, rank, same):
    if padding in (None, 'valid'):
        return [[0, 0]] * rank
    if padding == 'same':
        totals = [max(0, same(axis)) for axis in range(rank)]
        return [[total // 2, total - total // 2] for total in totals]
    return padding if isinstance(padding, list) else [[padding, padding]] * rank


def padded(t, pairs, value=0.0):
    return F.pad(t, [n for pair in reversed(pairs) for n in pair], value=value)


def forward(case, x, w):
    name, rank, options = case['f'], len(case['x']) - 2, case['options']
    last = options.get('layout', 'NHWC') == 'NHWC'
    x = to_first(x) if last else x
    places = x.shape[2:]
    size = each(case.get('size'), rank) if w is None else list(w.shape[:rank] if last else w.shape[2:])
    strides = each(options.get('strides', size if w is None else 1), rank)
    dilation = each(options.get('dilation', 1), rank)
    covered = [d * (k - 1) + 1 for d, k in zip(dilation, size)]
    groups = options.get('groups', 1)
    if name.startswith('convTranspose'):
        # [k…, in, out] → [in, out, k…]
        w = w.permute(rank, rank + 1, *range(rank)) if last else w
        whole = [(n - 1) * s + c for n, s, c in zip(places, strides, covered)]
        pairs = widths(options.get('padding'), rank, lambda axis: whole[axis] - places[axis] * strides[axis])
        y = getattr(F, f'conv_transpose{rank}d')(x, w, stride=strides, dilation=dilation, groups=groups)
        more = each(options.get('outputPadding', 0), rank)
        if options.get('padding') == 'same':
            more = [m + max(0, n * s - v) for m, n, s, v in zip(more, places, strides, whole)]
        y = padded(y, [[-low, m - high] for (low, high), m in zip(pairs, more)])
    else:
        same = lambda axis: (-(-places[axis] // strides[axis]) - 1) * strides[axis] + covered[axis] - places[axis]
        pairs = widths(options.get('padding'), rank, same)
        if name.startswith('conv'):
            w = w.permute(rank + 1, rank, *range(rank)) if last else w
            y = getattr(F, f'conv{rank}d')(padded(x, pairs), w, stride=strides, dilation=dilation, groups=groups)
        elif name.startswith('max'):
            y = getattr(F, f'max_pool{rank}d')(padded(x, pairs, float('-inf')), size, strides)
        else:
            pool = getattr(F, f'avg_pool{rank}d')
            y = pool(padded(x, pairs), size, strides)
            if not options.get('countPadding', False):
                y = y / pool(padded(torch.ones_like(x), pairs), size, strides)
    return to_last(y) if last else y


CASES = []


def add(f, x, w=None, size=None, **options):
    CASES.append({'f': f, 'x': x, **({'w': w} if size is None else {'size': size}), 'options': options})


add('conv1d', [2, 7, 3], [3, 3, 4])
add('conv1d', [2, 9, 4], [4, 2, 6], strides=2, padding=[[1, 2]], groups=2)
add('conv1d', [2, 3, 8], [5, 3, 3], padding='same', dilation=2, layout='NCHW')
add('conv1d', [1, 11, 2], [2, 2, 3], strides=3, padding='same')
add('conv2d', [2, 5, 6, 3], [3, 3, 3, 4], padding='same')
add('conv2d', [2, 5, 6, 3], [3, 2, 3, 4], strides=2, padding=1)
add('conv2d', [1, 8, 7, 2], [3, 3, 2, 2], strides=[2, 3], dilation=[2, 1], padding=[[2, 1], [0, 3]])
add('conv2d', [1, 6, 6, 2], [3, 3, 2, 2], strides=2, dilation=2, padding=2)
add('conv2d', [2, 4, 5, 4], [3, 3, 2, 6], padding=1, groups=2)
add('conv2d', [2, 4, 5, 4], [3, 3, 1, 4], padding=1, groups=4)
add('conv2d', [2, 6, 5, 3], [3, 3, 1, 6], strides=2, padding='same', groups=3)
add('conv2d', [1, 9, 9, 2], [7, 7, 1, 2], padding='same', groups=2)
add('conv2d', [2, 3, 3, 5], [1, 1, 5, 4])
add('conv2d', [2, 5, 4, 3], [1, 1, 3, 4], strides=2)
add('conv2d', [2, 3, 5, 6], [4, 3, 3, 3], padding=1, layout='NCHW')
add('conv2d', [1, 4, 7, 7], [6, 2, 3, 2], strides=[3, 2], padding='same', groups=2, layout='NCHW')
add('conv2d', [2, 3, 5, 5], [3, 1, 3, 3], padding='same', groups=3, layout='NCHW')
add('conv2d', [0, 5, 6, 3], [3, 3, 3, 4], padding='same')
add('conv3d', [1, 4, 5, 4, 2], [2, 3, 3, 2, 3], padding='same', strides=[1, 2, 1])
add('conv3d', [1, 4, 4, 3, 5], [4, 2, 2, 3, 3], padding=1, groups=2, dilation=[1, 1, 2], layout='NCHW')
add('convTranspose1d', [2, 5, 3], [4, 3, 2], strides=2, padding=1, outputPadding=1)
add('convTranspose1d', [2, 4, 5], [4, 3, 3], strides=3, dilation=2, padding='same', groups=2, layout='NCHW')
add('convTranspose2d', [2, 3, 4, 3], [3, 3, 3, 2], strides=2, padding='same')
add('convTranspose2d', [1, 3, 4, 4], [2, 3, 4, 3], strides=[3, 1], padding=[[0, 1], [1, 0]], groups=2)
add('convTranspose2d', [2, 3, 3, 4], [3, 2, 3, 3], strides=2, padding=1, outputPadding=1, layout='NCHW')
add('convTranspose2d', [0, 3, 4, 3], [3, 3, 3, 2], strides=2)
add('convTranspose3d', [1, 2, 3, 2, 2], [2, 2, 3, 2, 2], strides=2)
add('maxPool1d', [2, 9, 3], size=3, strides=2)
add('maxPool1d', [2, 3, 8], size=2, layout='NCHW')
add('maxPool2d', [2, 6, 7, 2], size=2)
add('maxPool2d', [1, 7, 7, 3], size=3, strides=2, padding=1)
add('maxPool2d', [1, 3, 7, 6], size=[3, 2], strides=[2, 1], padding='same', layout='NCHW')
add('maxPool2d', [0, 6, 6, 2], size=2)
add('avgPool1d', [2, 9, 3], size=3, strides=2, padding='same')
add('avgPool2d', [2, 6, 7, 2], size=2)
add('avgPool2d', [1, 7, 7, 3], size=3, strides=2, padding=1)
add('avgPool2d', [1, 7, 7, 3], size=3, strides=2, padding=1, countPadding=True)
add('avgPool2d', [1, 2, 6, 5], size=[2, 3], strides=[1, 2], padding=[[1, 0], [1, 2]], layout='NCHW')
add('avgPool2d', [1, 6, 7, 2], size=3, padding='same')

for case in CASES:
    x = tensor(case['x'], 1, case['f'].startswith('max'))
    w = tensor(case['w'], 2) if 'w' in case else None
    if case['x'][0] == 0:
        # PyTorch 1.13 refuses some empty batches: the shape is that of one row.
        one = tensor([1, *case['x'][1:]], 1)
        y = forward(case, one, w)
        case.update(shape=[0, *y.shape[1:]], y=[], dx=[], **({} if w is None else {'dw': [0] * w.numel()}))
        continue
    y = forward(case, x, w)
    g = tensor(list(y.shape), 3).detach()
    y.backward(g)
    flat = lambda t: [int(v) if v == int(v) else v for v in t.reshape(-1).tolist()]
    case.update(shape=list(y.shape), y=flat(y.detach()), dx=flat(x.grad), **({} if w is None else {'dw': flat(w.grad)}))
print('[\n' + ',\n'.join(json.dumps(case, separators=(',', ':')) for case in CASES) + '\n]')
