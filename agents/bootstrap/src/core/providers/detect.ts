import type { ProviderName } from './provider.ts';

/** The firmware's values in /sys/class/dmi/id, trimmed; '' where there is none. */
export interface DmiFacts {
  readonly sysVendor: string;
  readonly productName: string;
  readonly productSerial: string;
  readonly productUuid: string;
  readonly chassisAssetTag: string;
}

export interface LocalFacts {
  readonly dmi: DmiFacts;
  /** Labels of the seed volumes that init mounted. */
  readonly seeds: readonly string[];
  /** QEMU's firmware configuration has `opt/kios/config`. */
  readonly hasFwCfg: boolean;
}

export interface Detected {
  readonly provider: ProviderName;
  readonly by: string;
}

const OPENSTACK_TAGS = new Set(['OpenTelekomCloud', 'SAP CCloud VM', 'HUAWEICLOUD']);
const OPENSTACK_PRODUCTS = new Set(['OpenStack Nova', 'OpenStack Compute']);
const VENDORS: Readonly<Record<string, ProviderName>> = {
  DigitalOcean: 'digitalocean',
  Hetzner: 'hetzner',
  Scaleway: 'scaleway',
  Vultr: 'vultr',
  Linode: 'akamai',
  Akamai: 'akamai',
};

/**
 * EC2's Xen machines have no vendor name. The second form is the same UUID with its first group in the other byte
 * order. The serial number must agree, because one random UUID in 2000 begins like that and such a machine would ask
 * without end.
 */
const isAmazonUuid = ({ productUuid, productSerial }: DmiFacts): boolean =>
  /^(?:ec2|....2.ec)/i.test(productUuid) && /^ec2/i.test(productSerial);

type Rule = readonly [ProviderName, by: string, (facts: LocalFacts) => boolean];

/** In the order of cloud-init's ds-identify: unmistakable signs come first. */
const RULES: readonly Rule[] = [
  [
    'azure',
    'chassis_asset_tag',
    ({ dmi }) => dmi.chassisAssetTag === '7783-7084-3265-9085-8269-3286-77',
  ],
  ['oracle', 'chassis_asset_tag', ({ dmi }) => dmi.chassisAssetTag === 'OracleCloud.com'],
  ['gcp', 'product_name', ({ dmi }) => dmi.productName === 'Google Compute Engine'],
  ['gcp', 'product_serial', ({ dmi }) => dmi.productSerial.startsWith('GoogleCloud-')],
  ['aws', 'sys_vendor', ({ dmi }) => dmi.sysVendor === 'Amazon EC2'],
  ['openstack', 'product_name', ({ dmi }) => OPENSTACK_PRODUCTS.has(dmi.productName)],
  ['openstack', 'chassis_asset_tag', ({ dmi }) => OPENSTACK_TAGS.has(dmi.chassisAssetTag)],
  ['openstack', 'chassis_asset_tag', ({ dmi }) => OPENSTACK_PRODUCTS.has(dmi.chassisAssetTag)],
  ['aws', 'product_uuid', ({ dmi }) => isAmazonUuid(dmi)],
  ['nocloud', 'product_serial', ({ dmi }) => /^ds=nocloud(?:-net)?(?:;|$)/.test(dmi.productSerial)],
  ['nocloud', 'volume cidata', ({ seeds }) => seeds.includes('cidata')],
  ['openstack', 'volume config-2', ({ seeds }) => seeds.includes('config-2')],
  ['fwcfg', 'opt/kios/config', ({ hasFwCfg }) => hasFwCfg],
];

/** Detects the provider without using the network; `none` when no rule matches. */
export function detectProvider(facts: LocalFacts): Detected {
  const vendor = VENDORS[facts.dmi.sysVendor];
  if (vendor !== undefined) return { provider: vendor, by: 'sys_vendor' };
  const rule = RULES.find(([, , matches]) => matches(facts));
  return rule === undefined
    ? { provider: 'none', by: 'nothing' }
    : { provider: rule[0], by: rule[1] };
}
