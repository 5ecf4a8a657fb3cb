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

/** Returns the metadata service of a provider; undefined when the provider is read without a network. */
export function networkProvider(
  name: ProviderName,
  seed: NoCloudSeed | undefined,
): Provider | undefined {
  if (name === 'nocloud') return seed?.url === undefined ? undefined : noCloudProvider(seed);
  return PROVIDERS.find((provider) => provider.name === name);
}
