/** Pipelines by their source, and the bind groups that they take. Programs with equal modules share a pipeline. */
import { LazuliError } from '../../src/core/errors.js';
import type { Program } from '../../src/lower/program.js';
import { LruCache } from '../../src/runtime/lru.js';
import { COMPUTE_STAGE, type Device } from './device.js';
import type { Dispatch } from './plan.js';
import type { Slab } from './slabs.js';

/** Pipelines that are kept; those used longest ago go. */
const MOST_PIPELINES = 1024;

/** A pipeline that is made while other work goes on. */
export interface PendingPipeline {
  /** Undefined until it is ready, and for ever if the device refuses it. */
  value: GPUComputePipeline | undefined;
  /** Rejects if the device refuses its source. */
  readonly ready: Promise<void>;
}

export class Pipelines {
  readonly #layouts: { readonly group: GPUBindGroupLayout; readonly pipeline: GPUPipelineLayout }[] = [];
  readonly #byModule = new LruCache<string, PendingPipeline>(MOST_PIPELINES, () => undefined);
  /** What programs asked for before, so that nothing is printed again. */
  readonly #known = new WeakMap<Program, Map<string, PendingPipeline>>();

  constructor(readonly device: Device) {}

  get(dispatch: Dispatch, program: Program): PendingPipeline {
    let known = this.#known.get(program);
    if (known === undefined) this.#known.set(program, (known = new Map<string, PendingPipeline>()));
    let pipeline = known.get(dispatch.key);
    if (pipeline === undefined) {
      const text = dispatch.print();
      pipeline = this.#byModule.get(text, () => this.#make(dispatch, text));
      known.set(dispatch.key, pipeline);
    }
    return pipeline;
  }

  #make({ name, slabs }: Dispatch, code: string): PendingPipeline {
    const { device } = this;
    const what = `the kernel ${name}`;
    const { value: module, checked } = device.watch(what, () => device.gpu.createShaderModule({ label: name, code }));
    const { pipeline: layout } = this.#layout(slabs.length);
    const made = device.gpu.createComputePipelineAsync({
      label: name,
      layout,
      compute: { module, entryPoint: 'main' },
    });
    const pending: PendingPipeline = {
      value: undefined,
      ready: Promise.all([made, checked]).then(
        ([pipeline]) => {
          pending.value = pipeline;
        },
        (error: unknown) => {
          device.check();
          throw error instanceof LazuliError ? error : device.refusal(what, error);
        },
      ),
    };
    made.catch(() => undefined);
    // Runs ask for it; it may be that none does.
    pending.ready.catch(() => undefined);
    return pending;
  }

  #layout(slabs: number): { readonly group: GPUBindGroupLayout; readonly pipeline: GPUPipelineLayout } {
    const { gpu } = this.device;
    const entry = (binding: number, buffer: GPUBufferBindingLayout): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: COMPUTE_STAGE,
      buffer,
    });
    let layout = this.#layouts[slabs];
    if (layout === undefined) {
      const group = gpu.createBindGroupLayout({
        entries: [
          entry(0, { type: 'read-only-storage', hasDynamicOffset: true }),
          ...Array.from({ length: slabs }, (_, i) => entry(i + 1, { type: 'storage' })),
        ],
      });
      layout = { group, pipeline: gpu.createPipelineLayout({ bindGroupLayouts: [group] }) };
      this.#layouts[slabs] = layout;
    }
    return layout;
  }

  /** The table, of which each dispatch sees `tableBytes`, and the slabs. */
  bindGroup(table: GPUBuffer, tableBytes: number, slabs: readonly Slab[]): GPUBindGroup {
    return this.device.gpu.createBindGroup({
      layout: this.#layout(slabs.length).group,
      entries: [
        { binding: 0, resource: { buffer: table, size: tableBytes } },
        ...slabs.map(({ buffer }, i) => ({ binding: i + 1, resource: { buffer } })),
      ],
    });
  }
}
