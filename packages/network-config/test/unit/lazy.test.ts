import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createContext, runInContext } from 'node:vm';

import { build, type Plugin } from 'esbuild';
import { expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');

/** An agent in small: it imports the reader when it has a text. */
const AGENT = `
globalThis.start = async (text) => {
  if (text === undefined) return undefined;
  const { readNetworkConfig } = await import('@kios/network-config');
  return readNetworkConfig(text);
};`;

/** Makes each module of the package, and of the YAML library, note that it is evaluated. */
const noted: Plugin = {
  name: 'noted',
  setup: (bundle) => {
    bundle.onLoad(
      { filter: /network-config\/src\/.*\.ts$|node_modules\/yaml\/.*\.js$/ },
      async (file) => ({
        contents: `${await readFile(file.path, 'utf8')}\n;globalThis.evaluated.push(1);\n`,
        loader: file.path.endsWith('.ts') ? 'ts' : 'js',
      }),
    );
  },
};

it('a bundle without a network file evaluates nothing of the package', async () => {
  const { outputFiles } = await build({
    stdin: { contents: AGENT, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    plugins: [noted],
  });
  const evaluated: number[] = [];
  const global: { start?: (text?: string) => Promise<unknown> } = {};
  const context = createContext(
    Object.assign(global, {
      evaluated,
      process,
      structuredClone,
      TextEncoder,
      Buffer,
      require: createRequire(import.meta.url),
    }),
  );
  runInContext(outputFiles[0]?.text ?? '', context);
  expect(await global.start?.()).toBeUndefined();
  expect(evaluated).toEqual([]);
  const text = 'network: {version: 2, ethernets: {eth0: {dhcp4: true}}}';
  expect(await global.start?.(text)).toMatchObject({ ok: true, format: 'netplan' });
  expect(evaluated.length).toBeGreaterThan(20);
});
