"""The training run of probes/mnist.ts in PyTorch: mnist.py FILE THREADS."""

import json
import sys
import time

import numpy
import torch

EPOCHS, BATCH, SIZES, TRAIN, TEST = 6, 100, [784, 500, 300, 10], 9000, 1000
torch.set_num_threads(int(sys.argv[2]))
data = numpy.fromfile(sys.argv[1], dtype=numpy.float32)
position = 0


def take(*shape, dtype=numpy.float32):
    global position
    size = int(numpy.prod(shape))
    values = data[position : position + size].view(dtype).reshape(shape)
    position += size
    return torch.from_numpy(values.copy())


images, labels = take(TRAIN, SIZES[0]), take(TRAIN, dtype=numpy.int32).long()
test_images, test_labels = take(TEST, SIZES[0]), take(TEST, dtype=numpy.int32).long()
parameters = []
for inputs, outputs in zip(SIZES, SIZES[1:]):
    parameters += [take(inputs, outputs).requires_grad_(), take(outputs).requires_grad_()]
orders = [take(TRAIN, dtype=numpy.int32).long() for _ in range(EPOCHS)]
optimizer = torch.optim.Adadelta(parameters, lr=1.0, rho=0.95, eps=1e-6)


def logits(h):
    for layer in range(3):
        h = torch.addmm(parameters[2 * layer + 1], torch.tanh(h) if layer else h, parameters[2 * layer])
    return h


seconds = []
for order in orders:
    start = time.perf_counter()
    for at in range(0, TRAIN, BATCH):
        chosen = order[at : at + BATCH]
        loss = torch.nn.functional.cross_entropy(logits(images[chosen]), labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss.item()
    seconds.append(time.perf_counter() - start)
wrong = int((logits(test_images).argmax(1) != test_labels).sum())
print(json.dumps({"epoch": sorted(seconds)[EPOCHS // 2], "run": sum(seconds), "testError": 100 * wrong / TEST}))
