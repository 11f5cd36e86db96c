/** What `inspect` tells: lazily, from which part of the program each kernel comes, and the forms of a report. */
import { expect, test } from 'vitest';
import { jsBackend } from '../../backends/js/backend.js';
import { wasmBackend, type WasmSource } from '../../backends/wasm/backend.js';
import {
  Adam,
  type Backend,
  type BackendChoice,
  grad,
  jit,
  type KernelReport,
  meanSquaredError,
  Module,
  ones,
  type Report,
  SGD,
  tensor,
  type Tensor,
  TrainVar,
  valueAndGrad,
  Variable,
  zeros,
} from '../../src/index.js';
import { BACKENDS } from '../support/backends.js';

/** The line of this file from which it was called. */
const here = (): number => Number(/inspect\.test\.ts:(\d+)/.exec(new Error().stack!.split('\n')[2]!)![1]);

class Linear extends Module {
  readonly weight: TrainVar;
  readonly bias: TrainVar;
  constructor(inputs: number, outputs: number) {
    super();
    this.weight = new TrainVar(zeros([inputs, outputs]));
    this.bias = new TrainVar(zeros([outputs]));
  }
  call(x: Tensor): Tensor {
    return x.matmul(this.weight.value).add(this.bias.value);
  }
}

class Network extends Module {
  encoder = new Linear(3, 4);
  layers = [new Linear(4, 4), new Linear(4, 2)];
  line = 0;
  call(x: Tensor): Tensor {
    this.line = here() + 1;
    const hidden = this.layers[0]!.call(this.encoder.call(x).tanh()).relu();
    return this.layers[1]!.call(hidden);
  }
}

function network(backend: BackendChoice = 'js'): {
  model: Network;
  step: ReturnType<typeof jit<[Tensor, Tensor], Tensor>>;
  args: [Tensor, Tensor];
  lines: { update: number };
} {
  const model = new Network();
  const opt = new Adam({ trainVars: model.trainVars() });
  const lines = { update: 0 };
  const step = jit(
    (x: Tensor, y: Tensor) => {
      const [loss, grads] = valueAndGrad(() => meanSquaredError(model.call(x), y), { vars: opt.varsToTrain })();
      lines.update = here() + 1;
      opt.update(grads);
      return loss;
    },
    { backend, name: 'step' },
  );
  return { model, step, args: [zeros([5, 3]), zeros([5, 2])], lines };
}

const placesOf = (kernels: readonly KernelReport[]): string[] => [
  ...new Set(
    kernels.flatMap(({ from }) => from.map(({ path, phase, location }) => `${path} ${phase} ${location ?? '?'}`)),
  ),
];

/** `js` with its printing counted. */
function counting(): { backend: Backend; printed: () => number; emitted: () => number } {
  let printed = 0;
  let emitted = 0;
  const backend: Backend = {
    ...jsBackend,
    name: 'counting',
    emit(program) {
      emitted++;
      const source = jsBackend.emit(program);
      return {
        ...source,
        get kernels() {
          printed++;
          return source.kernels;
        },
      };
    },
  };
  return { backend, printed: () => printed, emitted: () => emitted };
}

test('a report prints nothing and traces nothing until a text is read, and then once', () => {
  const { backend, printed, emitted } = counting();
  let traces = 0;
  const f = jit(
    (x: Tensor) => {
      traces++;
      return [x.matmul(x).sum(), x.exp()];
    },
    { backend },
  );
  const x = zeros([3, 3]);
  f(x);
  const before = printed();
  const report = f.inspect(x);
  expect(report.launches).toBe(report.kernels.length);
  expect(report.threads.count).toBe(1);
  expect(report.peakBytes).toBeGreaterThan(0);
  expect(report.kernels.every(({ inputs, outputs, flops }) => inputs.length + outputs.length > 1 && flops > 0)).toBe(
    true,
  );
  expect([printed() - before, traces]).toEqual([0, 1]);
  expect(report.kernels.map(({ source }) => source)).toEqual(report.kernels.map(({ source }) => source));
  expect(printed() - before).toBe(1);
  expect(report.text({ graph: true, kernels: true, source: true })).toBe(
    report.text({ graph: true, kernels: true, source: true }),
  );
  // Lines are found by recording the function once more, which counts nowhere.
  expect([printed() - before, traces]).toEqual([1, 2]);
  expect(f.stats).toMatchObject({ traces: 1, compiles: 1, calls: 1 });

  const other = jit((y: Tensor) => y.add(1)).inspectOn(backend, x);
  expect([other.backend, other.launches, emitted()]).toEqual(['counting', 1, 1]);
  expect(other.source).toContain('function');
  expect(emitted()).toBe(2);
});

test.each(BACKENDS)('each kernel on %s knows module path, phase and line', (backend) => {
  const { model, step, args, lines } = network(backend);
  const { kernels } = step.inspect(...args);
  const places = placesOf(kernels);
  const call = `inspect.test.ts:${model.line}`;
  const linear = /inspect\.test\.ts:\d+/.exec(places.find((place) => place.startsWith('encoder forward'))!)![0];
  expect(linear).not.toBe(call);
  for (const path of ['encoder', 'layers.0', 'layers.1'])
    for (const place of [
      `${path} forward ${linear}`,
      `${path} backward ${linear}`,
      `${path} update inspect.test.ts:${lines.update}`,
    ])
      expect(places).toContain(place);
  expect(places).toContain(` forward ${call}`);
  expect(places.some((place) => place.includes('?'))).toBe(false);
  // The same before and after a call.
  step(...args);
  expect(placesOf(step.inspect(...args).kernels)).toEqual(places);
});

test('a model that is an argument has its paths too', () => {
  const model = new Network();
  const f = jit((net: Network, x: Tensor) => net.call(x));
  const places = placesOf(f.inspect(model, zeros([5, 3])).kernels).map((place) => place.split(' inspect')[0]);
  expect(places).toEqual(expect.arrayContaining(['encoder forward', 'layers.0 forward', 'layers.1 forward']));
});

test('a module without `call` is known by its Variables; an update by hand by the derivatives that it reads', () => {
  class Line extends Module {
    inner = new Linear(3, 1);
  }
  const model = new Line();
  const vars = model.trainVars();
  const { weight } = model.inner;
  const step = jit((x: Tensor) => {
    const [loss, grads] = valueAndGrad(() => x.matmul(weight.value).square().sum(), { vars })();
    const slope = grads.get('Linear0.weight') ?? [...grads.values()][0]!;
    weight.value = weight.value.sub(slope.mul(0.5));
    return loss;
  });
  const places = placesOf(step.inspect(zeros([2, 3])).kernels).map((place) => place.split(' inspect')[0]);
  expect(places).toEqual(expect.arrayContaining(['inner forward', 'inner update', ' backward']));
});

test('what a second derivative reads of the first is no update', () => {
  const f = jit((x: Tensor) =>
    grad((y: Tensor) =>
      grad((z: Tensor) => z.pow(4).sum())(y)
        .square()
        .sum(),
    )(x),
  );
  expect(new Set(f.inspect(tensor([1, 2])).kernels.flatMap(({ from }) => from.map(({ phase }) => phase)))).toEqual(
    new Set(['backward']),
  );
});

test('a function that gives another program now keeps paths and phases, and names no lines', () => {
  const layer = new Linear(3, 2);
  let scale = true;
  const f = jit((x: Tensor) => (scale ? layer.call(x).mul(2) : layer.call(x)));
  f(zeros([1, 3]));
  scale = false;
  const report = f.inspect(zeros([1, 3]));
  expect(report.kernels.flatMap(({ from }) => from.map(({ location }) => location))).not.toContain(
    expect.stringContaining(':'),
  );
  expect(report.kernels[0]!.from[0]).toMatchObject({ path: '', phase: 'forward', location: undefined });
  scale = true;
  expect(f.inspect(zeros([1, 3])).kernels[0]!.from[0]!.location).toMatch(/^inspect\.test\.ts:\d+$/);
});

test('`call` stays what it was: name, length, inheritance, results', () => {
  class Base extends Module {
    call(x: Tensor, factor: number): Tensor {
      return x.mul(factor);
    }
  }
  class Derived extends Base {
    override call(x: Tensor, factor: number): Tensor {
      return super.call(x, factor).add(1);
    }
  }
  const module = new Derived();
  new Derived();
  expect(module.call.name).toBe('call');
  expect(module.call).toHaveLength(2);
  expect(module.call(tensor([1, 2]), 3).arraySync()).toEqual([4, 7]);
  expect(Object.keys(module)).toEqual([]);
  expect(jit((x: Tensor) => module.call(x, 3))(tensor([1, 2])).arraySync()).toEqual([4, 7]);
});

test('WebAssembly text is printed once a function, however many kernels call it', () => {
  let source: WasmSource | undefined;
  const backend: Backend = { ...wasmBackend, emit: (program) => (source = wasmBackend.emit(program) as WasmSource) };
  const f = jit((x: Tensor) => {
    for (let i = 0; i < 12; i++) x = x.matmul(x).add(x.sum());
    return x;
  });
  const report = f.inspectOn(backend, zeros([3, 3]));
  expect(report.source).toContain('(module');
  const reads = source!.emitted.module.functions.map((body) => {
    const { instructions } = body;
    let count = 0;
    Object.defineProperty(body, 'instructions', { get: () => (count++, instructions) });
    return () => count;
  });
  const texts = report.kernels.map(({ wat }) => wat!);
  expect(texts.length).toBeGreaterThanOrEqual(24);
  expect(new Set(texts).size).toBeLessThan(6);
  expect(Math.max(...reads.map((read) => read()))).toBe(1);
  for (const text of texts) for (const line of text.split('\n')) expect(report.source).toContain(line);
});

test('inspectOn shows any backend and writes nothing', () => {
  const w = new Variable([1, 2]);
  const f = jit(
    (x: Tensor, mode: string) => {
      w.value = mode === 'double' ? w.value.mul(x) : w.value;
      return w.value.sum();
    },
    { static: [1], backend: 'js' },
  );
  const x = tensor([3, 3]);
  for (const backend of BACKENDS) {
    const report = f.inspectOn(backend, x, 'double');
    expect(report.backend).toBe(backend);
    expect(report.text({ source: true })).toContain(report.source);
    expect(report.kernels[0]!.wat !== undefined).toBe(backend === 'wasm');
  }
  expect(f.stats).toEqual({ traces: 0, compiles: 0, calls: 0 });
  expect(w.value.arraySync()).toEqual([1, 2]);
  f(x, 'double');
  expect(f.inspectOn('wasm', x, 'double').simplified).toBe(f.inspect(x, 'double').simplified);
  expect(f.inspectOn('js', x, 'double').source).toBe(f.inspect(x, 'double').source);
  expect(f.stats).toEqual({ traces: 1, compiles: 1, calls: 1 });
  expect(() => f.inspectOn('opencl' as 'js', x, 'double')).toThrow(/UNKNOWN_BACKEND/);
});

test('the page has a row for each kernel: folded operations, shapes, what is in place', () => {
  const { step, args } = network();
  const report = step.inspect(...args);
  const [head, empty, columns, ...rows] = String(report).split('\n');
  expect(head).toMatch(/^step on js: \d+ kernels, \d+ bytes at peak, 1 thread: js runs on the calling thread$/);
  expect(empty).toBe('');
  expect(columns!.split(/ {2,}/)).toEqual([
    'kernel',
    'computes',
    'from',
    'line',
    'results',
    'flops',
    'bytes read',
    'written',
    'in place',
  ]);
  expect(rows).toHaveLength(report.launches);
  expect(rows.find((row) => row.includes('tanh'))).toMatch(/matmul, add, tanh +encoder forward, forward/);
  expect(rows.findLast((row) => row.includes('sqrt'))).toMatch(/layers\.0 update, \+1 .*, \+6$/);
  expect(String(report)).not.toContain('graph step');
  const all = report.text({ graph: true, kernels: true, source: true });
  for (const part of [String(report), report.graph, report.simplified, report.program, report.source])
    expect(all).toContain(part);
  expect(() => report.text({ sources: true } as never)).toThrow(/Did you mean source\?/);
});

test('toJSON has every field and a version; buffers live from kernel to kernel', () => {
  const { step, args } = network('wasm');
  const report = step.inspect(...args);
  const json = JSON.parse(JSON.stringify(report)) as ReturnType<Report['toJSON']>;
  expect(Object.keys(json).sort()).toEqual(
    [
      'version',
      'name',
      'backend',
      'threads',
      'launches',
      'peakBytes',
      'kernels',
      'buffers',
      'graph',
      'simplified',
      'program',
      'loops',
      'source',
    ].sort(),
  );
  expect(json.version).toBe(1);
  for (const kernel of json.kernels) {
    expect(Object.keys(kernel).sort()).toEqual(
      [
        'name',
        'launches',
        'source',
        'wat',
        'inputs',
        'outputs',
        'flops',
        'bytesRead',
        'bytesWritten',
        'intensity',
        'untiled',
        'tiles',
        'from',
        'lines',
      ].sort(),
    );
    expect(kernel.intensity).toBeCloseTo(kernel.flops / (kernel.bytesRead + kernel.bytesWritten), 12);
  }
  for (const { name, bytes, lifetime } of json.buffers) {
    expect(name).not.toBe('');
    expect(bytes).toBeGreaterThan(0);
    expect(lifetime[0]).toBeGreaterThanOrEqual(0);
    expect(lifetime[1]).toBeGreaterThanOrEqual(lifetime[0]);
    expect(lifetime[1]).toBeLessThan(json.launches);
  }
  const temporary = json.buffers.find(({ name }) => /^t\d+$/.test(name))!;
  const uses = json.kernels.flatMap(({ inputs, outputs }, i) =>
    [...inputs, ...outputs].includes(temporary.name) ? [i] : [],
  );
  expect(temporary.lifetime).toEqual([Math.min(...uses), Math.max(...uses)]);
});

test('a program without kernels has a report', () => {
  const report = jit(() => null).inspect();
  expect(report.launches).toBe(0);
  expect(String(report)).toMatch(/: 0 kernels, /);
  expect(JSON.parse(JSON.stringify(report))).toMatchObject({ kernels: [], buffers: [] });
});

test('the update of an optimizer is known by the line that asks for it', () => {
  const w = new TrainVar([1, 2]);
  const opt = new SGD({ lr: 0.1, trainVars: { w } });
  let line = 0;
  const step = jit((g: Tensor) => {
    line = here() + 1;
    opt.update({ w: g });
  });
  const { from } = step.inspect(tensor([1, 1])).kernels.at(-1)!;
  expect(from).toEqual([{ path: '', phase: 'update', location: `inspect.test.ts:${line}` }]);
});

test.each(BACKENDS)('each line of a kernel on %s knows the line of the user that it comes from', (backend) => {
  const { model, step, args, lines } = network(backend);
  const { kernels } = step.inspect(...args);
  const call = `inspect.test.ts:${model.line}`;
  const update = `inspect.test.ts:${lines.update}`;
  const textsOf = (location: string): string[] =>
    kernels.flatMap((kernel) => {
      const text = kernel.source.split('\n');
      for (const { line } of kernel.lines) expect(line).toBeGreaterThan(0);
      return kernel.lines.flatMap((each) => (each.location === location ? [text[each.line - 1]!] : []));
    });
  // The network's call takes tanh, Adam's update roots and quotients.
  expect(textsOf(call).join('\n')).toMatch(/div| \/ /);
  expect(textsOf(update).join('\n')).toMatch(/sqrt/);
  expect(textsOf(update).join('\n')).toMatch(/div| \/ /);
  expect(textsOf(call).join('\n')).not.toMatch(/sqrt/);
  // What is neither a value nor a store has no line.
  for (const { source, lines: found } of kernels) {
    const heads = source
      .split('\n')
      .flatMap((text, i) => (/^ *(function|\(func|kernel|\(local)/.test(text) ? [i + 1] : []));
    expect(found.filter(({ line }) => heads.includes(line) && !/\(func/.test(source.split('\n')[line - 1]!))).toEqual(
      [],
    );
  }
});

test.each(['js', 'wasm'] as const)(
  'all that a tiled product calls on %s is for the line that asked for it',
  (backend) => {
    let line = 0;
    const product = jit(
      (x: Tensor, y: Tensor) => {
        line = here() + 1;
        return x.transpose().matmul(y).tanh();
      },
      { backend },
    );
    const { kernels } = product.inspect(zeros([64, 48]), zeros([64, 40]));
    const functions = kernels.flatMap(({ source, lines }) => {
      expect(new Set(lines.map(({ location }) => location))).toEqual(new Set([`inspect.test.ts:${line}`]));
      const linked = new Set(lines.map((each) => each.line));
      const texts = source.split('\n');
      const heads = texts.flatMap((text, i) => (/^ *(?:function |\(func \$)/.test(text) ? [i] : []));
      return heads.map((from, i) => {
        const to = heads[i + 1] ?? texts.length;
        const all = Array.from({ length: to - from }, (_, at) => from + 1 + at);
        return { head: texts[from]!, lines: to - from, share: all.filter((at) => linked.has(at)).length / (to - from) };
      });
    });
    expect(functions.length).toBeGreaterThan(backend === 'wasm' ? 5 : 0);
    // The shortest ones only pass addresses on; an epilogue declares many locals.
    for (const { head, share, lines } of functions) if (lines > 30) expect(share, head).toBeGreaterThan(0.3);
  },
);

test('a line that several segments run comes from the part of each', () => {
  const w = new TrainVar([1, 2, 3]);
  const b = new TrainVar([1, 2]);
  let first = 0;
  const step = jit(
    (x: Tensor, y: Tensor) => {
      first = here() + 1;
      w.value = w.value.sub(x);
      b.value = b.value.sub(y);
    },
    { backend: 'js' },
  );
  const [kernel] = step.inspect(zeros([3]), zeros([2])).kernels;
  const text = kernel!.source.split('\n').findIndex((each) => each.includes('fround')) + 1;
  expect(kernel!.lines.filter(({ line }) => line === text)).toEqual([
    { line: text, location: `inspect.test.ts:${first}` },
    { line: text, location: `inspect.test.ts:${first + 1}` },
  ]);
});

test('the packed operands of a product are memory of its launch, which others take before and after', () => {
  const report = jit((a: Tensor, b: Tensor) => a.transpose().matmul(b), { backend: 'wasm' }).inspect(
    zeros([512, 512]),
    ones([512, 512]),
  );
  const mebibyte = 2 ** 20;
  expect(report.peakBytes).toBe((3 + 2) * mebibyte);
  expect(report.buffers.find(({ name }) => name === 's3')).toMatchObject({ bytes: 2 * mebibyte, lifetime: [0, 0] });
  expect(report.loops).toContain('packed in b3');
  // Two products one after the other, and what lies between them; rows of adjacent elements are read where they lie.
  const twice = jit((a: Tensor, b: Tensor) => a.matmul(b).matmul(b), { backend: 'wasm' });
  expect(twice.inspect(zeros([512, 512]), ones([512, 512])).peakBytes).toBe((3 + 1 + 1) * mebibyte);
});

test('a product that falls off the tiled path says so, and why', () => {
  const product = jit((x: Tensor, y: Tensor) => x.matmul(y));
  const nothing = product.inspectOn('wasm', zeros([3, 0]), zeros([0, 4]));
  expect(nothing.kernels.map(({ untiled }) => untiled)).toEqual(['nothing is added']);
  expect(String(nothing)).toContain('k0 multiplies without tiles: nothing is added');
  const whole = product.inspectOn('wasm', zeros([3, 5]), zeros([5, 4]));
  expect(whole.kernels.map(({ untiled }) => untiled)).toEqual([null]);
  expect(String(whole)).not.toContain('tiles');
  // `js` has no tile of its own to fall off.
  expect(product.inspectOn('js', zeros([3, 0]), zeros([0, 4])).kernels[0]!.untiled).toBeNull();
});
