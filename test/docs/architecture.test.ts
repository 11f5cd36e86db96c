/** ARCHITECTURE.md shows what each stage prints for one Adadelta step; here it is printed again. UPDATE_GOLDENS=1 rewrites it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Adadelta, jit, softmax, type Tensor, TrainVar, zeros } from '../../src/index.js';
import type { EmitterChoice } from '../../src/runtime/registry.js';
import '../../backends/webgpu/webgpu.js';

const FILE = new URL('../../ARCHITECTURE.md', import.meta.url);

function stages(): Record<string, string> {
  const w = new TrainVar(zeros([2, 3]));
  const b = new TrainVar(zeros([3]));
  const opt = new Adadelta({ trainVars: { w, b } });
  const step = jit((grads: Record<string, Tensor>) => opt.update(grads), { name: 'adadelta', backend: 'js' });
  const report = step.inspect({ w: zeros([2, 3]), b: zeros([3]) });
  expect(report.launches).toBe(1);
  // The page says so instead of showing the graph again.
  expect(report.simplified).toBe(report.graph);
  const rows = jit((x: Tensor) => softmax(x, -1), { name: 'rows', backend: 'js' });
  const firstFunction = (backend: EmitterChoice): string =>
    rows.inspectOn(backend, zeros([100, 10])).loops.split('\n\n')[0]!;
  return {
    softmaxVectors: firstFunction('wasm'),
    softmaxGroups: firstFunction('webgpu'),
    graph: report.graph,
    program: report.program,
    loops: report.loops,
    kernel: report.kernels[0]!.source,
  };
}

/** The page with the block after each marker replaced. */
function filled(page: string, blocks: Record<string, string>): string {
  return page.replace(/<!-- stage: (\w+) -->\n(?:\n```[a-z]*\n[\s\S]*?\n```\n)?/g, (_, stage: string) => {
    const text = blocks[stage];
    if (text === undefined) throw new Error(`ARCHITECTURE.md names the unknown stage ${stage}`);
    return `<!-- stage: ${stage} -->\n\n\`\`\`${stage === 'kernel' ? 'js' : 'text'}\n${text}\n\`\`\`\n`;
  });
}

test('ARCHITECTURE.md shows what the stages print', () => {
  const page = readFileSync(FILE, 'utf8');
  const now = filled(page, stages());
  if (process.env.UPDATE_GOLDENS === '1') writeFileSync(FILE, now);
  else expect(page).toBe(now);
});
