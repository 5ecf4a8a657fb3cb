import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { nameFromCloudConfig } from '../../src/core/document/formats/cloud-config.ts';
import { joinNode, type Outcome } from '../../src/verbs/join.ts';
import { testLogger } from '../support/logger.ts';
import { NodeFolder } from '../support/node-folder.ts';

/** As Raspberry Pi Imager writes it, shortened. */
const IMAGER = `#cloud-config
manage_resolv_conf: false
hostname: kitchen
manage_etc_hosts: true
timezone: Europe/Zurich
users:
  - name: pi
    passwd: "$5$secret"
`;

describe('a text for cloud-init', () => {
  it('gives a node its name, and the rest is named without its values', () => {
    const found = nameFromCloudConfig('user-data', IMAGER);
    expect(found?.document.node).toEqual({ name: 'kitchen' });
    expect(found?.warnings).toEqual([
      { path: 'manage_resolv_conf, timezone, users', why: 'it is for cloud-init' },
    ]);
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it.each([
    ['without a name', '#cloud-config\ntimezone: Europe/Zurich\n'],
    ['with a name that no node can have', '#cloud-config\nhostname: "1.2.3.4"\n'],
    ['that is broken', '#cloud-config\nhostname: [\n'],
    ['that is no map', '#cloud-config\n- a\n'],
    ['for a shell', '#!/bin/sh\nhostname: kitchen\n'],
  ])('says nothing to a node %s', (_name, text) => {
    expect(nameFromCloudConfig('user-data', text)).toBeUndefined();
  });
});

describe('a medium as Raspberry Pi Imager customises it', () => {
  let node: NodeFolder;
  const said: string[] = [];
  const log = testLogger({ console: (line) => said.push(line) });

  beforeEach(async () => {
    node = await NodeFolder.make();
    node.lease();
    node.write('run/kios/seed/cidata/meta-data', 'instance-id: rpi-imager-1\n');
    node.write('run/kios/seed/cidata/network-config', 'network: {version: 2}\n');
  });
  afterEach(() => node[Symbol.asyncDispose]());

  const run = async (): Promise<Outcome> => {
    const { signal } = new AbortController();
    return (await joinNode({ settings: node.settings, log, signal })).outcome;
  };

  it('names a node that joins no cluster', async () => {
    node.write('run/kios/seed/cidata/user-data', IMAGER);
    expect(await run()).toBe('standalone');
    expect(node.read('etc/hostname')).toBe('kitchen\n');
    expect(said.join('\n')).toContain('timezone');
  });

  it('keeps to the name in meta-data when user-data has none', async () => {
    node.write('run/kios/seed/cidata/meta-data', 'instance-id: i\nlocal-hostname: cellar\n');
    node.write('run/kios/seed/cidata/user-data', '#cloud-config\ntimezone: UTC\n');
    node.write(
      'run/kios/seed/boot/bootstrap.yaml',
      'apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {labels: {a: b}}\n',
    );
    expect(await run()).toBe('standalone');
    expect(node.read('etc/hostname')).toBe('cellar\n');
  });
});
