import { AKAMAI } from './akamai.ts';
import { AWS } from './aws.ts';
import { AZURE } from './azure.ts';
import { DIGITALOCEAN } from './digitalocean.ts';
import { GCP } from './gcp.ts';
import { HETZNER } from './hetzner.ts';
import { noCloudProvider, type NoCloudSeed } from './nocloud.ts';
import { OPENSTACK } from './openstack.ts';
import { ORACLE } from './oracle.ts';
import type { Provider, ProviderName } from './provider.ts';
import { SCALEWAY } from './scaleway.ts';
import { VULTR } from './vultr.ts';

const PROVIDERS: readonly Provider[] = [
  AWS,
  GCP,
  AZURE,
  OPENSTACK,
  DIGITALOCEAN,
  HETZNER,
  VULTR,
  SCALEWAY,
  ORACLE,
  AKAMAI,
];

/** Returns whether a provider has a metadata service; the others are read without a network. */
export const hasService = (name: ProviderName, seed: NoCloudSeed | undefined): boolean =>
  name === 'nocloud' ? seed?.url !== undefined : PROVIDERS.some((known) => known.name === name);

/** Returns the metadata service of a provider, if it has one. Throws when the seed's address may not be used. */
export function networkProvider(
  name: ProviderName,
  seed: NoCloudSeed | undefined,
): Provider | undefined {
  if (name === 'nocloud') return seed?.url === undefined ? undefined : noCloudProvider(seed);
  return PROVIDERS.find((known) => known.name === name);
}
