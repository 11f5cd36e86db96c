/** The derivative of gelu to the last few bits, also where Φ(x) is tiny, on every backend; its own derivative; its ends. */
import { grad, jit, type Tensor, tensor, zeros } from 'lazuli';
import { describe, expect, test } from 'vitest';
import { BACKENDS } from '../support/backends.js';

/** x, gelu′(x) = Φ(x) + x·φ(x) and gelu″(x) = (2 − x²)·φ(x), computed with 300 bits by mpmath; every x is an f32. */
const POINTS: readonly (readonly [number, number, number])[] = [
  [-38.25, -3.0427029273482909e-317, -1.1630373051461501e-315],
  [-37.1875, -7.513948333580758e-300, -2.7922260589357582e-298],
  [-30.3125, -3.6043422019796563e-199, -1.0913745832677886e-197],
  [-20.700000762939453, -7.420615289829649e-93, -1.5324658894366755e-91],
  [-14.100000381469727, -3.7748941560292612e-43, -5.2955605888883971e-42],
  [-13.300000190734863, -2.0470891405692337e-38, -2.7070638698202576e-37],
  [-12.050000190734863, -1.4079683411007457e-31, -1.6847576117033267e-30],
  [-10.300000190734863, -3.736977601759169e-23, -3.8121277406521712e-22],
  [-8.600000381469727, -2.946880380675891e-16, -2.4991360229606718e-15],
  [-7.099999904632568, -3.142239649967847e-11, -2.1850079124994855e-10],
  [-6.0, -3.5468709453902015e-8, -2.0658001689399171e-7],
  [-5.300000190734863, -1.6229121663107417e-6, -8.2740423834014667e-6],
  [-4.400000095367432, -0.00010433428847431748, -0.00043300114083333556],
  [-3.700000047683716, -0.0014638870307782713, -0.0049656806365321719],
  [-3.200000047683716, -0.0069419433700305033, -0.019644884510064547],
  [-2.5999999046325684, -0.030654538149839254, -0.064654942847939543],
  [-2.0299999713897705, -0.081994253473486487, -0.1077924130348408],
  [-1.5, -0.12746919222997953, -0.032379398916472932],
  [-1.100000023841858, -0.10397133789268323, 0.17210320391532711],
  [-1.0, -0.083315470587686298, 0.24197072451914335],
  [-0.9900000095367432, -0.080859390264167321, 0.2492537119219886],
  [-0.800000011920929, -0.01989784832240314, 0.3939805024728977],
  [-0.699999988079071, 0.023385904487099192, 0.47150344852964052],
  [-0.5, 0.13250487534383716, 0.61611432183752409],
  [-0.25, 0.30462664511636397, 0.74916947630552034],
  [-0.10000000149011612, 0.42047690679817412, 0.78993556924324276],
  [-0.003000000026077032, 0.49760635347773164, 0.79787737986592899],
  [0.0, 0.5, 0.79788456080286536],
  [9.99999993922529e-9, 0.50000000797884556, 0.79788456080286528],
  [0.0020000000949949026, 0.50159576706971015, 0.79788136926910627],
  [0.05999999865889549, 0.54781567139964365, 0.7950160511305689],
  [0.30000001192092896, 0.7323277755109192, 0.72845072219655987],
  [0.699999988079071, 0.97661409551290081, 0.47150344852964052],
  [1.0, 1.0833154705876863, 0.24197072451914335],
  [1.600000023841858, 1.1226740423066179, -0.062115673513558309],
  [2.200000047683716, 1.0641406519441791, -0.10074784055729339],
  [3.0999999046325684, 1.009159538231883, -0.024860498435815582],
  [4.699999809265137, 1.0000286373952951, -0.00012796989114198038],
  [6.900000095367432, 1.0000000001236927, -8.348139989320217e-10],
  [9.5, 1.0, -8.8937779854697587e-19],
  [13.0, 1.0, -1.3358042354201375e-35],
  [37.0, 1.0, -2.8980489559341359e-295],
];

const first = grad((x: Tensor) => x.gelu().sum());
const second = grad((x: Tensor) => first(x).sum());

/** Relative errors; near the zero at −0.75 relative to what is added there. Below the normal numbers a bound is absolute. */
const bound = (x: number, want: number, relative: number, least: number): number =>
  relative * Math.max(Math.abs(want), Math.abs(x) < 2 ? 0.25 : 0) + least;

test('beside gelu itself, the slope takes a handful of ops', () => {
  const flops = (f: (x: Tensor) => Tensor[]): number =>
    jit(f, { backend: 'js' })
      .inspect(zeros([1000]))
      .kernels.reduce((sum, kernel) => sum + kernel.flops, 0) / 1000;
  expect(flops((x) => [x.gelu(), first(x)]) - flops((x) => [x.gelu()])).toBeLessThan(12);
});

describe.each(BACKENDS)('on %s', (backend) => {
  describe.each([
    ['f32', 2 ** -24, 1e-43],
    ['f64', 2 ** -53, 1e-320],
  ] as const)('in %s', (dtype, unit, least) => {
    const xs = tensor(
      POINTS.map(([x]) => x),
      { dtype },
    );
    test.each([
      ['first', first, 1, 6],
      ['second', second, 2, 12],
    ] as const)('the %s derivative', (_, f, column, units) => {
      const got = jit((x: Tensor) => f(x), { backend })(xs).dataSync();
      const wrong = POINTS.flatMap((point, i) => {
        const [x, want] = [point[0], point[column]];
        const error = Math.abs(got[i]! - want);
        return error <= bound(x, want, units * unit, least)
          ? []
          : [`${x}: ${got[i]!}, not ${want}: ${error / unit / Math.abs(want)} units`];
      });
      expect(wrong).toEqual([]);
    });

    test('at ±∞, at large numbers and at NaN', () => {
      const ends = tensor([Infinity, -Infinity, 1e30, -1e30, NaN], { dtype });
      const f = jit((x: Tensor) => [first(x), second(x)], { backend });
      const [slope, bend] = f(ends) as [Tensor, Tensor];
      expect([...slope.dataSync()].map((x) => x + 0)).toEqual([1, 0, 1, 0, NaN]);
      expect([...bend.dataSync()].map((x) => x + 0)).toEqual([0, 0, 0, 0, NaN]);
    });
  });
});
