import * as v from 'valibot';

import { Keys, maybe, type Metadata, type Provider, withoutLast } from './provider.ts';

const Address = v.object({ address: maybe });
const Server = v.object({
  id: v.string(),
  hostname: maybe,
  name: maybe,
  commercial_type: maybe,
  location: v.nullish(v.object({ zone_id: maybe })),
  public_ip: v.nullish(Address),
  public_ips: v.nullish(v.array(Address)),
  tags: v.nullish(v.array(v.string())),
});

/** Scaleway. It sends user data only to source ports below 1024, so the pod needs NET_BIND_SERVICE there. */
export const SCALEWAY: Provider = {
  name: 'scaleway',
  bases: ['http://169.254.42.42', 'http://[fd00:42::42]'],
  async read(exchange): Promise<Metadata> {
    const keys = new Keys(exchange);
    const [server, userData] = await Promise.all([
      keys.json(Server, '/conf?format=json'),
      keys.bytes('/user_data/cloud-init', { lowPort: true, optional: true }),
    ]);
    const zone = server.location?.zone_id;
    const all = server.public_ips ?? [server.public_ip ?? { address: undefined }];
    return {
      instanceId: server.id,
      instanceType: server.commercial_type,
      zone,
      region: withoutLast(zone),
      providerID: `scaleway://instance/${zone ?? ''}/${server.id}`,
      hostname: server.hostname ?? server.name,
      externalIPs: all.map(({ address }) => address).filter((address) => address !== undefined),
      tags: Object.fromEntries((server.tags ?? []).map((tag) => [tag, ''])),
      userData,
    };
  },
};
