/** What the compiler makes of the C at its usual level: no call in loops of transcendental functions; a report that shows it. */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jit, type Tensor, tensor } from 'lazuli';
import { native } from 'lazuli/native';
import { beforeAll, expect, test, vi } from 'vitest';
import { main } from '../../src/cli/main.js';
import { toHTML } from '../../src/report/html.js';
import { describeOnNative, DIRECTORY } from './support.js';

const HAS_OBJDUMP = spawnSync('objdump', ['--version']).error === undefined;
if (!HAS_OBJDUMP) console.warn('skipped: machine code, for there is no objdump');

const functions = (x: Tensor): Tensor[] => [
  x.exp().add(x.log()),
  x.tanh().mul(x.sigmoid()),
  x.sin().add(x.cos()),
  x.erf(),
  x.abs().pow(1.7).sqrt(),
  x.round().add(x.floor()).add(x.ceil()).add(x.trunc()),
];

describeOnNative('machine code', () => {
  let cpu: Awaited<ReturnType<typeof native>>;
  beforeAll(async () => {
    cpu = await native({ cacheDirectory: DIRECTORY, threads: 1 });
  });

  test.skipIf(!HAS_OBJDUMP)('of transcendental functions are vectors, and no call of the mathematical library', () => {
    const step = jit((x: Tensor, y: Tensor) => [...functions(x), ...functions(y)], { backend: cpu });
    const [x, y] = [tensor(new Float32Array(1000)), tensor(new Float64Array(1000), { dtype: 'f64' })];
    const code = step.inspect(x, y).text({ machineCode: true });
    expect(code).toMatch(/\b[zy]mm\d|\bv\d+\.[24][sd]/);
    const called = [...code.matchAll(/\b(?:call|bl)\s+[0-9a-f]+ <([^>]+)>/g)].map(([, name]) => name!);
    // The entry calls the kernels; the loader's own code, what it was given.
    const foreign = called.filter((name) => !/^(?:s\d+_\w+|run_tasks|__\w+@plt|\w+_tm_clones)/.test(name));
    expect(foreign).toEqual([]);
  });

  test.skipIf(!HAS_OBJDUMP)('is in the page and what the command prints, where it is asked for', async () => {
    const step = jit((x: Tensor) => x.mul(2), { backend: cpu });
    const report = step.inspect(tensor([1, 2, 3]));
    expect(report.text()).not.toContain('lazuli_run');
    expect(report.text({ source: true, machineCode: true })).toMatch(
      /ENTRY lazuli_run[^]*<lazuli_run>:\s+[\da-f]+:\s+[a-z]/,
    );
    expect((await toHTML(report, { machineCode: true })).length).toBeGreaterThan((await toHTML(report)).length);
    const on = (backend: 'js' | 'native'): string => step.inspectOn(backend, tensor([1])).text({ machineCode: true });
    expect(() => on('js')).toThrow(/NO_MACHINE_CODE/);
    expect(() => on('native')).toThrow(/NO_MACHINE_CODE/);
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const file = join(root, 'examples', `.machine-code-${process.pid}.mjs`);
    writeFileSync(
      file,
      `import { jit, tensor } from 'lazuli';\nexport const step = jit((x) => x.mul(2));\nexport const args = [tensor([1, 2])];\n`,
    );
    try {
      vi.stubEnv('XDG_CACHE_HOME', DIRECTORY);
      let stdout = '';
      vi.spyOn(process.stdout, 'write').mockImplementation((text) => (stdout += String(text)) !== '');
      expect(await main(['inspect', file, '--backend', 'native', '--machine-code'])).toBe(0);
      expect(stdout).toMatch(/^\w+ on native:[^]*<lazuli_run>:/);
    } finally {
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
      rmSync(file);
    }
  });
});
