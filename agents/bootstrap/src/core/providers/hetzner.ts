import { Keys, type Metadata, type Provider, withoutLast } from './provider.ts';

/** Hetzner Cloud. */
export const HETZNER: Provider = {
  name: 'hetzner',
  bases: ['http://169.254.169.254'],
  async read(exchange): Promise<Metadata> {
    const keys = new Keys(exchange);
    const base = '/hetzner/v1';
    const [instanceId, hostname, zone, publicIp, userData] = await Promise.all([
      keys.text(`${base}/metadata/instance-id`),
      keys.find(`${base}/metadata/hostname`),
      keys.find(`${base}/metadata/availability-zone`),
      keys.find(`${base}/metadata/public-ipv4`),
      keys.bytes(`${base}/userdata`, { optional: true }),
    ]);
    return {
      instanceId,
      hostname,
      zone,
      region: withoutLast(zone),
      providerID: `hcloud://${instanceId}`,
      // A server without a public address gets an empty value or 0.0.0.0.
      externalIPs: publicIp === undefined || publicIp === '0.0.0.0' ? [] : [publicIp],
      userData,
    };
  },
};
