import * as v from 'valibot';

import { Keys, maybe, type Metadata, type Provider, utf8 } from './provider.ts';

const Droplet = v.object({
  droplet_id: v.number(),
  hostname: maybe,
  region: maybe,
  user_data: maybe,
  tags: v.nullish(v.array(v.string())),
  interfaces: v.optional(
    v.object({
      public: v.optional(
        v.array(v.object({ ipv4: v.optional(v.object({ ip_address: v.string() })) })),
        [],
      ),
    }),
  ),
});

/** DigitalOcean: one document says everything. */
export const DIGITALOCEAN: Provider = {
  name: 'digitalocean',
  bases: ['http://169.254.169.254'],
  async read(exchange): Promise<Metadata> {
    const droplet = await new Keys(exchange).json(Droplet, '/metadata/v1.json');
    const addresses = droplet.interfaces?.public.map(({ ipv4 }) => ipv4?.ip_address) ?? [];
    return {
      instanceId: String(droplet.droplet_id),
      region: droplet.region,
      providerID: `digitalocean://${droplet.droplet_id}`,
      hostname: droplet.hostname,
      externalIPs: addresses.filter((address) => address !== undefined),
      tags: Object.fromEntries((droplet.tags ?? []).map((tag) => [tag, ''])),
      userData: utf8(droplet.user_data),
    };
  },
};
