import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { KERNEL_NETWORKS } from '../support/netns/kernel-networks.ts';
import { NETWORKS } from '../support/netns/networks.ts';
import { NETWORKS6, SLAAC } from '../support/netns/networks6.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../../docs/network.md'), 'utf8');

it('docs/network.md lists each network of the tests with its servers, and no other', () => {
  const [, section = ''] = page.split('\n## Networks it is tested in\n');
  const [text = ''] = section.split('\n## ');
  const onPage = text
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  const all = [...NETWORKS, ...KERNEL_NETWORKS, ...NETWORKS6, SLAAC];
  const rows = all.map(({ name, server, next }) => `| ${name} | ${server.name} | ${next.name} |`);
  expect(onPage.slice(1)).toEqual(rows);
  expect(rows).toHaveLength(20);
});
