"""PyTorch, in the protocol of run/protocol.ts, on BENCH_THREADS threads."""

import json
import math
import os
import sys
import time


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


THREADS = int(os.environ.get("BENCH_THREADS", "1"))
try:
    import numpy
    import torch
except ImportError as error:
    say({"unsupported": str(error)})
    sys.exit(0)
torch.set_num_threads(THREADS)

from pytorch_layers import make_layers  # noqa: E402, needs torch


def uniform(length, seed, scale=1.0):
    """The numbers of run/inputs.ts."""
    h = numpy.arange(length, dtype=numpy.uint32) * numpy.uint32(0x9E3779B1)
    h += numpy.uint32(seed * 0x85EBCA6B & 0xFFFFFFFF)
    h = (h ^ (h >> numpy.uint32(16))) * numpy.uint32(0x45D9F3B)
    h = (h ^ (h >> numpy.uint32(16))) * numpy.uint32(0x45D9F3B)
    h ^= h >> numpy.uint32(16)
    values = ((h >> numpy.uint32(8)) * 2.0**-23 - 1.0) * scale
    return torch.from_numpy(values.astype(numpy.float32))


def sample(tensor):
    flat = tensor.detach().reshape(-1)
    return [float(flat[j * (flat.numel() - 1) // 100]) for j in range(101)]


def updates(work, make):
    """An optimizer in its two forms: parameter by parameter, and all of them in each operation."""

    def task(foreach):
        parameters = [torch.zeros(work["size"], requires_grad=True) for _ in range(work["count"])]
        for p, parameter in enumerate(parameters):
            parameter.grad = uniform(work["size"], 100 + p)
        return make(parameters, foreach).step, lambda: [parameters[-1]]

    return {"loop": task(False), "foreach": task(True)}


def adadelta(parameters, foreach):
    return torch.optim.Adadelta(parameters, lr=1.0, rho=0.95, eps=1e-6, foreach=foreach)


def adam(parameters, foreach):
    return torch.optim.Adam(parameters, lr=0.001, betas=(0.9, 0.999), eps=1e-8, foreach=foreach)


def adamw(parameters, foreach):
    return torch.optim.AdamW(parameters, lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, foreach=foreach)


def matmul(work):
    m, k, n, transposed = work["m"], work["k"], work["n"], work["transposed"]
    a = uniform(m * k, 1).reshape((k, m) if transposed == "a" else (m, k))
    b = uniform(k * n, 2).reshape((n, k) if transposed == "b" else (k, n))
    a = a.t() if transposed == "a" else a
    b = b.t() if transposed == "b" else b
    return {"": (lambda: torch.matmul(a, b), lambda: [torch.matmul(a, b)])}


def cross_entropy(work):
    rows, classes = work["rows"], work["classes"]
    logits = uniform(rows * classes, 3, 4.0).reshape(rows, classes).requires_grad_()
    labels = torch.arange(rows) * 7 % classes

    def step():
        loss = torch.nn.functional.cross_entropy(logits, labels)
        return [loss, torch.autograd.grad(loss, logits)[0]]

    return {"": (step, step)}


def perceptron(_work):
    def task(foreach):
        batch, sizes = 100, [784, 500, 300, 10]
        parameters = []
        for layer in range(3):
            inputs, outputs = sizes[layer], sizes[layer + 1]
            scale = float(numpy.float32(1 / math.sqrt(inputs)))
            parameters.append(uniform(inputs * outputs, 10 + layer, scale).reshape(inputs, outputs).requires_grad_())
            parameters.append(torch.zeros(outputs, requires_grad=True))
        x = uniform(batch // 2 * 784, 4).reshape(-1, 784).repeat(2, 1)
        y = torch.tensor([(7 * (row % 50) + 3 * (row // 50)) % 10 for row in range(batch)])
        optimizer = adadelta(parameters, foreach)
        last = []

        def step():
            h = x
            for layer in range(3):
                h = torch.addmm(parameters[2 * layer + 1], torch.tanh(h) if layer else h, parameters[2 * layer])
            loss = torch.nn.functional.cross_entropy(h, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            last[:] = [loss]

        return step, lambda: [last[0], parameters[0], parameters[4]]

    return {"loop": task(False), "foreach": task(True)}


MAKERS = {
    "adadelta": lambda work: updates(work, adadelta),
    "adam": lambda work: updates(work, adam),
    "adamw": lambda work: updates(work, adamw),
    "matmul": matmul,
    "crossEntropy": cross_entropy,
    "perceptron": perceptron,
    **make_layers(uniform),
}

# Debian's reference BLAS is ten times slower than OpenBLAS; which one is linked is a system setting.
with open("/proc/self/maps") as maps:
    blas = "OpenBLAS" if "openblas" in maps.read() else "a BLAS that is not OpenBLAS"
say({"ready": f"PyTorch {torch.__version__}, {blas}, {THREADS} {'thread' if THREADS == 1 else 'threads'}"})
tasks = {}
for line in sys.stdin:
    request = json.loads(line)
    try:
        if request["do"] == "prepare":
            tasks = MAKERS[request["work"]["kind"]](request["work"])
            step, results = next(iter(tasks.values()))
            for _ in range(3):
                step()
            say({"modes": list(tasks), "results": [sample(each) for each in results()]})
        else:
            step = tasks[request["mode"]][0]
            start = time.perf_counter()
            for _ in range(request["calls"]):
                step()
            say({"milliseconds": (time.perf_counter() - start) * 1e3})
    except Exception as error:  # the coordinator reports it and goes on
        say({"error": repr(error)})
