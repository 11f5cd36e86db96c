"""PyTorch's values for losses and layers, in f64: python3 test/nn/make-torch-values.py > test/nn/torch-values.json

Made with PyTorch 1.13. Each case has inputs, the result, a cotangent for it, and the gradients of sum(result * cotangent) by
the inputs of floats. Weights of layers are in the layouts of Lazuli: [in, out] and channels last.
"""

import json
import math
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
cases = {}
made = 0


def data(*shape):
    """Numbers without pattern, about normal, rounded so that the file stays small."""
    global made
    made += 1
    generator = torch.Generator().manual_seed(made)
    return (torch.randn(*shape, generator=generator) * 64).round() / 64


def entry(t):
    if t.dtype == torch.float64:
        return {"shape": list(t.shape), "data": [float(f"{v:.13g}") for v in t.detach().flatten().tolist()]}
    return {"shape": list(t.shape), "dtype": "i32", "data": [int(v) for v in t.flatten().tolist()]}


def case(name, f, more=None, **inputs):
    """f takes the inputs by their names; `more` gives further values after it ran."""
    leaves = {k: v.clone().requires_grad_(v.dtype == torch.float64) for k, v in inputs.items()}
    out = f(**leaves)
    cotangent = torch.tensor([round(math.cos(1 + i) * 64) / 64 for i in range(out.numel())]).reshape(out.shape)
    (out * cotangent).sum().backward()
    cases[name] = {
        "inputs": {k: entry(v) for k, v in inputs.items()},
        "result": entry(out),
        "cotangent": entry(cotangent),
        "gradients": {k: entry(v.grad) for k, v in leaves.items() if v.requires_grad},
    }
    if more is not None:
        cases[name]["more"] = {k: entry(v) for k, v in more().items()}


labels = torch.tensor([[0, 3, -100], [2, -100, 1]])
w = data(4).abs()
for reduction in ["mean", "sum", "none"]:
    case(
        f"crossEntropy {reduction}",
        lambda x, y, w: F.cross_entropy(x, y, weight=w.detach(), label_smoothing=0.1, reduction=reduction) + 0 * w.sum(),
        x=data(2, 4, 3),
        y=labels,
        w=w,
    )
    case(f"nll {reduction}", lambda x, y: F.nll_loss(x, y, reduction=reduction), x=data(2, 4, 3), y=labels)
case("crossEntropy smooth", lambda x, y: F.cross_entropy(x, y, label_smoothing=0.2), x=data(2, 4, 3), y=labels)
case("crossEntropy weight", lambda x, y, w: F.cross_entropy(x, y, weight=w.detach()) + 0 * w.sum(), x=data(2, 4, 3), y=labels, w=w)
soft = torch.softmax(data(3, 4), -1)
case(
    "crossEntropy soft",
    lambda x, y, w: F.cross_entropy(x, y.detach(), weight=w.detach(), label_smoothing=0.1) + 0 * w.sum() + 0 * y.sum(),
    x=data(3, 4),
    y=soft,
    w=w,
)
zero_one = torch.tensor([[0.0, 1, 1], [0.25, 0, 1]])
case("binaryCrossEntropy logits", F.binary_cross_entropy_with_logits, input=data(2, 3) * 8, target=zero_one)
case("binaryCrossEntropy probabilities", F.binary_cross_entropy, input=torch.sigmoid(data(2, 3)), target=zero_one)
case("meanSquaredError sum", lambda a, b: F.mse_loss(a, b, reduction="sum"), a=data(2, 3), b=data(2, 3))
case("l1", lambda a, b: F.l1_loss(a, b), a=data(2, 3), b=data(2, 3))
case("huber", lambda a, b: F.huber_loss(a, b, delta=0.7, reduction="none"), a=data(3, 4), b=data(3, 4))
p = torch.softmax(data(3, 4), -1)
p = torch.cat([p[:, :3] + p[:, 3:] / 3, torch.zeros(3, 1)], 1)
q = torch.log_softmax(data(3, 4), -1)
case("klDivergence", lambda q, p: F.kl_div(q, p.detach(), reduction="batchmean") + 0 * p.sum(), q=q, p=p)
case("hinge", lambda s, y: F.relu(1 - s * y.detach()).mean() + 0 * y.sum(), s=data(6), y=torch.tensor([1.0, -1, 1, 1, -1, -1]))
case("cosineSimilarity", lambda a, b: (1 - F.cosine_similarity(a, b, -1)).mean(), a=data(3, 4), b=data(3, 4))
case("tripletMargin", lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=1.5), a=data(3, 4), p=data(3, 4), n=data(3, 4))

case("Linear", lambda x, weight, bias: F.linear(x, weight.T, bias), x=data(2, 3, 4), weight=data(4, 5), bias=data(5))
case("Embedding", lambda i, weight: F.embedding(i, weight), i=torch.tensor([[0, 2, 2], [4, 1, 0]]), weight=data(5, 3))
case("LayerNorm", lambda x, weight, bias: F.layer_norm(x, [6], weight, bias), x=data(2, 3, 6), weight=data(6), bias=data(6))
case(
    "GroupNorm",
    lambda x, weight, bias: F.group_norm(x.movedim(-1, 1), 2, weight, bias).movedim(1, -1),
    x=data(2, 3, 2, 4),
    weight=data(4),
    bias=data(4),
)
case(
    "RMSNorm",
    lambda x, weight: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * weight,
    x=data(2, 3, 6),
    weight=data(6),
)
for training in [True, False]:
    mean, variance = data(4), data(4).abs() + 0.5
    case(
        f"BatchNorm {'train' if training else 'eval'}",
        lambda x, weight, bias, mean, variance: F.batch_norm(
            x.movedim(-1, 1), mean.data, variance.data, weight, bias, training, 0.1
        ).movedim(1, -1)
        + 0 * (mean.sum() + variance.sum()),
        x=data(3, 5, 4),
        weight=data(4),
        bias=data(4),
        mean=mean,
        variance=variance,
    )
    if training:
        norm = torch.nn.BatchNorm1d(4, momentum=0.1)
        norm.running_mean, norm.running_var = mean.clone(), variance.clone()
        x = cases["BatchNorm train"]["inputs"]["x"]
        norm(torch.tensor(x["data"]).reshape(x["shape"]).movedim(-1, 1))
        cases["BatchNorm train"]["more"] = {"mean": entry(norm.running_mean), "variance": entry(norm.running_var)}

first, last = (lambda t: t.movedim(-1, 1)), (lambda t: t.movedim(1, -1))
case(
    "Conv2d",
    lambda x, weight, bias: last(F.conv2d(first(x), weight.permute(3, 2, 0, 1), bias, stride=(2, 1), padding=1, groups=2)),
    x=data(2, 5, 4, 4),
    weight=data(3, 2, 2, 6),
    bias=data(6),
)
case("Conv1d", lambda x, weight, bias: F.conv1d(x, weight, bias, dilation=2), x=data(2, 3, 7), weight=data(4, 3, 3), bias=data(4))
case(
    "ConvTranspose2d",
    lambda x, weight, bias: last(
        F.conv_transpose2d(first(x), weight.permute(2, 3, 0, 1), bias, stride=2, padding=1, output_padding=1, groups=2)
    ),
    x=data(1, 3, 2, 4),
    weight=data(3, 3, 4, 3),
    bias=data(6),
)


def attend(q, k, v, mask=None, scale=None):
    scores = q @ k.transpose(-1, -2) * (scale or q.shape[-1] ** -0.5)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return torch.nan_to_num(torch.softmax(scores, -1)) @ v


qkv = dict(q=data(2, 2, 3, 4), k=data(2, 2, 5, 4), v=data(2, 2, 5, 3))
case("attention", attend, **qkv)
case("attention scale", lambda q, k, v: attend(q, k, v, scale=0.3), **qkv)
bias = data(3, 5)
case("attention float mask", attend, **qkv, mask=bias)
some = torch.tensor([[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]], dtype=torch.bool)
case("attention mask", lambda q, k, v: attend(q, k, v, some), **qkv)
square = dict(q=data(1, 2, 4, 4), k=data(1, 2, 4, 4), v=data(1, 2, 4, 4))
case("attention causal", lambda q, k, v: attend(q, k, v, torch.ones(4, 4, dtype=torch.bool).tril()), **square)

mha = torch.nn.MultiheadAttention(6, 2, batch_first=True)
shapes = {"wq": (6, 6), "wk": (6, 6), "wv": (6, 6), "wo": (6, 6), "bq": (6,), "bk": (6,), "bv": (6,), "bo": (6,)}


def multi_head(x, y, wq, wk, wv, wo, bq, bk, bv, bo):
    weight, bias = torch.cat([wq.T, wk.T, wv.T]), torch.cat([bq, bk, bv])
    out, _ = F.multi_head_attention_forward(
        *(t.transpose(0, 1) for t in (x, y, y)), 6, 2, weight, bias, None, None, False, 0.0, wo.T, bo, need_weights=False
    )
    return out.transpose(0, 1)


case("MultiHeadAttention", multi_head, x=data(2, 3, 6), y=data(2, 4, 6), **{k: data(*s) for k, s in shapes.items()})

parameters = {k: data(*s) * 0.5 for k, s in shapes.items()}
parameters |= {"g1": data(6), "b1": data(6), "g2": data(6), "b2": data(6)}
parameters |= {"w1": data(6, 24) * 0.5, "c1": data(24), "w2": data(24, 6) * 0.5, "c2": data(6)}


def block(x, wq, wk, wv, wo, bq, bk, bv, bo, g1, b1, g2, b2, w1, c1, w2, c2):
    layer = torch.nn.TransformerEncoderLayer(6, 2, 24, 0.0, "gelu", batch_first=True, norm_first=True)
    values = {
        "self_attn.in_proj_weight": torch.cat([wq.T, wk.T, wv.T]),
        "self_attn.in_proj_bias": torch.cat([bq, bk, bv]),
        "self_attn.out_proj.weight": wo.T,
        "self_attn.out_proj.bias": bo,
        "norm1.weight": g1,
        "norm1.bias": b1,
        "norm2.weight": g2,
        "norm2.bias": b2,
        "linear1.weight": w1.T,
        "linear1.bias": c1,
        "linear2.weight": w2.T,
        "linear2.bias": c2,
    }
    mask = torch.full((4, 4), -math.inf).triu(1)
    return torch.nn.utils.stateless.functional_call(layer, values, (x, mask))


case("TransformerBlock", block, x=data(2, 4, 6), **parameters)


def recurrent(kind, function, bidirectional=False):
    directions = 2 if bidirectional else 1
    layer = kind(3, 4, num_layers=2, batch_first=True, bidirectional=bidirectional)
    shapes = {name: value.shape for name, value in layer.named_parameters()}
    parameters = {name: data(*reversed(shape)) * 0.5 for name, shape in shapes.items()}
    given = {"h": data(2 * directions, 2, 4)}
    if kind is torch.nn.LSTM:
        given["c"] = data(2 * directions, 2, 4)

    def f(x, h, c=None, **rest):
        weights = [v.T if v.ndim == 2 else v for v in rest.values()]
        out, *state = function(x, h if c is None else (h, c), weights, True, 2, 0.0, True, bidirectional, True)
        return torch.cat([out.flatten()] + [s.flatten() for s in state])

    case(f"{kind.__name__}{' both ways' if bidirectional else ''}", f, x=data(2, 5, 3), **given, **parameters)


recurrent(torch.nn.RNN, torch._VF.rnn_tanh)
recurrent(torch.nn.GRU, torch._VF.gru)
recurrent(torch.nn.LSTM, torch._VF.lstm)
recurrent(torch.nn.GRU, torch._VF.gru, True)

print("{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in cases.items()) + "\n}")
