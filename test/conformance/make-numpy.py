#!/usr/bin/env python3
"""Makes suites/numpy.json: what NumPy (SciPy for erfc, PyTorch for some activations) gives for the operations that have no public suite.

    python3 test/conformance/make-numpy.py
"""
import json
import math
import os

import numpy as np
import scipy.special as sp
import torch
import torch.nn.functional as F

rng = np.random.default_rng(20240229)
cases = []
TYPES = {"float64": "f64", "float32": "f32", "int32": "i32", "uint32": "u32", "bool": "bool", "int64": "i32"}


def value(x):
    if isinstance(x, (bool, np.bool_)):
        return bool(x)
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, float) and not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    return x


def array(x, dtype=None):
    x = np.asarray(x)
    return {"shape": list(x.shape), "dtype": dtype or TYPES[str(x.dtype)], "data": [value(v) for v in x.ravel()]}


def case(op, call, want, *inputs, tolerance=1e-12):
    output = {"throws": want} if isinstance(want, str) else array(want)
    entry = {"op": op, "call": call, "inputs": [array(x) for x in inputs], "output": output}
    if not isinstance(want, str) and np.asarray(want).dtype.kind == "f" and tolerance:
        entry["tolerance"] = tolerance
    cases.append(entry)


def same(op, call, want, *inputs):
    """As case, to the bit: what moves elements."""
    case(op, call, want, *inputs, tolerance=0)


def torch_of(f, *xs):
    return f(*(torch.tensor(x) for x in xs)).numpy()


x = rng.uniform(-2.5, 2.5, 24)
unit = rng.uniform(-1, 1, 24)
above = 1 + rng.uniform(0, 5, 24)
y = rng.uniform(-2.5, 2.5, 24)
corners = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.0, 1e300])
for name, f, at in (
    ("asin", np.arcsin, unit), ("acos", np.arccos, unit), ("atan", np.arctan, x), ("tan", np.tan, x), ("sinh", np.sinh, x),
    ("cosh", np.cosh, x), ("asinh", np.arcsinh, x), ("acosh", np.arccosh, above), ("atanh", np.arctanh, unit),
    ("exp2", np.exp2, x), ("log2", np.log2, above), ("log10", np.log10, above), ("cbrt", np.cbrt, x), ("erfc", sp.erfc, x),
):
    case(name, f"a.{name}()", f(at), at)
case("atan2", "a.atan2(b)", np.arctan2(x, y), x, y)
case("logAddExp", "a.logAddExp(b)", np.logaddexp(x, y), x, y)
case("logAddExp", "a.logAddExp(b)", np.logaddexp([-np.inf, np.inf, np.inf, 1e3], [-np.inf, np.inf, -np.inf, 1e3]), [-np.inf, np.inf, np.inf, 1e3], [-np.inf, np.inf, -np.inf, 1e3])
same("copySign", "a.copySign(b)", np.copysign(np.tile(corners[1:], 7), np.repeat(corners[1:], 7)), np.tile(corners[1:], 7), np.repeat(corners[1:], 7))
same("isInf", "a.isInf()", np.isinf(corners), corners)
same("nanToNum", "a.nanToNum()", np.nan_to_num(corners), corners)
same("nanToNum", "a.nanToNum({ nan: 7, posInf: 8, negInf: -9 })", np.nan_to_num(corners, nan=7, posinf=8, neginf=-9), corners)
integers = np.array([0, 1, -1, 5, -2147483648, 2147483647], dtype=np.int32)
same("bitwiseNot", "a.bitwiseNot()", ~integers, integers)
same("bitwiseNot", "a.bitwiseNot()", ~integers.astype(np.uint32), integers.astype(np.uint32))
same("bitwiseNot", "a.bitwiseNot()", np.array([False, True]), np.array([True, False]))
same("logicalXor", "a.logicalXor(b)", np.logical_xor([0, 0, 1, 2], [0, 3, 0, 4]), np.array([0, 0, 1, 2.0]), np.array([0, 3, 0, 4.0]))

for name, f in (
    ("leakyRelu()", F.leaky_relu), ("leakyRelu(0.3)", lambda t: F.leaky_relu(t, 0.3)), ("elu()", F.elu), ("elu(0.5)", lambda t: F.elu(t, 0.5)),
    ("selu()", F.selu), ("silu()", F.silu), ("mish()", F.mish), ("softSign()", F.softsign), ("hardTanh()", F.hardtanh),
    ("logSigmoid()", F.logsigmoid), ("gelu()", F.gelu), ("gelu({ approximate: 'tanh' })", lambda t: F.gelu(t, approximate="tanh")),
):
    case(name.split("(")[0], f"a.{name}", torch_of(f, 2 * x), 2 * x)
m = rng.uniform(-2, 2, (3, 4))
case("glu", "a.glu()", torch_of(F.glu, m), m)
case("glu", "a.transpose().glu(0)", torch_of(lambda t: F.glu(t.T, 0), m), m)
case("glu", "a.glu(0)", "ShapeError", m)

t = rng.uniform(-2, 2, (2, 3, 4))
case("variance", "a.variance()", np.var(t), t)
case("variance", "a.variance(1, { correction: 1 })", np.var(t, axis=1, ddof=1), t)
case("variance", "a.variance([0, -1], { keepDims: true })", np.var(t, axis=(0, 2), keepdims=True), t)
case("variance", "a.variance(0, { correction: 1 })", np.full(4, np.nan), m[:1])
case("std", "a.std(-1)", np.std(t, axis=-1), t)
case("norm", "a.norm()", np.linalg.norm(t.ravel()), t)
for order, js in ((1, "1"), (np.inf, "Infinity"), (-np.inf, "-Infinity"), (0, "0"), (3, "3"), (0.5, "0.5"), (-2, "-2")):
    case("norm", f"a.norm(1, {{ ord: {js} }})", np.linalg.norm(m, ord=order, axis=1), m)
case("norm", "a.norm([0, 2], { keepDims: true })", np.linalg.norm(t.transpose(1, 0, 2).reshape(3, -1), axis=1).reshape(1, 3, 1), t)
case("norm", "a.norm(0, { ord: 'fro' })", "OptionError", m)
z = np.array([[0.0, np.nan, -0.0], [2, 0, 3]])
same("countNonZero", "a.countNonZero()", np.int32(np.count_nonzero(z)), z)
same("countNonZero", "a.countNonZero(0, { keepDims: true })", np.count_nonzero(z, axis=0, keepdims=True).astype(np.int32), z)
case("cumprod", "a.cumprod(1)", np.cumprod(t, axis=1), t)
runs = np.array([[1.0, 3, 2, 3, 5, -1], [2, np.nan, 1, 9, 9, 0], [-0.0, 0.0, -0.0, -1, -1, -2]])
same("cummax", "a.cummax(1)", np.array([[1.0, 3, 3, 3, 5, 5], [2, np.nan, np.nan, np.nan, np.nan, np.nan], [-0.0, 0, 0, 0, 0, 0]]), runs)
same("cummin", "a.cummin(-1)", np.array([[1.0, 1, 1, 1, 1, -1], [2, np.nan, np.nan, np.nan, np.nan, np.nan], [-0.0, -0.0, -0.0, -1, -1, -2]]), runs)
same("cummax", "a.cummax()", np.maximum.accumulate(integers), integers)

e = np.arange(24.0).reshape(2, 3, 4)
i32 = lambda *v: np.array(v, dtype=np.int32)
ones = i32(2, -4, 1)
for call, want, *more in (
    ("a.at(1)", e[1]), ("a.at(-1, 2)", e[-1, 2]), ("a.at([1])", e[1:]), ("a.at([null, null, -1], [1, null])", e[::-1, 1:]),
    ("a.at('...', 0)", e[..., 0]), ("a.at(0, '...', [null, 3, 2])", e[0, ..., :3:2]), ("a.at(null, 1, null)", e[None, 1, None]),
    ("a.at([], [-2, -1], null, [3, 0, -2])", e[:, -2:-1, None, 3:0:-2]), ("a.at([5, 9])", e[5:9]), ("a.at()", e),
    ("a.at('...', b)", e[..., i32(3, 0, -1)], i32(3, 0, -1)), ("a.at(1, [], b)", e[1, :, i32(3, 0, -1)], i32(3, 0, -1)),
    ("a.at([], b, b)", e[:, i32(2, 0), i32(2, 0)], i32(2, 0)), ("a.at(b, [1], b)", e[i32(1, 0), 1:, i32(1, 0)], i32(1, 0)),
    ("a.at(b, 1, c)", e[i32([0], [1]), 1, i32(3, 1, 2)], i32([0], [1]), i32(3, 1, 2)), ("a.at(b, null, 1)", e[i32(1, 0), None, 1], i32(1, 0)),
    ("a.at([], 2, b)", e[:, 2, i32(0, 3)], i32(0, 3)), ("a.at(null, b)", e[None, i32(1)], i32(1)), ("a.at(b)", e[np.int32(1)], np.int32(1)),
):
    same("at", call, want, e, *more)
same("at", "a.at(b, 1, [null, 2])", np.array([[np.nan, np.nan], [16.0, 17.0], [np.nan, np.nan]]), e, i32(2, 1, -3))
same("at", "a.at(0, b, c)", np.array([np.nan, 6.0, np.nan]), e, i32(3, 1, 0), i32(0, 2, -5))
for call in ("a.at(2)", "a.at(0, 0, 0, 0)", "a.at(0.5)", "a.at('...', '...')", "a.at([0, 2, 0])", "a.at([0, 1, 1, 1])"):
    case("at", call, "ShapeError", e)
case("at", "a.at(b)", "DTypeError", e, np.array([True, False]))
case("at", "a.at(b)", "DTypeError", e, np.array([1.0]))
k = np.array([[3, 0], [1, -1], [2, 2]], dtype=np.int32)
same("takeAlongAxis", "a.takeAlongAxis(b)", np.take_along_axis(e[0], k, 1), e[0], k)
same("takeAlongAxis", "a.takeAlongAxis(b, 1)", np.take_along_axis(e, i32([[2, -3, 0, 1]]).reshape(1, 1, 4), 1), e, i32([[2, -3, 0, 1]]).reshape(1, 1, 4))
same("takeAlongAxis", "a.takeAlongAxis(b, 0)", np.array([[np.nan, 1, 2, np.nan]]), e[0], i32([3, 0, 0, -4]).reshape(1, 4))
case("takeAlongAxis", "a.takeAlongAxis(b, 0)", "ShapeError", e, i32(1))
put = e[0].copy(); put[:, [1, 3]] = [[-1, -2], [-3, -4], [-5, -6]]
same("scatter", "a.scatter(b, c, 1)", put, e[0], i32(1, 3), np.array([[-1.0, -2], [-3, -4], [-5, -6]]))
last = e[0].copy(); last[2] = [7, 8, 9, 10]
same("scatter", "a.scatter(b, c)", last, e[0], i32(2, -1, 5), np.array([[1.0, 1, 1, 1], [7, 8, 9, 10], [3, 3, 3, 3]]))
same("scatter", "a.scatter(b, 5)", np.array([5, 1, 2, 5], dtype=np.int32), i32(0, 1, 2, 3), i32(0, 3))
same("scatterAdd", "a.scatterAdd(b, c)", np.array([3.0, 1, 6, 3]), np.arange(4.0), i32(0, 2, 2), np.array([3.0, 1, 3]))

for call, want in (
    ("L.concat(a.split(2, 2).reverse(), 2)", np.concatenate(np.split(e, 2, 2)[::-1], 2)),
    ("a.split([1, 2], 1)[1]", e[:, 1:]), ("a.split([0, 2])[0]", e[:0]), ("L.stack(a.unstack(1).reverse())", np.stack([e[:, i] for i in (2, 1, 0)])),
    ("a.tile(2)", np.tile(e, 2)), ("a.tile([2, 1, 3])", np.tile(e, (2, 1, 3))), ("a.tile([2, 1, 1, 2])", np.tile(e, (2, 1, 1, 2))), ("a.tile([0])", np.tile(e, 0)),
    ("a.repeat(2)", np.repeat(e, 2)), ("a.repeat(3, 1)", np.repeat(e, 3, 1)), ("a.repeat(2, -1)", np.repeat(e, 2, -1)),
    ("a.roll(5)", np.roll(e, 5)), ("a.roll(-1, 2)", np.roll(e, -1, 2)), ("a.roll([1, 2], [0, 2])", np.roll(e, (1, 2), (0, 2))), ("a.roll(1, [1, 2])", np.roll(e, 1, (1, 2))),
    ("a.swapAxes(0, -1)", np.swapaxes(e, 0, -1)), ("a.moveAxis(0, 2)", np.moveaxis(e, 0, 2)), ("a.moveAxis([0, 1], [-1, 0])", np.moveaxis(e, [0, 1], [-1, 0])),
    ("a.ravel()", e.ravel()), ("a.tril()", np.tril(e)), ("a.tril(1)", np.tril(e, 1)), ("a.triu(-1)", np.triu(e, -1)), ("a.triu()", np.triu(e)),
    ("L.zerosLike(a)", np.zeros_like(e)), ("L.onesLike(a, { dtype: 'i32' })", np.ones_like(e, dtype=np.int32)), ("L.fullLike(a, 2.5)", np.full_like(e, 2.5)),
    ("a.at(0).diag()", np.diag(e[0])), ("a.at(0).diag(2)", np.diag(e[0], 2)), ("a.at(0).diag(-1)", np.diag(e[0], -1)), ("a.at(0).diag(-3)", np.diag(e[0], -3)), ("a.at(0).diag(9)", np.diag(e[0], 9)),
    ("a.at(0, 0).diag()", np.diag(e[0, 0])), ("a.at(0, 0).diag(2)", np.diag(e[0, 0], 2)), ("a.at(0, 0).diag(-1)", np.diag(e[0, 0], -1)),
    ("a.at(0, 0).outer(a.at(1, 1))", np.outer(e[0, 0], e[1, 1])),
    ("L.meshgrid(a.at(0, 0), a.at(1, '...', 1))[0]", np.meshgrid(e[0, 0], e[1, :, 1])[0]), ("L.meshgrid(a.at(0, 0), a.at(1, '...', 1))[1]", np.meshgrid(e[0, 0], e[1, :, 1])[1]),
    ("L.meshgrid(a.at(0, 0), a.at(1, '...', 1), a.at(0, 0, [0, 2]), { indexing: 'ij' })[2]", np.meshgrid(e[0, 0], e[1, :, 1], e[0, 0, :2], indexing="ij")[2]),
):
    same(call.split("(")[0].split(".")[1], call, want, e)
for call in ("a.split(5, 2)", "a.split([1, 1], 1)", "a.tile(-1)", "a.repeat(0.5)", "a.roll(0.5)", "a.roll([1, 2])", "a.roll([1], [0, 1])", "a.moveAxis([0, 0], [1, 2])", "a.diag()", "a.at(0, 0).tril()", "L.meshgrid(a)", "a.swapAxes(0, 3)"):
    case("errors", call, "ShapeError", e)
case("errors", "L.meshgrid(a, { indexing: 'yx' })", "OptionError", np.arange(3.0))
case("errors", "a.gelu({ approximate: 'erf' })", "OptionError", e)
case("errors", "a.variance(0, { ddof: 1 })", "OptionError", e)

p, q, r = rng.uniform(-1, 1, (2, 3, 4)), rng.uniform(-1, 1, (2, 4, 5)), rng.uniform(-1, 1, (3, 3))
for spec in ("bij,bjk->bik", "bij,bjk", "bij,bjk->k", "bij , bjk -> kbi", "...ij,...jk->...ki", "bij,bjk->bijk", "bij,bjk->b", "bij,bjk->ij"):
    case("einsum", f"L.einsum('{spec}', a, b)", np.einsum(spec, p, q), p, q)
for spec in ("ii", "ii->i", "ij->ji", "ij->", "ji", "i...->...", "...", "ij->j"):
    case("einsum", f"L.einsum('{spec}', a)", np.einsum(spec, r), r)
case("einsum", "L.einsum('ij,jk,kl->il', a, b, c)", np.einsum("ij,jk,kl->il", r, r.T, r), r, r.T, r)
case("einsum", "L.einsum('i,j,k->', a, b, c)", np.einsum("i,j,k->", x, y, unit), x, y, unit)
case("einsum", "L.einsum('...i,...i', a, b)", np.einsum("...i,...i", p, p[:1, :1]), p, p[:1, :1])
case("einsum", "L.einsum('iij,ik->jk', a, b)", np.einsum("iij,ik->jk", np.stack([r, 2 * r, 3 * r]), r), np.stack([r, 2 * r, 3 * r]), r)
case("einsum", "L.einsum('i,i->i', a, b)", np.einsum("i,i->i", x, y), x, y)
case("einsum", "L.einsum('ij,j', a, b)", np.einsum("ij,j", integers.reshape(2, 3)[:, :2] % 7, i32(2, 3)).astype(np.int32), (integers.reshape(2, 3)[:, :2] % 7).astype(np.int32), i32(2, 3))
for spec, error in (("ij", "OptionError"), ("ij,j1", "OptionError"), ("ij,jk->il", "OptionError"), ("ij,jk->ii", "OptionError"), ("ij,jk->ik->", "OptionError"), ("i,jk", "ShapeError"), ("ijk,kl", "ShapeError"), ("ij,ki", "ShapeError"), ("i...,j...->ij", "OptionError")):
    case("einsum", f"L.einsum('{spec}', a, b)", error, np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4))
case("tensordot", "L.tensordot(a, b, 1)", np.tensordot(p, q[0], 1), p, q[0])
case("tensordot", "L.tensordot(a, b)", np.tensordot(p, p[1], 2), p, p[1])
case("tensordot", "L.tensordot(a, b, 0)", np.tensordot(r, x, 0), r, x)
case("tensordot", "L.tensordot(a, b, [[0, 2], [0, 1]])", np.tensordot(p, q, ((0, 2), (0, 1))), p, q)
case("tensordot", "L.tensordot(a, b, [1, 0])", np.tensordot(p, r, (1, 0)), p, r)
for axes in ("3", "[[0], [0, 1]]", "[0, 0]", "0.5"):
    case("tensordot", f"L.tensordot(a, b, {axes})", "ShapeError", p, r[:, :2])


def order(a, axis=-1, descending=False):
    """NumPy's stable order; descending, equal ones keep their places too, and NaN comes first."""
    if not descending:
        return np.argsort(a, axis, kind="stable").astype(np.int32)
    return np.flip(a.shape[axis] - 1 - np.argsort(np.flip(a, axis), axis, kind="stable"), axis).astype(np.int32)


unsorted = np.array([3.0, np.nan, -0.0, np.inf, 0.0, -2.5, -np.inf, 3.0, np.nan, 1e-310, -1e-310, 0.0])
long = np.round(rng.normal(0, 3, 200)) / 2
long[rng.integers(0, 200, 12)] = np.nan
words = np.array([7, -1, 2**31 - 1, -(2**31), 0, 7, -1, 3], dtype=np.int32)
for a in (unsorted, unsorted.astype(np.float32), long.astype(np.float32), long, words, words.view(np.uint32), words % 3 == 1):
    for descending in (False, True):
        options = "-1, { descending: true }" if descending else ""
        same("sort", f"a.sort({options})", np.take_along_axis(a, order(a, -1, descending), -1), a)
        same("argsort", f"L.argsort(a{', ' + options if options else ''})", order(a, -1, descending), a)
    for k in (0, 1, 5, len(a)):
        best = order(a, -1, True)[:k]
        same("topK", f"a.topK({k}).values", a[best], a)
        same("topK", f"L.topK(a, {k}).indices", best, a)
table = np.round(rng.uniform(-2, 2, (3, 4, 5)) * 2) / 2
tall = np.round(rng.uniform(-9, 9, (2, 40, 3)))
for a in (table, tall.astype(np.float32)):
    for axis in (0, 1, -1):
        same("sort", f"L.sort(a, {axis})", np.sort(a, axis, kind="stable"), a)
        same("argsort", f"a.argsort({axis}, {{ descending: true }})", order(a, axis, True), a)
        same("topK", f"a.topK(2, {axis}).indices", np.take(order(a, axis, True), range(2), axis), a)
        same("topK", f"a.topK(2, {axis}).values", np.take_along_axis(a, np.take(order(a, axis, True), range(2), axis), axis), a)
for shape in ((0,), (3, 0), (0, 3), (1,), (4, 1)):
    same("sort", "a.sort()", np.zeros(shape), np.zeros(shape))
    same("argsort", "a.argsort()", np.zeros(shape, dtype=np.int32) if shape[-1] < 2 else order(np.zeros(shape)), np.zeros(shape))
for call, error in (("a.sort(1)", "ShapeError"), ("a.sort(0.5)", "ShapeError"), ("L.sort(3)", "ShapeError"), ("a.argsort(-2)", "ShapeError"), ("a.topK(13)", "OptionError"), ("a.topK(-1)", "OptionError"),
                    ("a.topK(1.5)", "OptionError"), ("a.topK()", "OptionError"), ("a.topK(1, 1)", "ShapeError"), ("a.sort(0, { descend: true })", "OptionError"), ("a.argsort(0, { descending: 1 })", "OptionError"), ("a.sort({ descending: true })", "ShapeError")):
    case("errors", call, error, unsorted)

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "suites", "numpy.json")
about = {"values": f"NumPy {np.__version__}, SciPy (erfc), PyTorch {torch.__version__} (activations)", "script": "make-numpy.py"}
with open(path, "w", encoding="utf-8") as file:
    file.write('{"about":' + json.dumps(about) + ',"cases":[\n' + ",\n".join(json.dumps(each) for each in cases) + "\n]}\n")
print(len(cases))
