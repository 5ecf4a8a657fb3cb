import * as v from 'valibot';

import { Keys, maybe, type Metadata, type Provider, utf8 } from './provider.ts';

const Instance = v.object({
  id: v.string(),
  displayName: maybe,
  hostname: maybe,
  shape: maybe,
  region: maybe,
  canonicalRegionName: maybe,
  availabilityDomain: maybe,
  freeformTags: v.optional(v.record(v.string(), v.string()), {}),
  metadata: v.optional(v.object({ user_data: maybe })),
});

/** Oracle Cloud Infrastructure, instance metadata service version 2. */
export const ORACLE: Provider = {
  name: 'oracle',
  bases: ['http://169.254.169.254', 'http://[fd00:c1::a9fe:a9fe]'],
  async read(exchange): Promise<Metadata> {
    const keys = new Keys(exchange, { authorization: 'Bearer Oracle' });
    const instance = await keys.json(Instance, '/opc/v2/instance/');
    return {
      instanceId: instance.id,
      instanceType: instance.shape,
      region: instance.canonicalRegionName ?? instance.region,
      // `Uocm:PHX-AD-1`: the first part is the tenancy's.
      zone: instance.availabilityDomain?.split(':').at(-1),
      providerID: `oci://${instance.id}`,
      hostname: instance.hostname ?? instance.displayName,
      tags: instance.freeformTags,
      userData: utf8(instance.metadata?.user_data),
    };
  },
};
