import { expect, it } from 'vitest';

import { decisionFaults } from '../../support/house/decisions.ts';
import { circles, importGraph, upwardImports } from '../../support/house/imports.ts';
import {
  entryFaults,
  goReaders,
  layoutFaults,
  readmeFaults,
  testCodeInProduct,
} from '../../support/house/layout.ts';
import { longLines } from '../../support/house/prose.ts';
import { filesOf, repositoryFiles } from '../../support/house/repository.ts';

const files = await repositoryFiles();
const graph = importGraph(files);

it('no import of os/src goes upward', () => expect(upwardImports(graph)).toEqual([]));

it('no files import each other in a circle, types and import() included', () =>
  expect(circles(graph)).toEqual([]));

it('every agent has the same rooms', () => expect(layoutFaults(files)).toEqual([]));

it('every package is entered by src/index.ts', () => expect(entryFaults(files)).toEqual([]));

it('every folder that is entered first has a README', () =>
  expect(readmeFaults(files)).toEqual([]));

it('no product code imports test code', () => expect(testCodeInProduct(files)).toEqual([]));

it('no TypeScript reads Go source', () => expect(goReaders(files)).toEqual([]));

it('every decision has its head, its sections and its line in the index', () =>
  expect(decisionFaults(files)).toEqual([]));

it('no line of prose is longer than 120 columns', () => expect(longLines(files)).toEqual([]));

it('finds an upward import, be it of a type or by import()', () => {
  const found = upwardImports(
    importGraph(
      filesOf({
        'os/src/lab/node.ts': "import type { Row } from '../cli/parser.ts';",
        'os/src/build/build.ts': "const { up } = await import('../lab/up.ts');",
        'os/src/cli/parser.ts': "import { node } from '../lab/node.ts';",
        'os/src/cellar/wine.ts': '',
      }),
    ),
  );
  expect(found).toEqual([
    'os/src/lab/node.ts -> os/src/cli/parser.ts',
    'os/src/build/build.ts -> os/src/lab/up.ts',
    'os/src/cellar/wine.ts: cellar is not a floor',
  ]);
});

it('finds a circle over three files and a file that imports itself', () => {
  const found = circles(
    importGraph(
      filesOf({
        'os/src/lab/a.ts': "import { b } from './b.ts';",
        'os/src/lab/b.ts': "export type { C } from './c.ts';",
        'os/src/lab/c.ts': "const a = import('./a.ts');",
        'os/src/lab/d.ts': "import { a } from './a.ts';",
        'os/src/lab/e.ts': "import { e } from './e.ts';",
      }),
    ),
  );
  expect(found).toEqual([
    ['os/src/lab/a.ts', 'os/src/lab/b.ts', 'os/src/lab/c.ts'],
    ['os/src/lab/e.ts'],
  ]);
});

it('finds an agent with another layout', () => {
  const found = layoutFaults(
    filesOf({
      'agents/a/README.md': '',
      'agents/a/package.json': '',
      'agents/a/src/main.ts': `${'\n'.repeat(60)}startProgram({});\n`,
      'agents/a/src/loader.ts': '',
      'agents/a/src/core/plan.ts': '',
      'agents/a/test/plan.test.ts': '',
    }),
  );
  expect(found).toEqual([
    'agents/a/src/loader.ts: no room of an agent holds it',
    'agents/a/src/core/plan.ts: no room of an agent holds it',
    'agents/a/test/plan.test.ts: no room of an agent holds it',
    'agents/a/src/verbs: is missing',
    'agents/a/src/main.ts: has 61 lines',
  ]);
});

it('finds a decision without its head, and a package with another entry', () => {
  const text =
    '# 0001: a title\n\nDate: 2026-11-26\nStatus: accepted\n\n## Context\n\n## Decision\n\n## Consequences\n';
  const found = decisionFaults(
    filesOf({
      'docs/decisions/README.md': '0001-good.md 0002-number.md',
      'docs/decisions/0001-good.md': text,
      'docs/decisions/0002-number.md': text,
      'docs/decisions/0003-prose.md': '# Decision three\n\nWe decided.\n',
    }),
  );
  expect(found.map((fault) => fault.slice(0, 30))).toEqual([
    'docs/decisions/0002-number.md:',
    'docs/decisions/0003-prose.md: ',
    'docs/decisions/0003-prose.md: ',
    'docs/decisions/0003-prose.md: ',
  ]);
  const packages = filesOf({ 'packages/p/package.json': '{ "exports": { ".": "./src/p.ts" } }' });
  expect(entryFaults(packages)).toEqual(['packages/p/package.json: its entry is ./src/p.ts']);
  expect(readmeFaults(packages)).toContain('packages/p');
});

it('finds TypeScript that reads Go source', () =>
  expect(goReaders(filesOf({ 'os/src/a.ts': "read('init/internal/x.go')" }))).toEqual([
    'os/src/a.ts',
  ]));

it('finds test code in product code', () =>
  expect(
    testCodeInProduct(
      filesOf({
        'agents/a/src/edge/x/y.ts': "import { netns } from '@kios/testkit';",
        'os/src/bench/dhcp.ts': "import { netns } from '@kios/testkit';",
      }),
    ),
  ).toEqual(['agents/a/src/edge/x/y.ts']));

it('finds long prose in Markdown and comments, and leaves tables and code alone', () => {
  const long = 'word '.repeat(25).trim();
  const found = longLines(
    filesOf({
      'docs/a.md': `${long}\n| ${long} |\n\`\`\`\n${long}\n\`\`\`\n`,
      'init/a.go': `// ${long}\nvar a = "${long}"\n`,
      'os/a.ts': ` * ${long}\nconst a = '${long}';\n`,
    }),
  );
  expect(found).toEqual([
    'docs/a.md:1: 124 columns',
    'init/a.go:1: 127 columns',
    'os/a.ts:1: 127 columns',
  ]);
});
