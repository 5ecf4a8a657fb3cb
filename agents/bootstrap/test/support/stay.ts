import type { CloudMachine, MetadataService, FaultMode } from '@kios/testkit/metadata';

import type { CloudCase } from './clouds.ts';
import { Place } from './place.ts';

const OWN = { ipv4: '10.0.2.15/24', ipv6: '2001:db8::15/64' } as const;
type Family = keyof typeof OWN;

/** A document without a cluster, which needs no API server. */
export const GOOD = JSON.stringify({
  apiVersion: 'kios.dev/v1',
  kind: 'NodeBootstrap',
  node: { labels: { 'example.com/from': 'user-data' } },
});
export interface Stay extends AsyncDisposable {
  readonly place: Place;
  readonly service: MetadataService;
}

export interface StayOptions {
  readonly family?: Family;
  readonly userData?: string | undefined;
  readonly fault?: FaultMode;
  readonly machine?: Partial<CloudMachine>;
}

/** Starts a machine of a cloud with one address family and its lease. */
export async function stayIn(
  cloud: CloudCase,
  { family = 'ipv4', userData, fault, machine }: StayOptions,
): Promise<Stay> {
  const address = cloud[family] ?? '';
  const place = await Place.open({ own: [OWN[family]], services: [address] });
  place.firmware(cloud.firmware);
  place.node.lease();
  const service = await place.serve({
    cloud: cloud.cloud,
    hosts: [address.startsWith('fe80:') ? `${address}%eth0` : address],
    machine: { ...cloud.machine, userData, ...machine },
    ...(fault === undefined ? {} : { fault }),
  });
  return { place, service, [Symbol.asyncDispose]: async () => place[Symbol.asyncDispose]() };
}
