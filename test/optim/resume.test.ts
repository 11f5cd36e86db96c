/** Training that stops, is saved, and goes on in another process gives the bits of training that never stopped. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { bundled } from '../support/processes.js';
import { casesOf } from '../support/runs.js';

const script = bundled(`import './test/optim/resume-run.js';`);
const run = async (format: string, folder: string, from: number, to: number): Promise<string> => {
  const args = [script, format, folder, String(from), String(to)];
  return (await promisify(execFile)(process.execPath, args)).stdout;
};

test.each(casesOf('formats of a resumed training', ['safetensors', 'npz'], 1))('through %s', async (format) => {
  const folder = await mkdtemp(join(tmpdir(), 'lazuli-resume-'));
  try {
    const whole = await run(format, folder, 0, 9);
    await run(format, folder, 0, 4);
    const resumed = await run(format, folder, 4, 9);
    expect(resumed).toBe(whole);
    expect(whole.split('\n')).toContain('Adam0.step 0000000000002240');
    expect(whole).toMatch(/CosineAnnealingWarmRestarts0\.lastCall 0000000000002040/);
  } finally {
    await rm(folder, { recursive: true });
  }
});
