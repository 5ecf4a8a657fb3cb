import * as v from 'valibot';

import { Keys, maybe, type Metadata, type Provider } from './provider.ts';

const Instance = v.object({
  compute: v.object({
    vmId: v.string(),
    resourceId: v.string(),
    name: v.string(),
    vmSize: maybe,
    location: maybe,
    zone: maybe,
    priority: maybe,
    osProfile: v.optional(v.object({ computerName: maybe })),
    tagsList: v.optional(v.array(v.object({ name: v.string(), value: v.string() })), []),
  }),
  network: v.optional(
    v.object({
      interface: v.array(
        v.object({
          ipv4: v.optional(v.object({ ipAddress: v.array(v.object({ publicIpAddress: maybe })) })),
        }),
      ),
    }),
  ),
});
type Instance = v.InferOutput<typeof Instance>;

/** Lowers the case of the resource group, as Azure's cloud controller does before it compares the id. */
const resourceOf = (id: string): string =>
  id.replace(/\/resourceGroups\/[^/]+/i, (part) => {
    const group = part.slice(part.lastIndexOf('/') + 1);
    return `/resourceGroups/${group.toLowerCase()}`;
  });

const addressesOf = ({ network }: Instance): readonly string[] =>
  (network?.interface ?? [])
    .flatMap(({ ipv4 }) => ipv4?.ipAddress ?? [])
    .map(({ publicIpAddress }) => publicIpAddress)
    .filter((address) => address !== undefined);

/** Microsoft Azure. Its service answers 404 and 410 while it starts, so these never mean that a value is absent. */
export const AZURE: Provider = {
  name: 'azure',
  bases: ['http://169.254.169.254'],
  async read(exchange): Promise<Metadata> {
    const keys = new Keys(exchange, { metadata: 'true' });
    const base = '/metadata/instance';
    const [instance, userData] = await Promise.all([
      keys.json(Instance, `${base}?api-version=2021-02-01`),
      keys.bytes(`${base}/compute/userData?api-version=2021-02-01&format=text`, {
        mayBeEmpty: true,
      }),
    ]);
    const { compute } = instance;
    return {
      instanceId: compute.vmId,
      instanceType: compute.vmSize,
      region: compute.location,
      // Zones are numbers within a region.
      zone: compute.zone === undefined ? undefined : `${compute.location ?? ''}-${compute.zone}`,
      providerID: `azure://${resourceOf(compute.resourceId)}`,
      hostname: compute.osProfile?.computerName ?? compute.name,
      externalIPs: addressesOf(instance),
      spot: compute.priority === 'Spot',
      tags: Object.fromEntries(compute.tagsList.map(({ name, value }) => [name, value])),
      userData,
    };
  },
};
