"""Layers as a user of PyTorch writes them, with the inputs of run/layer-inputs.ts."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def make_layers(uniform):
    """The makers of these works; `uniform` makes the numbers of run/inputs.ts."""

    def shaped(shape, seed, scale=1.0):
        return uniform(math.prod(shape), seed, float(torch.tensor(scale, dtype=torch.float32))).reshape(shape)

    def dense(sizes, seed):
        pairs = []
        for i in range(len(sizes) - 1):
            pairs += [shaped((sizes[i], sizes[i + 1]), seed + i, 1 / math.sqrt(sizes[i])), torch.zeros(sizes[i + 1])]
        return pairs

    def fill(parameters, values):
        with torch.no_grad():
            for parameter, value in zip(parameters, values, strict=True):
                parameter.copy_(value)

    def training(step):
        last = []

        def run():
            last[:] = [step()]

        return {"": (run, lambda: [last[0]])}

    def calling(call):
        return {"": (call, call)}

    nets = {
        "digits": ((1, 16, 32), (2, 2), (1568, 100, 10)),
        "lenet": ((1, 6, 16), (2, 0), (400, 120, 84, 10)),
    }

    def net(work):
        channels, padding, sizes = nets[work["name"]]
        parts, values = [], []
        for i in range(2):
            parts += [nn.Conv2d(channels[i], channels[i + 1], 5, padding=padding[i]), nn.ReLU(), nn.MaxPool2d(2)]
            filters = shaped((5, 5, channels[i], channels[i + 1]), 20 + i, 1 / math.sqrt(25 * channels[i]))
            values += [filters.permute(3, 2, 0, 1), torch.zeros(channels[i + 1])]
        parts.append(nn.Flatten())
        side = math.isqrt(sizes[0] // channels[2])
        for i, each in enumerate(dense(sizes, 30)):
            if i == 0:
                # Channels are first here: the rows of the weight have another order.
                each = each.reshape(side, side, channels[2], -1).permute(2, 0, 1, 3).reshape(sizes[0], -1)
            values.append(each.t() if i % 2 == 0 else each)
        for i in range(len(sizes) - 1):
            parts += [nn.Linear(sizes[i], sizes[i + 1])] + ([nn.ReLU()] if i + 2 < len(sizes) else [])
        model = nn.Sequential(*parts)
        fill(model.parameters(), values)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        x = shaped((50, 1, 28, 28), 40)
        y = torch.tensor([7 * row % 10 for row in range(50)])

        def step():
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss

        return training(step)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.LayerNorm(64)
            self.query, self.key, self.value, self.out = (nn.Linear(64, 64) for _ in range(4))
            self.second = nn.LayerNorm(64)
            self.expand, self.contract = nn.Linear(64, 256), nn.Linear(256, 64)

        def forward(self, x):
            normal = self.first(x)
            q, k, v = (f(normal).reshape(16, 32, 4, 16).transpose(1, 2) for f in (self.query, self.key, self.value))
            weights = torch.softmax(q @ k.transpose(-1, -2) * 0.25, -1)
            x = x + self.out((weights @ v).transpose(1, 2).reshape(16, 32, 64))
            return x + self.contract(F.gelu(self.expand(self.second(x))))

    def transformer(work):
        block = Block()
        norm = [torch.ones(64), torch.zeros(64)]
        linears = [dense((64, 64), seed) for seed in (50, 51, 52, 53)] + [dense((64, 256), 54), dense((256, 64), 55)]
        linears = [[weight.t(), bias] for weight, bias in linears]
        fill(block.parameters(), norm + sum(linears[:4], []) + norm + linears[4] + linears[5])
        optimizer = torch.optim.Adam(block.parameters(), lr=1e-3)
        x, target = shaped((16, 32, 64), 56), shaped((16, 32, 64), 57)

        def step():
            loss = (block(x) - target).square().mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            return loss

        return training(step)

    def attention(work):
        q, k, v, cotangent = (shaped((1, 4, 256, 64), seed, 2.0) for seed in (60, 61, 62, 63))
        for each in (q, k, v):
            each.requires_grad_()

        def call():
            out = torch.softmax(q @ k.transpose(-1, -2) * 0.125, -1) @ v
            return torch.autograd.grad(out, (q, k, v), cotangent)

        return calling(call)

    def gru(work):
        scale = 1 / math.sqrt(128)
        wi, wh = shaped((128, 384), 70, scale).t(), shaped((128, 384), 71, scale).t()
        values = [wi, wh, shaped((384,), 72, scale), shaped((384,), 73, scale)]
        x, cotangent = shaped((32, 64, 128), 74), shaped((32, 64, 128), 75)
        if work["form"] == "layer":
            layer = nn.GRU(128, 128, batch_first=True)
            fill(layer.parameters(), values)

            def outputs():
                return layer(x)[0]

        else:
            layer = nn.GRUCell(128, 128)
            fill(layer.parameters(), values)

            def outputs():
                h, all_of_them = torch.zeros(32, 128), []
                for turn in range(64):
                    h = layer(x[:, turn], h)
                    all_of_them.append(h)
                return torch.stack(all_of_them, 1)

        parameters = list(layer.parameters())

        def call():
            grads = torch.autograd.grad(outputs(), parameters, cotangent)
            return [grads[0].t(), grads[1].t()]

        return calling(call)

    def examples(work):
        if work["form"] == "each":
            raise NotImplementedError("gradients by example need functorch")
        weights = [each.requires_grad_() for each in dense((64, 128, 10), 80)]
        x = shaped((128, 64), 90)
        y = torch.tensor([7 * row % 10 for row in range(128)])

        def call():
            hidden = torch.tanh(x @ weights[0] + weights[1])
            return torch.autograd.grad(F.cross_entropy(hidden @ weights[2] + weights[3], y), weights)

        return calling(call)

    return {"net": net, "transformer": transformer, "attention": attention, "gru": gru, "examples": examples}
