/** Names of the optimizers' classes. */
export const OPTIMIZERS = [
  'SGD',
  'Momentum',
  'MomentumNesterov',
  'Adagrad',
  'Adadelta',
  'RMSProp',
  'Adam',
  'AdamW',
  'LARS',
  'Adan',
  'SM3',
  'Lion',
] as const;
