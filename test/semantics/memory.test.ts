/** Memory in long synchronous jobs, in which no finalizer runs; measured in processes of their own. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { bundled } from '../support/processes.js';
import { THOROUGH } from '../support/runs.js';

const job = bundled(`import './test/semantics/memory-job.js';`);

interface Growth {
  readonly heap: number;
  readonly arrays: number;
  readonly resident: number;
  readonly ms: number;
}

describe.each(['js', 'wasm'])('on %s', (backend) => {
  test('the heap stays flat', () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--expose-gc', job, backend], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const results = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, Growth>;
    for (const [name, { heap, arrays, resident, ms }] of Object.entries(results)) {
      console.log(`${backend}: ${name}: heap ${heap} KiB, arrays ${arrays} KiB, resident ${resident} KiB in ${ms} ms`);
      expect(heap, `${name}: heap`).toBeLessThan(1024);
      expect(arrays, `${name}: typed arrays`).toBeLessThan(1024);
      // What the allocator and the optimiser keep; steps that leaked 4 KB each would be 100 MB or, where all is tried, 400.
      expect(resident, `${name}: resident`).toBeLessThan((THOROUGH ? 200 : 90) * 1024);
    }
  });
});
