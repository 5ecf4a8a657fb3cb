import { Keys, type Metadata, MetadataError, type Provider } from './provider.ts';

/** Pinned, so that a new version of the service changes nothing for us. */
const V = '/2021-07-15';

async function readTags(keys: Keys): Promise<Record<string, string>> {
  const names = (await keys.find(`${V}/meta-data/tags/instance`))?.split('\n') ?? [];
  const values = await Promise.all(
    names.map(async (name) => keys.find(`${V}/meta-data/tags/instance/${encodeURI(name)}`)),
  );
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}

/** Amazon EC2, instance metadata service version 2. */
export const AWS: Provider = {
  name: 'aws',
  bases: ['http://169.254.169.254', 'http://[fd00:ec2::254]'],
  forbidden: 'switch on the instance metadata service (HttpEndpoint) of this instance',
  lateSeconds: 30,
  async read(exchange): Promise<Metadata> {
    const token = await new Keys(exchange).text('/latest/api/token', {
      method: 'PUT',
      headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '300' },
    });
    if (!/^[\x21-\x7E]+$/.test(token)) throw new MetadataError('the session token is not one');
    const keys = new Keys(exchange, { 'x-aws-ec2-metadata-token': token });
    const meta = async (key: string): Promise<string | undefined> =>
      keys.find(`${V}/meta-data/${key}`);
    const [instanceId, instanceType, zone, region, names, publicIp, cycle, tags, userData] =
      await Promise.all([
        keys.text(`${V}/meta-data/instance-id`),
        meta('instance-type'),
        keys.text(`${V}/meta-data/placement/availability-zone`),
        meta('placement/region'),
        meta('local-hostname'),
        meta('public-ipv4'),
        meta('instance-life-cycle'),
        readTags(keys),
        keys.bytes(`${V}/user-data`, { optional: true }),
      ]);
    return {
      instanceId,
      instanceType,
      zone,
      region,
      providerID: `aws:///${zone}/${instanceId}`,
      // A VPC whose DHCP options list several domains gives several names; the API server knows the first.
      hostname: names?.split(/\s+/)[0],
      externalIPs: publicIp === undefined ? [] : [publicIp],
      spot: cycle === 'spot',
      tags,
      userData,
    };
  },
};
