import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { renderPlan } from '../../src/verbs/render.ts';
import { documentsOf, readDocumentOf, RENDER } from '../support/documents.ts';
import { testLogger } from '../support/logger.ts';
import { NodeFolder } from '../support/node-folder.ts';

let node: NodeFolder;

const log = testLogger();

beforeEach(async () => {
  node = await NodeFolder.make();
  node.lease();
});

afterEach(async () => {
  await node[Symbol.asyncDispose]();
});

/** Returns what `render` prints of a document, with its files as a person reads them. */
async function render(name: string): Promise<string> {
  node.write(name, readDocumentOf(RENDER, name));
  const settings = {
    ...node.settings,
    provider: 'none' as const,
    config: [path.join(node.root, name)],
  };
  const { signal } = new AbortController();
  const { nodeName, values, warnings, files } = await renderPlan({ settings, log, signal });
  const seen = {
    nodeName,
    values: values.map(({ path: field, value }) => ({ [field]: value })),
    warnings: warnings.map(({ path: field, why }) => `${field}: ${why}`),
    files: files
      .filter(({ content }) => content !== undefined)
      .map(({ path: file, mode, content }) => ({ [`${file} ${mode.toString(8)}`]: content })),
  };
  return stringify(seen, { lineWidth: 0 }).replaceAll(node.root, '');
}

/** To write them again, after looking at the difference: `npx vitest run test/unit/render-golden.test.ts -u`. */
it.each(documentsOf(RENDER))('a node makes the files of the golden of %s', async (name) => {
  const golden = path.join(RENDER, `${path.parse(name).name}.golden`);
  expect(existsSync(golden) || process.env['CI'] === undefined).toBe(true);
  await expect(await render(name)).toMatchFileSnapshot(golden);
});

it('every golden has its document, and none shows a secret', () => {
  const goldens = readdirSync(RENDER).filter((name) => name.endsWith('.golden'));
  const names = documentsOf(RENDER).map((name) => `${path.parse(name).name}.golden`);
  expect(goldens.toSorted()).toEqual(names.toSorted());
  const all = goldens.map((name) => readDocumentOf(RENDER, name)).join('');
  for (const secret of ['4f6d2b8a9c3e7d10', '0a9b8c7d6e5f4a3b', 'secret-word', 'a-token-of'])
    expect(all).not.toContain(secret);
});
