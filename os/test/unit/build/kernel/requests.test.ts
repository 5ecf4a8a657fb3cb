import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { parseModuleIndex } from '../../../../src/build/kernel/module-index.ts';
import {
  parseRequestable,
  planRequests,
  readRequestable,
} from '../../../../src/build/kernel/requests.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const Vector = v.object({
  list: v.string(),
  dep: v.string(),
  alias: v.string(),
  devname: v.string(),
  table: v.array(v.string()),
});

const vector = v.parse(
  Vector,
  JSON.parse(
    await readFile(path.join(repository, 'packages/host-api/vectors/module-requests.json'), 'utf8'),
  ),
);

describe('the table of requests', () => {
  it('is the one that init reads', () => {
    const index = parseModuleIndex(vector.dep, '', vector.alias);
    const table = planRequests(parseRequestable(vector.list), index, vector.devname);
    expect(table.trimEnd().split('\n')).toEqual(vector.table);
    expect(table.endsWith('\n')).toBe(true);
  });

  it('is empty for a kernel that has everything built in', () => {
    const index = parseModuleIndex('', '', '');
    expect(planRequests(parseRequestable(vector.list), index, vector.devname)).toBe('');
  });
});

describe('os/kernel/requests.yaml', async () => {
  const list = await readRequestable();
  const names = list.map(({ module }) => module);

  it('names each module once', () => expect(names).toEqual([...new Set(names)]));

  // Each of these can be asked for by any process, or by the kernel while it loads a module or looks for disks.
  it.each([
    'sctp',
    'nbd',
    'vmw_vsock_vmci_transport',
    'scsi_dh_alua',
    'crct10dif_generic',
    'dccp',
    'mpls_router',
  ])('leaves %s to the operator', (module) => expect(names).not.toContain(module));

  it.each(['- { module: a, by: nobody, use: x }', '- { module: a, by: root }', '- { module: a-b, by: root, use: x }'])(
    'refuses %s',
    (yaml) => expect(() => parseRequestable(yaml)).toThrow(v.ValiError),
  ); // prettier-ignore
});
