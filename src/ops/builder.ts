export type { Builder } from '../core/builder.js';
