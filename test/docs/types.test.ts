/**
 * Every TypeScript block of the README and of the guides, and every example of a doc comment, type-checks under `strict`, as
 * the first file of a user would.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import * as lazuli from 'lazuli';
import * as gpujs from '../../backends/gpujs/gpujs.js';
import * as native from '../../backends/native/native.js';
import * as webgpu from '../../backends/webgpu/webgpu.js';
import * as data from '../../src/data/data.js';
import * as report from '../../src/report/html.js';
import * as train from '../../src/train/train.js';
import { examplesOf, filesWithExamples } from '../support/doc-examples.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = ['README.md', 'ARCHITECTURE.md', ...readdirSync(`${root}docs`).map((name) => `docs/${name}`)].filter(
  (name) => name.endsWith('.md'),
);

const importOf = (name: string, exports: object): string =>
  `import { ${Object.keys(exports).join(', ')} } from '${name}';\n`;
const TYPES = "import type { GradientTransformation, Jitted } from 'lazuli';\n";
const LAZULI = TYPES + importOf('lazuli', lazuli);
/** Examples have the other entries in scope, too. */
const ENTRIES = Object.entries({ data, train, report, webgpu, gpujs, native })
  .map(([name, exports]) => importOf(`lazuli/${name}`, exports))
  .join('');

/** What the text around the blocks speaks of: a model, its data, and its parameters. */
const CONTEXT = `
declare const model: Module & { call(x: Tensor): Tensor };
declare const loss: (output: Tensor, target: Tensor) => Tensor;
declare const x: Tensor, y: Tensor, w: TrainVar, b: TrainVar;
declare const params: { w: Tensor; b: Tensor };
declare const step: Jitted<[Tensor, Tensor], Tensor>;
`;

interface Block {
  readonly file: string;
  readonly source: string;
}

/** A block as a module: a whole program as it stands, else with all exports and the context, which it may hide. */
function blocksOf(page: string): Block[] {
  const text = readFileSync(root + page, 'utf8');
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code], i) => {
    const source = /^import /m.test(code!) ? code! : `${LAZULI}${CONTEXT}{\n${code!}\n}\nexport {};\n`;
    return { file: `${root}test/docs/${basename(page, '.md')}-${i}.ts`, source };
  });
}

/** A file's examples as one module, each in a block of its own. */
function moduleOfExamples(path: string): Block {
  const blocks = examplesOf(path).map(({ code }) => `{\n${code}\n}\n`);
  return {
    file: `${root}test/docs/${path.replaceAll('/', '-')}`,
    source: `${LAZULI}${ENTRIES}${blocks.join('')}export {};\n`,
  };
}

/** What the compiler says of files that are not there, by the options of this repository. */
function diagnostics(blocks: readonly Block[]): string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const sources = new Map(blocks.map(({ file, source }) => [file, source]));
  const { readFile, fileExists } = host;
  host.readFile = (file) => sources.get(file) ?? readFile(file);
  host.fileExists = (file) => sources.has(file) || fileExists(file);
  host.getSourceFile = (file, version) => {
    const text = host.readFile(file);
    return text === undefined ? undefined : ts.createSourceFile(file, text, version);
  };
  // What a page shows and does not use, such as a model's definition, is no mistake.
  const relaxed = { ...options, noUnusedLocals: false, noUnusedParameters: false };
  const program = ts.createProgram([...sources.keys()], relaxed, host);
  return [...sources.keys()]
    .flatMap((file) => {
      const source = program.getSourceFile(file);
      return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    })
    .map(({ file, start, messageText, code }) => {
      const line = file!.text.split('\n')[file!.getLineAndCharacterOfPosition(start!).line]!;
      return `${basename(file!.fileName)}: TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}\n  ${line}`;
    });
}

test('blocks of the guides, examples of doc comments, and a mistake among them', () => {
  const pages = PAGES.flatMap(blocksOf);
  const examples = [...filesWithExamples('src'), ...filesWithExamples('backends')].map(moduleOfExamples);
  expect(pages.length).toBeGreaterThanOrEqual(7);
  expect(examples.length).toBeGreaterThanOrEqual(70);
  const mistake = {
    file: `${root}test/docs/mistake.ts`,
    source: "import { jit } from 'lazuli';\njit((x) => x.ad(1));\n",
  };
  expect(diagnostics([...pages, ...examples, mistake])).toEqual([
    expect.stringMatching(/^mistake.*TS(2339|2551).*'ad'/),
  ]);
});
