import * as v from 'valibot';

import { Keys, maybe, type Metadata, type Provider } from './provider.ts';

const Instance = v.object({
  id: v.number(),
  label: maybe,
  region: maybe,
  type: maybe,
  tags: v.nullish(v.array(v.string())),
});
const Network = v.object({
  ipv4: v.optional(v.object({ public: v.optional(v.array(v.string()), []) })),
});

/** Akamai's cloud, formerly Linode. */
export const AKAMAI: Provider = {
  name: 'akamai',
  bases: ['http://169.254.169.254', 'http://[fd00:a9fe:a9fe::1]'],
  async read(exchange): Promise<Metadata> {
    const token = await new Keys(exchange).text('/v1/token', {
      method: 'PUT',
      headers: { 'metadata-token-expiry-seconds': '300' },
    });
    const keys = new Keys(exchange, { 'metadata-token': token, accept: 'application/json' });
    const [instance, network, userData] = await Promise.all([
      keys.json(Instance, '/v1/instance'),
      keys.json(Network, '/v1/network'),
      keys.bytes('/v1/user-data', { optional: true, headers: { accept: 'text/plain' } }),
    ]);
    return {
      instanceId: String(instance.id),
      instanceType: instance.type,
      region: instance.region,
      providerID: `linode://${instance.id}`,
      hostname: instance.label,
      externalIPs: network.ipv4?.public.map((address) => address.replace(/\/\d+$/, '')) ?? [],
      tags: Object.fromEntries((instance.tags ?? []).map((tag) => [tag, ''])),
      userData,
    };
  },
};
