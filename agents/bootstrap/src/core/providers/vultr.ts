import * as v from 'valibot';

import { Keys, maybe, type Metadata, type Provider } from './provider.ts';

const Instance = v.object({
  'instance-v2-id': maybe,
  instanceid: maybe,
  hostname: maybe,
  region: v.optional(v.object({ regioncode: maybe })),
  interfaces: v.optional(
    v.array(
      v.object({
        'network-type': maybe,
        ipv4: v.optional(v.object({ address: maybe })),
      }),
    ),
    [],
  ),
  tags: v.nullish(v.array(v.string())),
});

/** Vultr. */
export const VULTR: Provider = {
  name: 'vultr',
  bases: ['http://169.254.169.254'],
  async read(exchange): Promise<Metadata> {
    const keys = new Keys(exchange);
    const [instance, userData] = await Promise.all([
      keys.json(Instance, '/v1.json'),
      keys.bytes('/latest/user-data', { optional: true }),
    ]);
    const instanceId = instance['instance-v2-id'] ?? instance.instanceid;
    const addresses = instance.interfaces
      .filter((link) => link['network-type'] === 'public')
      .map(({ ipv4 }) => ipv4?.address);
    return {
      instanceId,
      region: instance.region?.regioncode?.toLowerCase(),
      providerID: instanceId === undefined ? undefined : `vultr://${instanceId}`,
      hostname: instance.hostname,
      externalIPs: addresses.filter((address) => address !== undefined),
      tags: Object.fromEntries((instance.tags ?? []).map((tag) => [tag, ''])),
      userData,
    };
  },
};
