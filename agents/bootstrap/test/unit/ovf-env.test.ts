import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { BootstrapError } from '../../src/core/faults/errors.ts';
import { parseOvfEnvironment } from '../../src/core/providers/ovf-env.ts';
import type { Volume } from '../../src/core/providers/seed-trust.ts';
import { NO_FACTS } from '../../src/edge/sources/machine-facts.ts';
import type { Remote } from '../../src/edge/sources/metadata-cache.ts';
import { type Platform, readPlatform } from '../../src/edge/sources/platform.ts';
import { writeSeedCache } from '../../src/edge/sources/seed-cache.ts';
import { readSources, type Sources } from '../../src/edge/sources/sources.ts';
import { testLogger } from '../support/logger.ts';
import { NodeFolder } from '../support/node-folder.ts';

const VM_ID = '13f56399-bd52-4150-9748-7190aae1ff21';

const ovfEnv = (inside: string): string => `<?xml version="1.0" encoding="utf-8"?>
<ns0:Environment xmlns:ns0="http://schemas.dmtf.org/ovf/environment/1" xmlns:ns1="http://schemas.microsoft.com/windowsazure">
  <ns1:ProvisioningSection>
    <ns1:Version>1.0</ns1:Version>
    <ns1:LinuxProvisioningConfigurationSet>
      <ns1:ConfigurationSetType>LinuxProvisioningConfiguration</ns1:ConfigurationSetType>
      <ns1:UserName>azureuser</ns1:UserName>
      <ns1:UserPassword>secret</ns1:UserPassword>
      ${inside}
    </ns1:LinuxProvisioningConfigurationSet>
  </ns1:ProvisioningSection>
</ns0:Environment>
`;

const documentFor = (name: string): string =>
  btoa(JSON.stringify({ apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', node: { name } }));

describe('the provisioning document', () => {
  it.each([
    ['names with a prefix', '<ns1:HostName>vm1</ns1:HostName><ns1:CustomData>QUI=</ns1:CustomData>', 'vm1', 'QUI='],
    ['names without one', '<HostName>vm1</HostName><CustomData>\n  QUI=\n</CustomData>', 'vm1', 'QUI='],
    ['no custom data', '<HostName>vm1</HostName>', 'vm1', undefined],
    ['an empty element', '<HostName>vm1</HostName><CustomData></CustomData>', 'vm1', undefined],
    ['one in a comment', '<!-- <CustomData>QUI=</CustomData> -->', undefined, undefined],
  ])('with %s', (_what, inside, hostname, customData) => {
    expect(parseOvfEnvironment(ovfEnv(inside))).toEqual({ hostname, customData });
  }); // prettier-ignore
});

const away = async (): Promise<Remote> =>
  Promise.reject(new BootstrapError('KIOS_BOOTSTRAP_METADATA', 'read metadata of azure: away'));
const facts = { ...NO_FACTS, instanceId: VM_ID, providerID: 'azure:///x' };
const userData = (name: string): Remote['userData'] => ({
  source: 'user data of azure',
  kind: 'NodeBootstrap',
  document: { apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', node: { name } },
  warnings: [],
});

describe('Azure’s volume', () => {
  let node: NodeFolder;
  let lines: string[];
  const log = testLogger({ stdout: (line) => lines.push(line) });

  beforeEach(async () => {
    lines = [];
    node = await NodeFolder.make();
    node.write('sys/class/dmi/id/chassis_asset_tag', '7783-7084-3265-9085-8269-3286-77\n');
    node.write('sys/class/dmi/id/product_uuid', `${VM_ID.toUpperCase()}\n`);
  });

  afterEach(async () => {
    await node[Symbol.asyncDispose]();
  });

  const volume = (name: string): void =>
    node.write(
      'run/kios/seed/azure/ovf-env.xml',
      ovfEnv(`<HostName>vm1</HostName><CustomData>${documentFor(name)}</CustomData>`),
    );

  const read = async (fetch: () => Promise<Remote>): Promise<Sources> =>
    readSources(node.settings, await readPlatform(node.settings), fetch, log);

  it("counts when the metadata service has no user data; the service's facts stay", async () => {
    volume('by-custom-data');
    const got = await read(async () =>
      Promise.resolve({ facts, userData: undefined, config: undefined }),
    );
    expect(got.document?.node?.name).toBe('by-custom-data');
    expect(got.facts).toEqual(facts);
  });

  it('gives way to user data', async () => {
    volume('by-custom-data');
    const remote = { facts, userData: userData('by-user-data'), config: undefined };
    const got = await read(async () => Promise.resolve(remote));
    expect(got.document?.node?.name).toBe('by-user-data');
  });

  it('replaces a silent metadata service, as the same machine', async () => {
    volume('by-custom-data');
    const got = await read(away);
    expect(got.document?.node?.name).toBe('by-custom-data');
    expect(got.facts).toMatchObject({ instanceId: VM_ID, hostname: 'vm1' });
    expect(lines.join('')).toMatch(/"ev":"imds.failed".*ovf-env.xml/);
    expect(lines.join('')).not.toContain('secret');
  });

  it('without custom data replaces nothing', async () => {
    node.write('run/kios/seed/azure/ovf-env.xml', ovfEnv('<HostName>vm1</HostName>'));
    await expect(read(away)).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_METADATA' });
  });

  it('is not read on a machine of another cloud', async () => {
    volume('by-custom-data');
    node.write('sys/class/dmi/id/chassis_asset_tag', '\n');
    node.write('sys/class/dmi/id/sys_vendor', 'Hetzner\n');
    await expect(read(away)).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_METADATA' });
  });

  /** The node has joined, with this volume or none. */
  const joinedBy = async (disc: Volume | undefined): Promise<Platform> => {
    const { machine, provider } = await readPlatform(node.settings);
    const origin = { machine, provider, isNamed: false, volume: disc };
    return readPlatform(node.settings, { origin, isMember: true });
  };

  it('of another disk does not count once the node has joined without it', async () => {
    volume('by-a-disk-that-a-pod-brought');
    const platform = await joinedBy(undefined);
    await expect(readSources(node.settings, platform, away, log)).rejects.toMatchObject({
      code: 'KIOS_BOOTSTRAP_METADATA',
    });
  });

  it('counts for a node that joined by it, and its copy when it is not mounted', async () => {
    volume('by-custom-data');
    const disc: Volume = { label: 'azure' };
    const sources = await readSources(node.settings, await joinedBy(disc), away, log);
    const { seed } = sources;
    expect(sources.document?.node?.name).toBe('by-custom-data');
    const { machine } = await readPlatform(node.settings);
    if (seed !== undefined) await writeSeedCache(node.settings, machine, seed);
    node.remove('run/kios/seed/azure');
    const later = await readSources(node.settings, await joinedBy(disc), away, log);
    expect(later.document?.node?.name).toBe('by-custom-data');
  });
});
