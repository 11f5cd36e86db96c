/** Layers and what belongs to them, as `nn` has them: `import { nn } from 'lazuli'`, or this module, `lazuli/nn`. */
export { BatchNorm, type BatchNormOptions } from './batch-norm.js';
export { Dropout } from './dropout.js';
export * as init from './init.js';
export type { Layer, LayerOptions } from './layer.js';
export { Embedding, Linear, type LinearOptions } from './linear.js';
export { GroupNorm, LayerNorm, type NormOptions, RMSNorm } from './normalisation.js';
export { Sequential } from './sequential.js';
export { MultiHeadAttention, TransformerBlock, type TransformerBlockOptions } from './transformer.js';
