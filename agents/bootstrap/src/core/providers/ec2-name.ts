import type { Metadata } from './provider.ts';

/** The first label of each name that EC2 gives: of the address, or of the instance. */
const OF_EC2 = /^(?:ip-\d+-\d+-\d+-\d+|i-[0-9a-f]+)$/;

/** Returns the region of a zone: `us-west-2` of `us-west-2b` and of the local zone `us-west-2-lax-1a`. */
const regionOf = (zone: string | undefined): string | undefined =>
  /^[a-z]+(?:-[a-z]+)+-\d+/.exec(zone ?? '')?.[0];

/**
 * Returns EC2's own private DNS name of an instance, by which EKS knows its nodes: aws-iam-authenticator on the control
 * plane gets it from EC2's API. `local-hostname` has another domain where the VPC's DHCP options have one. Undefined
 * for a machine elsewhere.
 */
export function ec2PrivateName({
  providerID,
  hostname,
  region,
  zone,
}: Pick<Metadata, 'providerID' | 'hostname' | 'region' | 'zone'>): string | undefined {
  const [label = ''] = hostname?.split('.') ?? [];
  const place = region ?? regionOf(zone);
  if (providerID?.startsWith('aws:') !== true || place === undefined || !OF_EC2.test(label))
    return undefined;
  // The oldest region has a domain of its own.
  return place === 'us-east-1' ? `${label}.ec2.internal` : `${label}.${place}.compute.internal`;
}
