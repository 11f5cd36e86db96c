/** Layers one after another. */
import { OptionError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { Module } from '../object/module.js';
import type { Tensor } from '../trace/tensor.js';
import type { Layer } from './layer.js';

/**
 * Each layer or function gets what the one before it gives. `layers` holds them, so their paths are `layers.0`, `layers.1`, …
 * @example
 * const model = new nn.Sequential(new nn.Linear(4, 8), (x) => x.relu(), new nn.Linear(8, 2));
 * model.call(ones([3, 4])).shape; // [3, 2]
 * @throws OptionError `NOT_A_LAYER`
 */
export class Sequential extends Module {
  static override name = 'Sequential';
  readonly layers: readonly Layer[];

  constructor(...layers: readonly Layer[]) {
    super();
    layers.forEach((layer, i) => {
      if (typeof layer !== 'function' && typeof (layer as { call?: unknown } | null)?.call !== 'function')
        throw new OptionError(
          'NOT_A_LAYER',
          `${this.name} got ${describeValue(layer)} as layer ${i}`,
          'Pass modules with a method call(x), or functions of a tensor.',
        );
    });
    this.layers = layers;
  }
  /** What the last layer makes of what the others made. */
  call(x: Tensor): Tensor {
    return this.layers.reduce((y, layer) => (typeof layer === 'function' ? layer(y) : layer.call(y)), x);
  }
}
