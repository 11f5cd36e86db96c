/** The comparison of all backends as a user starts it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundled, printed, ROOT } from '../support/processes.js';
import { THOROUGH } from '../support/runs.js';

const script = bundled(`import './examples/compare.js';`);

test('both steps on every CPU backend, with the same bits', { timeout: 240_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lazuli-compare-'));
  try {
    // A GPU of software takes a minute.
    const backends = THOROUGH ? [] : ['--backends', 'reference,js,wasm'];
    const output = await printed(
      'examples/compare.ts',
      ...backends,
      '--repeats',
      '1',
      '--parameters',
      '5000',
      '--batch',
      '4',
      '--svg',
      join(folder, 'times'),
    );
    for (const name of ['adadelta', 'mlp']) {
      expect(output).toContain(`${name}: differences from reference, tolerance 0 ulp`);
      expect(readFileSync(join(folder, `times-${name}.svg`), 'utf8')).toContain(`${name}: median time of a call`);
    }
    for (const backend of ['reference', 'js', 'wasm'])
      expect(output.match(new RegExp(`^${backend} +\\d+ threads? .* 0 +0 +0$`, 'gm'))).toHaveLength(2);
    const help = execFileSync(process.execPath, [script, '--help'], { cwd: ROOT, encoding: 'utf8' });
    expect(help).toContain('--repeats N       calls that are timed on each backend (default 3)');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
