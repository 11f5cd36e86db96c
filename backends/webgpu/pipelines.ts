/** Pipelines by their source, and the bind groups that they take. Programs with equal modules share a pipeline. */
import type { Program } from '../../src/lower/program.js';
import { LruCache } from '../../src/runtime/lru.js';
import { COMPUTE_STAGE, type Device } from './device.js';
import type { Dispatch } from './plan.js';
import type { Slab } from './slabs.js';

const MOST_PIPELINES = 1024;

/** A pipeline, and a promise that rejects if the device refuses its source. */
export interface CheckedPipeline {
  readonly value: GPUComputePipeline;
  readonly checked: Promise<void>;
}

export class Pipelines {
  readonly #layouts: { readonly group: GPUBindGroupLayout; readonly pipeline: GPUPipelineLayout }[] = [];
  readonly #byModule = new LruCache<string, CheckedPipeline>(MOST_PIPELINES, () => undefined);
  /** What programs asked for before, so that nothing is printed again. */
  readonly #known = new WeakMap<Program, Map<string, CheckedPipeline>>();

  constructor(readonly device: Device) {}

  get(dispatch: Dispatch, program: Program): CheckedPipeline {
    let known = this.#known.get(program);
    if (known === undefined) this.#known.set(program, (known = new Map<string, CheckedPipeline>()));
    let pipeline = known.get(dispatch.key);
    if (pipeline === undefined) {
      const text = dispatch.print();
      pipeline = this.#byModule.get(text, () => this.#make(dispatch, text));
      known.set(dispatch.key, pipeline);
    }
    return pipeline;
  }

  #make({ name, slabs }: Dispatch, code: string): CheckedPipeline {
    const { gpu } = this.device;
    const made = this.device.watch(`the kernel ${name}`, () =>
      gpu.createComputePipeline({
        label: name,
        layout: this.#layout(slabs.length).pipeline,
        compute: { module: gpu.createShaderModule({ label: name, code }), entryPoint: 'main' },
      }),
    );
    // Runs ask for it; it may be that none does.
    made.checked.catch(() => undefined);
    return made;
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
