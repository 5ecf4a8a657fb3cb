import * as v from 'valibot';

import {
  type Exchange,
  Keys,
  lastPart,
  maybe,
  type Metadata,
  MetadataError,
  type Provider,
  utf8,
  withoutLast,
} from './provider.ts';

const Instance = v.object({
  name: v.string(),
  zone: v.string(),
  machineType: maybe,
  attributes: v.optional(v.record(v.string(), v.string()), {}),
  scheduling: v.optional(v.object({ preemptible: maybe })),
  tags: v.optional(v.array(v.string()), []),
  networkInterfaces: v.optional(
    v.array(v.object({ accessConfigs: v.optional(v.array(v.object({ externalIp: maybe })), []) })),
    [],
  ),
});

const FLAVOR = 'metadata-flavor';

/** Refuses an answer without the header: it is not from Google's service. */
const genuine =
  (exchange: Exchange): Exchange =>
  async (request) => {
    const answer = await exchange(request);
    if (answer.headers[FLAVOR] !== 'Google')
      throw new MetadataError(`${request.path}: the answer has no Metadata-Flavor: Google`);
    return answer;
  };

function userDataOf(attributes: Readonly<Record<string, string>>): Uint8Array | undefined {
  // GKE's own nodes have no user data, or one for cloud-init. What they have is named, and not taken for nothing.
  const text = attributes['user-data'] ?? attributes['kube-env'];
  if (text === undefined || attributes['user-data-encoding'] !== 'base64') return utf8(text);
  const packed = text.replaceAll(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed) || packed.length % 4 !== 0)
    throw new MetadataError('user-data is not the base64 that user-data-encoding promises', true);
  return Uint8Array.from(atob(packed), (char) => char.codePointAt(0) ?? 0);
}

/** Google Compute Engine. */
export const GCP: Provider = {
  name: 'gcp',
  bases: ['http://169.254.169.254'],
  async read(exchange): Promise<Metadata> {
    const keys = new Keys(genuine(exchange), { 'metadata-flavor': 'Google' });
    const base = '/computeMetadata/v1';
    const [instance, instanceId, project] = await Promise.all([
      keys.json(Instance, `${base}/instance/?recursive=true&alt=json`),
      // As text: the number is too large for a JSON number.
      keys.text(`${base}/instance/id`),
      keys.text(`${base}/project/project-id`),
    ]);
    const zone = lastPart(instance.zone);
    const addresses = instance.networkInterfaces.flatMap(({ accessConfigs }) =>
      accessConfigs.map(({ externalIp }) => externalIp),
    );
    return {
      instanceId,
      instanceType: lastPart(instance.machineType),
      zone,
      region: withoutLast(zone),
      providerID: `gce://${project}/${zone}/${instance.name}`,
      hostname: instance.name,
      externalIPs: addresses.filter((address) => address !== undefined),
      spot: instance.scheduling?.preemptible === 'TRUE',
      tags: Object.fromEntries(instance.tags.map((tag) => [tag, ''])),
      userData: userDataOf(instance.attributes),
    };
  },
};
