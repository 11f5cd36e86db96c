/** Small modules, and what their keys are. */
import { Module, tensor, TrainVar, Variable, zeros } from 'lazuli';

export const keys = (collector: ReadonlyMap<string, unknown>): string[] => [...collector.keys()];
export const dictOf = (dict: unknown): ReadonlyMap<string, unknown> => dict as ReadonlyMap<string, unknown>;
export const scalar = (value = 0): TrainVar => new TrainVar(tensor(value));
export class Linear extends Module {
  weight: TrainVar;
  readonly scale = 2;
  bias: Variable;
  constructor(inputs = 2, outputs = 2, name?: string) {
    super(name);
    this.weight = new TrainVar(zeros([inputs, outputs]));
    this.bias = new Variable(zeros([outputs]));
  }
}
export class Net extends Module {
  first = new Linear();
  second = new Linear();
  temperature = scalar(1);
}
