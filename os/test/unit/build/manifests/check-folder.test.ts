import path from 'node:path';

import { expect, it } from 'vitest';

import { assertManifests } from '../../../../src/build/manifests/check-folder.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const folder = path.join(repository, 'manifests');
const rules = { schemas: {}, policy: { capabilities: {}, images: [] } };
const text = 'kind: Deployment';

it('accepts a folder without a fault', () => {
  expect(() => assertManifests(folder, [], rules)).not.toThrow();
});

it('names file, path and cause of the only fault in its message', () => {
  expect(() => assertManifests(folder, [{ name: 'a.yml', text }], rules)).toThrow(
    expect.objectContaining({
      code: 'KIOS_MANIFESTS',
      message: 'use manifests/a.yml: kind: is undefined Deployment, must be v1 Pod',
    }),
  );
});

it('lists several faults, one a line', () => {
  const files = ['a.yaml', 'b.md'].map((name) => ({ name, text }));
  expect(() => assertManifests(folder, files, rules)).toThrow(
    expect.objectContaining({
      message: [
        'use manifests: it has 2 faults',
        'manifests/a.yaml: kind: is undefined Deployment, must be v1 Pod',
        'manifests/b.md: (file name): must end in .yaml or .yml',
      ].join('\n'),
    }),
  );
});
