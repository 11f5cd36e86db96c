/** Pages as bundles, and a server for them that is isolated or not, strict or not. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

const HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Lazuli</title>
    <link rel="icon" href="data:," />
    <script type="module" src="/page.js"></script>
  </head>
</html>
`;

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** Every import of src/ and backends/ leads to what `npm run build` made of it, as in `vitest --mode dist`. */
const fromDist: Plugin = {
  name: 'from-dist',
  setup({ onResolve }) {
    onResolve({ filter: /^(lazuli$|\.)/ }, ({ path: source, resolveDir }) => {
      if (source === 'lazuli') return { path: path('../../dist/src/index.js') };
      const inside = relative(path('../..'), resolve(resolveDir, source));
      return /^(src|backends)\//.test(inside)
        ? { path: path(`../../dist/${inside.replace(/\.ts$/, '.js')}`) }
        : undefined;
    });
  },
};

/**
 * Files by name, made from these entries and the library's source, or from what `npm run build` made of it
 * where the tests run on that. For Node one file an entry, for a page what the entries share is a file too.
 */
export async function bundle(
  entries: readonly URL[],
  platform: 'browser' | 'node',
  dist: boolean,
): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: entries.map((entry) => fileURLToPath(entry)),
    entryNames: '[name]',
    bundle: true,
    splitting: platform === 'browser',
    platform,
    format: 'esm',
    target: 'es2022',
    outdir: '/',
    write: false,
    alias: dist ? {} : { 'lazuli/webgpu': path('../../backends/webgpu/webgpu.ts'), lazuli: path('../../src/index.ts') },
    plugins: dist ? [fromDist] : [],
  });
  return new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
}

export interface PageServer<T> {
  readonly origin: string;
  /** What the page posted. */
  readonly report: Promise<T>;
  /** Method and path of each request. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  json: 'application/json',
  css: 'text/css',
  html: 'text/html',
};

/**
 * Serves the page on this machine: `page.js` of `files`, or the page that they bring, which posts a report.
 *
 * `isolated`: with the headers that let it share memory between threads.
 * `strict`: under a policy that allows WebAssembly but no code from strings.
 */
export async function servePage<T>(
  files: ReadonlyMap<string, string>,
  { isolated = false, strict = false }: { readonly isolated?: boolean; readonly strict?: boolean } = {},
): Promise<PageServer<T>> {
  const headers = {
    ...(isolated
      ? { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
      : {}),
    ...(strict ? { 'Content-Security-Policy': `script-src 'self' 'wasm-unsafe-eval'` } : {}),
  };
  const requests: string[] = [];
  const { promise: report, resolve: receive } = withResolvers<T>();

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? '/';
    requests.push(`${request.method} ${path}`);
    if (request.method === 'POST' && path === '/report') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        receive(JSON.parse(Buffer.concat(chunks).toString('utf8')) as T);
        response.writeHead(204, headers).end();
      });
      return;
    }
    const name = path === '/' ? 'index.html' : path.slice(1);
    const text = files.get(name) ?? (path === '/' ? HTML : undefined);
    const type = TYPES[name.split('.').at(-1)!] ?? 'application/octet-stream';
    if (text === undefined) response.writeHead(404, headers).end();
    else response.writeHead(200, { ...headers, 'Content-Type': type }).end(text);
  };

  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    report,
    requests,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  return { promise: new Promise<T>((each) => (resolve = each)), resolve };
}
