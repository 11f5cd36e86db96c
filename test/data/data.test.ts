/** `lazuli/data`: batches and their orders, copies and programs; files and images; what is refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import fc from 'fast-check';
import { DataError, LazuliError, OptionError, setDefaultBackend, tensor, type Tensor, UnsupportedError } from 'lazuli';
import Papa from 'papaparse';
import { batches, fromPixels, prefetch, readCsv, readIdx, trainTestSplit } from 'lazuli/data';
import { counting } from '../support/counting.js';
import { eventually } from '../support/eventually.js';
import { runs } from '../support/runs.js';

afterEach(() => setDefaultBackend('js'));
const rows = (n: number): Tensor =>
  tensor(
    Float32Array.from({ length: 2 * n }, (_, i) => i),
    { shape: [n, 2] },
  );
const numbers = (t: Tensor): number[] => [...t.dataSync()];

describe('batches', () => {
  test('of typed arrays and tensors in a tree, in order, the last one shorter', () => {
    const source = batches({ x: rows(5), y: Uint8Array.of(0, 1, 2, 3, 4) }, { size: 2 });
    expect(source.length).toBe(3);
    for (let pass = 0; pass < 2; pass++) {
      const seen = [...source];
      expect(seen.map(({ x, y }) => [x.shape, y.shape, y.dtype])).toEqual([
        [[2, 2], [2], 'i32'],
        [[2, 2], [2], 'i32'],
        [[1, 2], [1], 'i32'],
      ]);
      expect(seen.map(({ x }) => numbers(x))).toEqual([
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
      ]);
      expect(seen.map(({ y }) => numbers(y))).toEqual([[0, 1], [2, 3], [4]]);
    }
    expect([...batches([Float64Array.of(1, 2, 3)], { size: 2, dropLast: true })].map(([x]) => numbers(x!))).toEqual([
      [1, 2],
    ]);
  });

  test('each pass has every example once, in an order of its own that the seed decides', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 45 }), fc.nat(), (n, size, seed) => {
        const data = { x: Int32Array.from({ length: n }, (_, i) => i), t: rows(n) };
        const make = () => batches(data, { size, shuffle: true, seed });
        const order = (source: Iterable<{ x: Tensor }>): number[] => [...source].flatMap(({ x }) => numbers(x));
        const source = make();
        const passes = [order(source), order(source), order(source)];
        for (const pass of passes) expect([...pass].sort((a, b) => a - b)).toEqual([...data.x]);
        expect(order(make())).toEqual(passes[0]);
        expect([...make().iterate(2, 1)].flatMap(({ x }) => numbers(x))).toEqual(passes[2]!.slice(size));
        for (const { x, t } of make()) expect(numbers(t)).toEqual(numbers(x).flatMap((i) => [2 * i, 2 * i + 1]));
      }),
      { numRuns: runs(15) },
    );
    const first = batches({ x: rows(30) }, { size: 30, shuffle: true });
    const [a, b] = [[...first], [...first]].map(([batch]) => numbers(batch!.x));
    expect(a).not.toEqual(b);
    // The order is part of what a seed promises: a run resumes on another machine.
    const order = [...batches({ x: Int32Array.from({ length: 8 }, (_, i) => i) }, { size: 8, shuffle: true, seed: 7 })];
    expect(numbers(order[0]!.x)).toEqual([5, 3, 0, 7, 1, 6, 2, 4]);
  });

  test('every order is as likely', () => {
    const counts = new Map<string, number>();
    const source = batches({ x: Int32Array.of(0, 1, 2) }, { size: 3, shuffle: true });
    for (let i = 0; i < 600; i++)
      for (const { x } of source) counts.set(numbers(x).join(), (counts.get(numbers(x).join()) ?? 0) + 1);
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(40);
  });

  test('1,000 batches by `batches` and `at` compile nothing after the first', () => {
    const js = counting();
    setDefaultBackend(js.backend);
    const source = batches({ x: rows(50), y: new Int32Array(50) }, { size: 5, shuffle: true });
    let compiled: number | undefined;
    let i = 0;
    for (let pass = 0; pass < 100; pass++)
      for (const { x, y } of source) {
        x.mul(2).dataSync();
        x.at(i++ % 5, -1).dataSync();
        y.dataSync();
        compiled ??= js.compiled;
      }
    expect(js.compiled).toBe(compiled);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['no examples', () => batches({ x: new Float32Array(0) }, { size: 1 }), /EMPTY_DATA.*no examples/],
    ['an empty tree', () => batches({}, { size: 1 }), /EMPTY_DATA/],
    ['lengths that differ', () => batches({ x: rows(3), y: new Int32Array(4) }, { size: 1 }), /3 examples.*4.*y/],
    ['a list of numbers', () => batches({ x: [1, 2] } as never, { size: 1 }), /DATA_LEAF.*got 1/],
    ['texts', () => batches({ x: ['a'] } as never, { size: 1 }), /the string "a".*texts numbers/],
    ['a scalar', () => batches(tensor(1), { size: 1 }), /DATA_LEAF/],
    ['bigints', () => batches(new BigInt64Array(2) as never, { size: 1 }), /DATA_LEAF/],
    ['no size', () => batches({ x: rows(3) }, {} as never), /size = undefined/],
    ['a size of 0', () => batches({ x: rows(3) }, { size: 0 }), /positive integer/],
    ['nothing left', () => batches({ x: rows(3) }, { size: 4, dropLast: true }), /no batch would be left/],
    ['a misspelt option', () => batches({ x: rows(3) }, { size: 1, suffle: true } as never), /Did you mean shuffle/],
    ['a seed of a half', () => batches({ x: rows(3) }, { size: 1, seed: 0.5 }), /seed = 0.5/],
    ['a split of everything', () => trainTestSplit({ x: rows(3) }, { testSize: 3 }), /one at least goes to each/],
    ['a split of nothing', () => trainTestSplit({ x: rows(3) }, { testSize: 0 }), /testSize = 0/],
    ['no testSize', () => trainTestSplit({ x: rows(3) }, {} as never), /testSize = undefined/],
    ['prefetch of nothing', () => prefetch(undefined as never), /NOT_ITERABLE/],
    ['no batches ahead', () => prefetch([1], 0), /count = 0/],
  ])('%s is a typed error', (_, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(LazuliError);
  });
});

test('trainTestSplit deals each example to one side, and keeps arrays what they are', () => {
  const data = { x: rows(10), y: Uint8Array.from({ length: 10 }, (_, i) => i) };
  const [train, held] = trainTestSplit(data, { testSize: 0.3, seed: 1 });
  expect([train.x.shape, held.x.shape, train.y.length, held.y.length]).toEqual([[7, 2], [3, 2], 7, 3]);
  expect(train.y).toBeInstanceOf(Uint8Array);
  expect([...train.y, ...held.y].sort((a, b) => a - b)).toEqual([...data.y]);
  for (const side of [train, held]) expect(numbers(side.x)).toEqual([...side.y].flatMap((i) => [2 * i, 2 * i + 1]));
  expect(trainTestSplit(data, { testSize: 4, seed: 1 })[1].y.length).toBe(4);
  expect(trainTestSplit({ y: new Uint8Array(100) }, { testSize: 0.07 })[1].y.length).toBe(7);
});

test('columns are made by type: no Buffer warns, and memory that went elsewhere is told', async () => {
  const warned = vi.fn();
  process.on('warning', warned);
  const bytes = Buffer.from([1, 2, 3]);
  expect([...batches(bytes, { size: 2 })].map((each) => numbers(each))).toEqual([[1, 2], [3]]);
  expect(trainTestSplit(bytes, { testSize: 1 }).map((each) => Buffer.isBuffer(each))).toEqual([false, false]);
  await sleep(1);
  process.off('warning', warned);
  expect(warned).not.toHaveBeenCalled();
  const y = new Float32Array(4);
  const passes = batches({ y }, { size: 2 });
  structuredClone(y.buffer, { transfer: [y.buffer] });
  expect(() => [...passes]).toThrow(/DATA_LENGTHS: an array of 4 examples has 0 now/);
});

describe('prefetch', () => {
  test('asks ahead, keeps the order, and can be iterated again', async () => {
    const log: string[] = [];
    const source = {
      async *[Symbol.asyncIterator]() {
        for (let i = 0; i < 4; i++) {
          log.push(`read ${i}`);
          await sleep(1);
          yield i;
        }
      },
    };
    const ahead = prefetch(source, 2);
    for (let pass = 0; pass < 2; pass++) {
      log.length = 0;
      const seen: number[] = [];
      for await (const each of ahead) {
        await sleep(10);
        log.push(`use ${each}`);
        seen.push(each);
      }
      expect(seen).toEqual([0, 1, 2, 3]);
      expect(log.indexOf('read 1')).toBeLessThan(log.indexOf('use 0'));
    }
  });

  test('an error is thrown where its batch is due; leaving early ends the source', async () => {
    let ended = 0;
    const failing = async function* () {
      try {
        yield 1;
        await sleep(1);
        throw new Error('the disk is gone');
      } finally {
        ended++;
      }
    };
    const seen: number[] = [];
    const all = async (): Promise<void> => {
      for await (const each of prefetch(failing(), 3)) seen.push(each);
    };
    await expect(all()).rejects.toThrow('the disk is gone');
    expect([seen, ended]).toEqual([[1], 1]);
    for await (const each of prefetch(failing(), 1)) if (each === 1) break;
    await eventually(() => expect(ended).toBe(2));
  });

  test('leaving a source that never answers lets it go at once', async () => {
    let left = 0;
    let asked = 0;
    const silent = {
      [Symbol.asyncIterator]: () => {
        asked = 0;
        return {
          next: () =>
            asked++ === 0 ? Promise.resolve({ done: false as const, value: 1 }) : new Promise<never>(() => undefined),
          // Nor does it say that it has put away what it held.
          return: () => (left++, new Promise<never>(() => undefined)),
        };
      },
    };
    for await (const each of prefetch(silent, 3)) if (each === 1) break;
    expect([left, asked]).toEqual([1, 4]);
    await expect(async () => {
      for await (const each of prefetch(silent, 1)) throw new Error(`step ${each}`);
    }).rejects.toThrow('step 1');
    expect(left).toBe(2);
    // Whoever waits for a batch hears of it too.
    const iterator = prefetch(silent, 1)[Symbol.asyncIterator]();
    await iterator.next();
    const waiting = [iterator.next(), iterator.next()];
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    expect(await Promise.all(waiting)).toEqual(Array(2).fill({ done: true, value: undefined }));
    expect((await iterator.next()).done).toBe(true);
    expect(left).toBe(3);
  });

  test('leaving waits for what an idle source puts away, and throws its failure', async () => {
    const log: string[] = [];
    const idle = () => {
      const values = [1, 2];
      return {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            Promise.resolve(
              values.length > 0 ? { done: false as const, value: values.shift()! } : { done: true as const, value: 0 },
            ),
          return: async () => {
            await sleep(5);
            log.push('closed');
            throw new Error('it cannot be closed');
          },
        }),
      };
    };
    await expect(async () => {
      for await (const each of prefetch(idle(), 1)) {
        await sleep(1);
        if (each === 1) break;
      }
    }).rejects.toThrow('cannot be closed');
    expect(log).toEqual(['closed']);
  });
});

describe('readIdx', () => {
  const file = (type: number, shape: number[], body: ArrayLike<number>): Uint8Array => {
    const bytes = new Uint8Array(4 + 4 * shape.length + body.length);
    bytes.set([0, 0, type, shape.length]);
    shape.forEach((extent, axis) => new DataView(bytes.buffer).setUint32(4 + 4 * axis, extent));
    bytes.set(Array.from(body), 4 + 4 * shape.length);
    return bytes;
  };
  test('bytes and other types', () => {
    const images = readIdx(file(8, [2, 1, 2], [0, 255, 3, 4]));
    expect([images.dtype, images.shape, numbers(images)]).toEqual(['i32', [2, 1, 2], [0, 255, 3, 4]]);
    expect(numbers(readIdx(file(9, [1], [255])))).toEqual([-1]);
    expect(numbers(readIdx(file(11, [1], [255, 254])))).toEqual([-2]);
    expect(numbers(readIdx(file(12, [1], [0, 1, 0, 0])))).toEqual([65536]);
    const float = readIdx(file(13, [1], [0x3f, 0xc0, 0, 0]).buffer as ArrayBuffer);
    expect([float.dtype, numbers(float)]).toEqual(['f32', [1.5]]);
    expect(readIdx(file(14, [1], [0x3f, 0xf8, 0, 0, 0, 0, 0, 0])).dtype).toBe('f64');
  });
  test.each<[string, () => unknown, RegExp]>([
    ['nothing', () => readIdx(new Uint8Array(0)), /begin with nothing/],
    ['another format', () => readIdx(Uint8Array.of(0x89, 0x50, 0x4e, 0x47)), /begin with 137, 80/],
    ['a packed file', () => readIdx(Uint8Array.of(0x1f, 0x8b, 8, 0)), /gzip.*DecompressionStream/],
    ['one that is cut short', () => readIdx(file(8, [3], [1, 2])), /got 2 bytes.*\[3\], which are 3/],
    ['a text', () => readIdx('00' as never), /the string "00"/],
  ])('%s is a DataError', (_, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(DataError);
  });
});

describe('readCsv', () => {
  test('numbers and texts by column', () => {
    const table = readCsv('\ufeffx,name,"a ""b"""\r\n1,one,-2e3\r\n2.5,"t,wo",0\r\n');
    expect(table).toEqual({ x: Float64Array.of(1, 2.5), name: ['one', 't,wo'], 'a "b"': Float64Array.of(-2000, 0) });
    expect(readCsv('1;2\n3;4', { header: false })).toEqual({
      column0: Float64Array.of(1, 3),
      column1: Float64Array.of(2, 4),
    });
    expect(readCsv('a\n1\n2')).toEqual({ a: Float64Array.of(1, 2) });
    const filled = readCsv('a,b\n1,\n,x\nNA,y', { missing: NaN });
    expect(filled).toEqual({ a: Float64Array.of(1, NaN, NaN), b: ['', 'x', 'y'] });
  });
  test.each<[string, () => unknown, RegExp]>([
    ['nothing', () => readCsv(''), /EMPTY_DATA/],
    ['names alone', () => readCsv('a,b\n'), /EMPTY_DATA/],
    ['a missing number', () => readCsv('a,b\n1,2\n3,\n'), /CSV_MISSING.*"b" in row 3.*missing: NaN/],
    ['NA', () => readCsv('a\n1\nNA\n'), /"a" in row 3, but "NA"/],
    ['a missing text', () => readCsv('a,b\nx,1\n,2\n'), /"a" in row 3/],
    ['an empty text behind NA', () => readCsv('a,b\nx,1\nNA,2\n,3\n'), /CSV_MISSING.*"a" in row 4\./],
    [
      'missing that is no number',
      () => readCsv('a\n1', { missing: '' as never }),
      /OPTION_RANGE.*missing = the string/,
    ],
    ['delimiter of quotes', () => readCsv('a\n1', { delimiter: '"' }), /OPTION_RANGE.*without quotes/],
    ['delimiter that is no text', () => readCsv('a\n1', { delimiter: 44 as never }), /OPTION_RANGE.*delimiter = 44/],
    ['header that is no flag', () => readCsv('a\n1', { header: 'no' as never }), /OPTION_RANGE.*header = the string/],
    ['a short row', () => readCsv('a,b\n1,2\n3\n'), /CSV_ROW.*1 cells in row 3, and 2 columns/],
    ['a name twice', () => readCsv('a,a\n1,2'), /two columns "a"/],
    ['a column without a name', () => readCsv('a,\n1,2'), /without a name/],
    ['an open quote', () => readCsv('a,b\n1,"2\n'), /CSV_FORMAT/],
    ['bytes', () => readCsv(new Uint8Array(2) as never), /Pass the text/],
    ['no parser', () => readCsv('a\n1', { parser: {} as never }), /parser = .*papaparse/],
  ])('%s is a typed error', (_, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(LazuliError);
  });
});

test('readCsv takes the parser that a page passes, and says how to get one', () => {
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined);
  try {
    expect(readCsv('a\n1\n', { parser: Papa })).toEqual({ a: Float64Array.of(1) });
    expect(() => readCsv('a\n1\n')).toThrow(UnsupportedError);
    expect(() => readCsv('a\n1\n')).toThrow(/NO_CSV_PARSER.*npm install papaparse.*\{ parser: Papa \}/);
  } finally {
    vi.restoreAllMocks();
  }
});

describe('fromPixels', () => {
  const image = { width: 2, height: 1, data: Uint8ClampedArray.of(255, 0, 0, 255, 10, 20, 30, 0) };
  test('four channels, three, one', () => {
    expect([fromPixels(image).shape, fromPixels(image).dtype]).toEqual([[1, 2, 4], 'i32']);
    expect(numbers(fromPixels(image))).toEqual([...image.data]);
    expect(numbers(fromPixels(image, { channels: 3 }))).toEqual([255, 0, 0, 10, 20, 30]);
    expect(numbers(fromPixels(image, { channels: 1 }))).toEqual([76, 18]);
  });
  test('what is no image, or cannot be drawn, is refused', () => {
    expect(() => fromPixels(null as never)).toThrow(/NOT_AN_IMAGE/);
    expect(() => fromPixels({ ...image, width: 3 })).toThrow(DataError);
    expect(() => fromPixels({ ...image, data: new Float32Array(8) as never })).toThrow(/PIXEL_DATA.*a Float32Array/);
    expect(() => fromPixels(image, { channels: 2 as never })).toThrow(OptionError);
    expect(() => fromPixels({ width: 2, height: 2 })).toThrow(/NO_CANVAS.*\{ data, width, height \}/);
  });
});
