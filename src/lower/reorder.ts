/** A body with its loops in another order. */
import type { AffineMap } from '../core/affine.js';
import { withDepths } from '../compile/body.js';
import type { ScalarNode, Store } from '../compile/kernel.js';

const reordered = (map: AffineMap, order: readonly number[]): AffineMap => ({
  ...map,
  strides: order.map((axis) => map.strides[axis]!),
  ...(map.sizes && { sizes: order.map((axis) => map.sizes![axis]) }),
});
/** Nodes without reductions, with their loops in another order and the depths that follow. */
export const reorderBody = (body: readonly ScalarNode[], order: readonly number[]): ScalarNode[] =>
  withDepths(
    body.map((node) =>
      node.kind === 'load' || node.kind === 'index' ? { ...node, map: reordered(node.map, order) } : node,
    ),
    0,
  );
export const reorderStores = (stores: readonly Store[], order: readonly number[]): Store[] =>
  stores.map((store) => ({ ...store, map: reordered(store.map, order) }));
