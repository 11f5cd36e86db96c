/** A page that runs the public suites on one backend, and posts the cases that do not hold. */
import type { BackendChoice } from 'lazuli';
import { webgpu, type WebGpuBackend } from 'lazuli/webgpu';
import { byOp, type Case, failuresTogether } from '../../conformance/suite.js';
import { failuresOf, narrowCases } from '../../webgpu/cases.js';

export interface SuitesOptions {
  readonly backend: 'js' | 'wasm' | 'webgpu';
  /** Names of suites, which the server has as JSON. */
  readonly suites: readonly string[];
}
export interface SuitesReport {
  /** The adapter, on webgpu. */
  readonly adapter?: string;
  readonly cases: number;
  readonly failures: readonly string[];
  readonly errors: readonly string[];
}

/** Cases that are one program. */
const TOGETHER = 8;

async function casesOfSuite(name: string): Promise<Case[]> {
  const response = await fetch(`/${name}.json`);
  return ((await response.json()) as { cases: Case[] }).cases;
}

function onCpu(cases: readonly Case[], backend: BackendChoice): string[] {
  const failures: string[] = [];
  for (const [, group] of byOp(cases))
    for (let i = 0; i < group.length; i += TOGETHER)
      failures.push(...failuresTogether(group.slice(i, i + TOGETHER), backend));
  return failures;
}

async function onGpu(suite: string, groups: readonly [string, Case[]][], gpu: WebGpuBackend): Promise<string[]> {
  const isExact = /swiftshader|llvmpipe/i.test(gpu.adapter);
  const failures: string[] = [];
  for (const [op, group] of groups) failures.push(...(await failuresOf(suite, op, group, gpu, isExact)));
  return failures;
}

async function run({ backend, suites }: SuitesOptions): Promise<Omit<SuitesReport, 'errors'>> {
  const failures: string[] = [];
  let count = 0;
  if (backend !== 'webgpu') {
    for (const suite of suites) {
      const cases = await casesOfSuite(suite);
      count += cases.length;
      failures.push(...onCpu(cases, backend));
    }
    return { cases: count, failures };
  }
  const gpu = await webgpu({ tune: false });
  for (const suite of suites) {
    const groups = narrowCases(await casesOfSuite(suite));
    for (const [, group] of groups) count += group.length;
    failures.push(...(await onGpu(suite, groups, gpu)));
  }
  return { adapter: gpu.adapter, cases: count, failures };
}

const errors: string[] = [];
const report = await run(JSON.parse(decodeURIComponent(location.hash.slice(1))) as SuitesOptions).catch(
  (error: unknown) => {
    errors.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return { cases: 0, failures: [] };
  },
);
await fetch('/report', { method: 'POST', body: JSON.stringify({ ...report, errors }) });
