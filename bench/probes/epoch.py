"""The run of epoch.ts with PyTorch: python epoch.py THREADS."""

import json
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]))
SIZE, SIZES = 60000, (784, 500, 300, 10)
images = (torch.arange(SIZE * 784) * 2654435761 % 256 / 255).float().reshape(SIZE, 784)
labels = torch.arange(SIZE) * 7 % 10
weights = []
for inputs, outputs in zip(SIZES, SIZES[1:]):
    bound = inputs**-0.5
    weights += [torch.rand(inputs, outputs) * 2 * bound - bound, torch.zeros(outputs)]
for each in weights:
    each.requires_grad_()
optimizer = torch.optim.Adadelta(weights, lr=1.0, rho=0.95, eps=1e-6, foreach=True)
seconds = []
for _ in range(2):
    order = torch.randperm(SIZE)
    start = time.perf_counter()
    for at in range(0, SIZE, 100):
        rows = order[at : at + 100]
        h = images[rows]
        for layer in range(3):
            h = torch.addmm(weights[2 * layer + 1], torch.tanh(h) if layer else h, weights[2 * layer])
        loss = torch.nn.functional.cross_entropy(h, labels[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": min(seconds)}))
