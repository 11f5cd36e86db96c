/** The examples of doc comments. */
import { readdirSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);

export interface DocComment {
  readonly text: string;
  /** The declaration that follows. */
  readonly of: string;
}

export const docComments = (path: string): DocComment[] =>
  [...readFileSync(new URL(path, ROOT), 'utf8').matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*([^\n]*)/g)].map(
    ([, comment, of]) => ({ text: comment!.replace(/^[^\S\n]*\* ?/gm, ''), of: of! }),
  );

export interface Example {
  readonly of: string;
  readonly code: string;
}

/** The examples of a file; those of a module's methods go on with its class. */
export function examplesOf(path: string): Example[] {
  const examples = docComments(path).flatMap(({ text, of }): Example[] => {
    const code = /@example\s+([\s\S]*?)(?=\n@|$)/.exec(text)?.[1]?.trim();
    return code === undefined ? [] : [{ of, code }];
  });
  if (path !== 'src/object/module.ts') return examples;
  const model = examples[0]!.code.split('\n').slice(0, -1).join('\n');
  return examples.map(({ of, code }) => ({ of, code: code.startsWith('class') ? code : `${model}\n${code}` }));
}

/** The files below a folder that have examples, but the formats of files, which are not for users. */
export const filesWithExamples = (folder: 'src' | 'backends'): string[] =>
  readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
    .map((path) => `${folder}/${path}`)
    .filter((path) => /\.ts$/.test(path) && !/^src\/io\/(npz|safetensors)/.test(path) && examplesOf(path).length > 0)
    .sort();
