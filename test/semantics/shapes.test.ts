/** Memory levels off when shapes vary without end, in more of them than any cache keeps; measured in processes of their own. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { bundled } from '../support/processes.js';
import { casesOf } from '../support/runs.js';
import type { Use } from './shapes-job.js';

const JOBS = ['jit', 'functions that are dropped', 'jit, donated', 'functions that are cleared', 'eager'];
const job = bundled(`import './test/semantics/shapes-job.js';`);

describe.each(casesOf('shapes that vary', ['wasm', 'js', 'reference'], 1))('on %s', (backend) => {
  test('heaps level off', () => {
    const args = ['--expose-gc', job, backend, ...casesOf('jobs of shapes that vary', JOBS, 3)];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const results = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, Use[]>;
    for (const [name, uses] of Object.entries(results)) {
      // In the first rounds caches fill, and the engine keeps what it compiled for a while.
      const [from, to] = [uses[2]!, uses.at(-1)!];
      console.log(
        `${backend}: ${name}: heap ${uses.map(({ heap }) => heap).join(', ')} KiB, linear memory ${to.linear} KiB`,
      );
      // One program with its graph is 15 KiB or more, and the round in between made 100 of them.
      expect(to.heap - from.heap, `${name}: heap`).toBeLessThan(1024);
      expect(to.linear - from.linear, `${name}: linear memory`).toBeLessThanOrEqual(0);
    }
  });
});
