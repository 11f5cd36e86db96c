/** docs/coming-from.md names every method of BrainPy's Adadelta page, and each is here in camelCase. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Adadelta, TrainVar, zeros } from 'lazuli';

const METHODS = [
  'check_grads',
  'cpu',
  'cuda',
  'load_state_dict',
  'load_states',
  'nodes',
  'register_implicit_nodes',
  'register_implicit_vars',
  'register_train_vars',
  'register_vars',
  'save_states',
  'state_dict',
  'to',
  'tpu',
  'train_vars',
  'tree_flatten',
  'tree_unflatten',
  'unique_name',
  'update',
  'vars',
];
const page = readFileSync(new URL('../../docs/coming-from.md', import.meta.url), 'utf8');
const table = page.split('\n').filter((line) => line.startsWith('| `'));
const camelCase = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

test.each(METHODS)('%s', (name) => {
  const [row] = table.filter((line) => line.split(' | ')[0]!.includes(`\`${name}(`) || line.includes(`, \`${name}(`));
  expect(row?.split(' | ')[1]).toContain(camelCase(name));
  const holder: object =
    name === 'tree_unflatten' ? Adadelta : new Adadelta({ trainVars: { w: new TrainVar(zeros([2])) } });
  expect((holder as Record<string, unknown>)[camelCase(name)]).toBeTypeOf('function');
});

test('the constructor and the attribute', () => {
  expect(table.some((line) => line.includes('`Adadelta(lr, train_vars, weight_decay, epsilon, rho, name)`'))).toBe(
    true,
  );
  expect(table.some((line) => line.startsWith('| `name`'))).toBe(true);
  expect(new Adadelta({ name: 'mine' }).name).toBe('mine');
});
