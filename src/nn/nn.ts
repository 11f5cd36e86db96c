/** Layers and what belongs to them, as `nn` has them: `import { nn } from 'lazuli'`, or this module, `lazuli/nn`. */
export { BatchNorm, type BatchNormOptions } from './batch-norm.js';
export {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  type ConvTransposeLayerOptions,
} from './convolution.js';
export { Dropout } from './dropout.js';
export * as init from './init.js';
export type { Layer, LayerOptions } from './layer.js';
export { Embedding, Linear, type LinearOptions } from './linear.js';
export { GroupNorm, LayerNorm, type NormOptions, RMSNorm } from './normalisation.js';
export { AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d } from './pooling.js';
export { GRU, LSTM, type RecurrentOptions, RNN } from './recurrent.js';
export { Sequential } from './sequential.js';
export { MultiHeadAttention, TransformerBlock, type TransformerBlockOptions } from './transformer.js';
