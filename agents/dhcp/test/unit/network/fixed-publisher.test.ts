import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { UNKNOWN_NETWORK } from '../../../src/core/client/model.ts';
import { toRecord } from '../../../src/core/client/record.ts';
import { readLease } from '../../../src/core/lease/lease.ts';
import { TYPE } from '../../../src/core/wire/options.ts';
import { readClocks } from '../../../src/edge/kernel/clock.ts';
import { LeaseFiles } from '../../../src/edge/lease/lease-files.ts';
import { FixedPublisher } from '../../../src/edge/network/fixed-publisher.ts';
import { GRANT, LINK, message, SERVER } from '../../support/fixtures.ts';
import { readLinks } from '../../support/network/read-file.ts';

const LOG = createLogger('dhcp', { stdout: { write: () => true } });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-fixed-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('a client that leaves the link does not take the fixed address from other programs', async () => {
  const folders = { run: path.join(folder, 'run'), state: path.join(folder, 'state') };
  const files = await LeaseFiles.open(folders, 'boot', LOG);
  const [settings] = readLinks('{eth0: {addresses: [10.0.0.44/24]}}');
  if (settings === undefined) throw new Error('no link was read');
  const link = {
    ...LINK,
    carrier: true,
    parent: undefined,
    permanentMac: undefined,
    group: 0,
    settings: {},
    isHardware: true,
    driver: undefined,
    path: undefined,
  };
  const placed = [{ settings, link, metric: 100 }];
  const publisher = new FixedPublisher(files, LOG);
  await publisher.publish(placed);
  expect(files.fixedLinks()).toEqual([LINK.name]);
  // The client was about to write its lease when the file changed, and then leaves.
  const granted = readLease(message(TYPE.ack, GRANT), SERVER, 60);
  if ('refused' in granted) throw new Error(granted.refused);
  const held = { lease: granted.lease, since: 0, degradeLevel: 0 } as const;
  const where = {
    link: LINK.name,
    mac: LINK.mac,
    bootId: 'boot',
    checked: true,
    mtuOnRoutes: false,
  };
  await files.publishLease(toRecord(held, UNKNOWN_NETWORK, { ...where, clocks: readClocks() }));
  await files.withdraw(LINK.name);
  await publisher.publish(placed);
  expect(files.fixedLinks()).toEqual([LINK.name]);
});
