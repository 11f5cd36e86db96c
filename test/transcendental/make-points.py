#!/usr/bin/env python3
"""Makes f64-points.json: true values of the transcendental functions at some hundreds of f64 points each.

Needs mpmath (Debian: python3-mpmath). Every value is computed with 1,700 bits (sin and cos of 2^1023 take 1,100 of
them) and written as the nearest double, `nearest`, and what is missing, `rest`, in units in the last place of it.

    python3 test/transcendental/make-points.py
"""
import json
import math
import os
import random
import struct

import mpmath as mp

mp.mp.prec = 1700
rng = random.Random(20240229)
MAX = 1.7976931348623157e308
TINY = 5e-324


def bits(u):
    return struct.unpack("<d", struct.pack("<Q", u & (2**64 - 1)))[0]


def neighbours(x, reach=2):
    """x and the doubles next to it."""
    u = struct.unpack("<Q", struct.pack("<d", x))[0]
    return [bits(u + d) for d in range(-reach, reach + 1)]


def uniform(low, high, count):
    return [rng.uniform(low, high) for _ in range(count)]


def magnitudes(low, high, count, signed=True):
    """Random mantissas at random exponents from 2^low to 2^high."""
    values = [math.ldexp(rng.uniform(1, 2), rng.randint(low, high)) for _ in range(count)]
    return [x * rng.choice((1, -1)) for x in values] if signed else values


def around(*centres):
    return [x for centre in centres for x in neighbours(centre)]


def near_quadrants():
    """The doubles nearest to multiples of pi/2, where sine or cosine nearly vanishes."""
    ks = list(range(1, 41)) + [rng.randint(41, 2**40) for _ in range(30)] + [rng.getrandbits(900) for _ in range(20)]
    return [float(k * mp.pi / 2) for k in ks]


LN2 = math.log(2)
# The double nearest of all to a multiple of pi/2 (J.-M. Muller, Elementary Functions, ch. 11), and other known traps.
TRIG_TRAPS = [6381956970095103.0 * 2.0**797, 5.319372648326541e255, 1e22, MAX, 2.0**1023, 2.0**53, 2.0**27, 1e-8, 2.0**-27]
TRIG = near_quadrants() + TRIG_TRAPS + uniform(-10, 10, 80) + magnitudes(-30, 60, 60) + magnitudes(60, 1023, 80)
SMALL = magnitudes(-1074, -20, 30)

UNARY = {
    "exp": (
        mp.exp,
        uniform(-745, 709.7, 120) + uniform(-745.1, -708, 40) + uniform(-1, 1, 60) + SMALL
        + around(709.782712893384, -708.3964185322641, -745.1332191019411, 0.5 * LN2, -0.5 * LN2, 1.5 * LN2),
    ),
    "expm1": (
        mp.expm1,
        uniform(-40, 709.7, 60) + uniform(-1.5, 1.5, 120) + uniform(0.34, 0.5, 60) + SMALL + magnitudes(-60, -1, 60)
        + around(709.782712893384, 0.5 * LN2, -0.5 * LN2, -37.42994775023705),
    ),
    "log": (
        mp.log,
        uniform(0.5, 2, 100) + uniform(0.7, 0.72, 40) + uniform(1.4, 1.42, 40) + magnitudes(-1074, 1022, 100, False)
        + around(1.0, 2.0, 0.5, math.sqrt(0.5), math.sqrt(2), 2.2250738585072014e-308) + [TINY, MAX],
    ),
    "log1p": (
        mp.log1p,
        uniform(-0.999, 1, 100) + uniform(0.38, 0.45, 40) + uniform(-0.35, -0.25, 40) + SMALL
        + magnitudes(-60, -1, 60) + magnitudes(0, 1022, 60, False)
        + around(1.0, math.sqrt(2) - 1, math.sqrt(0.5) - 1) + [-1 + 2.0**-53, -1 + 2.0**-30, MAX],
    ),
    "sin": (mp.sin, TRIG + SMALL),
    "cos": (mp.cos, TRIG + magnitudes(-40, -1, 20)),
    "tanh": (mp.tanh, uniform(-1, 1, 120) + uniform(-22, 22, 80) + magnitudes(-60, -1, 60) + SMALL + around(1.0, 19.0615, 22.0)),
    "sigmoid": (
        lambda x: 1 / (1 + mp.exp(-x)),
        uniform(-6, 6, 150) + uniform(-745, 40, 80) + uniform(-745, -708, 30) + magnitudes(-60, -1, 40) + SMALL,
    ),
    "softplus": (
        lambda x: mp.log1p(mp.exp(x)),
        uniform(-6, 6, 150) + uniform(-745, 40, 80) + uniform(-745, -708, 30) + magnitudes(-60, -1, 40) + SMALL,
    ),
    "erf": (mp.erf, uniform(-1, 1, 120) + uniform(0.78, 0.95, 60) + uniform(-6.5, 6.5, 80) + magnitudes(-60, -1, 40) + SMALL + around(0.8, 6.0)),
    "gelu": (
        lambda x: x / 2 * mp.erfc(-x / mp.sqrt(2)),
        uniform(-1, 1, 80) + uniform(-9, 9, 100) + uniform(-38.5, -9, 80) + uniform(-38.5, -37, 30) + magnitudes(-60, -1, 40) + SMALL,
    ),
}


def power_points():
    pairs = [(rng.uniform(0, 10), rng.uniform(-10, 10)) for _ in range(80)]
    pairs += [(1 + rng.uniform(-1, 1) * 10.0 ** -rng.randint(3, 15), rng.choice((1, -1)) * 10 ** rng.uniform(3, 15)) for _ in range(80)]
    pairs += [(math.exp(rng.uniform(-700, 700)), rng.uniform(-1.1, 1.1)) for _ in range(60)]
    pairs += [(-rng.uniform(0, 20), float(rng.randint(-40, 40))) for _ in range(40)]
    pairs += [(rng.uniform(0.01, 100), y) for y in (2.0, 3.0, 0.5, -1.0, -0.5, 1 / 3, 10.0) for _ in range(8)]
    pairs += [(magnitudes(-1074, -1023, 1, False)[0], rng.uniform(-0.9, 1.03)) for _ in range(30)]
    for x in uniform(0.1, 40, 60):  # Results close to overflow, and subnormal ones.
        scale = abs(math.log2(x))
        if scale > 0.1:
            sign = 1 if x > 1 else -1
            pairs += [(x, sign * rng.uniform(1000, 1024) / scale), (x, -sign * rng.uniform(1020, 1075) / scale)]
    return pairs


def split(value):
    """`value` as a double and the rest in ULP, or None where that double is infinite or the value vanishes."""
    nearest = float(value)
    if value == 0 or math.isinf(nearest):
        return None
    return nearest, round(float((value - mp.mpf(nearest)) / mp.mpf(math.ulp(nearest))), 6)


def table(f, arguments):
    columns = [[] for _ in range(len(arguments[0]) + 2)]
    for point in arguments:
        parts = split(f(*(mp.mpf(x) for x in point)))
        if parts is not None:
            for column, number in zip(columns, (*point, *parts)):
                column.append(number)
    *inputs, nearest, rest = columns
    return {"inputs": inputs, "nearest": nearest, "rest": rest}


points = {name: table(f, [(x,) for x in xs if x > 0 or name != "log"]) for name, (f, xs) in UNARY.items()}
points["pow"] = table(mp.power, power_points())

points |= {
    name: table(f, [(x,) for x in xs])
    for name, (f, xs) in {
        "exp2": (
            lambda x: mp.mpf(2) ** x,
            uniform(-1074, 1023.9, 120) + uniform(-1074.5, -1020, 40) + uniform(-1, 1, 60) + SMALL + [-1074.0, -5.0, 0.5, 10.0, 1023.0],
        ),
        "log2": (
            lambda x: mp.log(x, 2),
            uniform(0.5, 2, 100) + uniform(0.7, 0.72, 40) + uniform(1.4, 1.42, 40) + magnitudes(-1074, 1022, 100, False)
            + around(2.0, 0.5, math.sqrt(0.5), math.sqrt(2), 2.2250738585072014e-308) + neighbours(1.0, 1)[::2] + [TINY, MAX],
        ),
        "log10": (
            mp.log10,
            uniform(0.5, 2, 100) + uniform(0.7, 0.72, 40) + uniform(1.4, 1.42, 40) + magnitudes(-1074, 1022, 100, False)
            + around(10.0, 0.1, 1000.0, math.sqrt(0.5), math.sqrt(2)) + neighbours(1.0, 1)[::2] + [TINY, MAX, 1e22],
        ),
        "tan": (mp.tan, TRIG + SMALL),
        "asin": (mp.asin, uniform(-1, 1, 150) + uniform(0.9, 1, 60) + magnitudes(-60, -1, 60) + SMALL + neighbours(1.0, 3)[:3]),
        "acos": (mp.acos, uniform(-1, 1, 150) + uniform(0.9, 1, 60) + magnitudes(-60, -1, 60) + neighbours(1.0, 3)[:3] + [-1.0]),
        "atan": (mp.atan, uniform(-3, 3, 150) + uniform(0.4, 0.45, 40) + magnitudes(-60, 60, 100) + SMALL + around(1.0, math.sqrt(2) - 1) + [MAX]),
        "sinh": (mp.sinh, uniform(-2, 2, 100) + uniform(-710, 710, 80) + uniform(709, 710.475, 40) + magnitudes(-60, -1, 60) + SMALL + around(710.4758600739439)),
        "cosh": (mp.cosh, uniform(-2, 2, 100) + uniform(-710, 710, 80) + uniform(709, 710.475, 40) + magnitudes(-30, -1, 60) + around(710.4758600739439)),
        "asinh": (mp.asinh, uniform(-2, 2, 120) + magnitudes(-60, -1, 60) + magnitudes(0, 1022, 100) + SMALL + around(2.0**60) + [MAX]),
        "acosh": (mp.acosh, uniform(1, 3, 150) + [1 + x for x in magnitudes(-52, -1, 60, False)] + magnitudes(0, 1022, 100, False) + around(2.0**60) + [MAX]),
        "atanh": (mp.atanh, uniform(-1, 1, 150) + uniform(0.9, 1, 60) + magnitudes(-60, -1, 60) + SMALL + neighbours(1.0, 3)[:3]),
        "erfc": (mp.erfc, uniform(-1, 1, 80) + uniform(-6, 9, 100) + uniform(9, 27.2, 80) + uniform(26, 27.2, 30) + magnitudes(-60, -1, 40)),
        "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), uniform(-30, 30, 150) + magnitudes(-1074, 1022, 120) + [27.0, -1000.0, 3.375, TINY, MAX]),
    }.items()
}
legs = [(rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(150)] + list(zip(magnitudes(-1000, 1000, 80), magnitudes(-1000, 1000, 80)))
legs += [(x * rng.uniform(0.9, 1.1), y) for x, y in zip(magnitudes(-300, 300, 80), magnitudes(-300, 300, 80))]
points["atan2"] = table(lambda y, x: mp.atan2(y, x), legs + [(x, x) for x in uniform(-2, 2, 20)] + [(MAX, MAX), (TINY, MAX), (MAX, TINY)])

path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "f64-points.json")
with open(path, "w", encoding="utf-8") as file:
    entries = (f'"{name}": {json.dumps(each)}' for name, each in points.items())
    file.write("{\n" + ",\n".join(entries) + "\n}\n")
print({name: len(each["rest"]) for name, each in points.items()})
