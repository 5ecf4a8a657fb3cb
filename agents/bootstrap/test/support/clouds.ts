import type { CloudMachine, ServeOptions } from '@kios/testkit/metadata';

/** A cloud as seen from its machines, and the agent's expected result. */
export interface CloudCase {
  readonly provider: string;
  readonly cloud: ServeOptions['cloud'];
  /** /sys/class/dmi/id of its machines. */
  readonly firmware: Readonly<Record<string, string>>;
  readonly ipv4: string;
  /** Absent when the cloud has no metadata over IPv6. */
  readonly ipv6?: string;
  readonly machine: CloudMachine;
  readonly capabilities?: readonly string[];
  readonly expected: {
    readonly providerID: string | undefined;
    readonly region: string | undefined;
    readonly zone: string | undefined;
  };
}

const machine = (given: Partial<CloudMachine>): CloudMachine => ({
  instanceId: '0b2c7f5e-3c6f-4e0e-9a56-9d7f6a1f2b3c',
  hostname: 'worker-1',
  instanceType: 'small-2',
  region: 'north',
  zone: 'north-a',
  address: '10.0.2.15',
  publicAddress: '203.0.113.9',
  mac: '52:54:00:12:34:56',
  tags: { role: 'worker' },
  ...given,
});

const LINK_LOCAL = '169.254.169.254';
const UUID = machine({}).instanceId;

export const CLOUDS: readonly CloudCase[] = [
  {
    provider: 'aws',
    cloud: 'aws',
    firmware: { sys_vendor: 'Amazon EC2', product_name: 'm7i.large' },
    ipv4: LINK_LOCAL,
    ipv6: 'fd00:ec2::254',
    machine: machine({
      instanceId: 'i-0a1b2c3d4e5f60718',
      hostname: 'ip-10-0-2-15.eu-west-1.compute.internal',
      region: 'eu-west-1',
      zone: 'eu-west-1b',
    }),
    expected: {
      providerID: 'aws:///eu-west-1b/i-0a1b2c3d4e5f60718',
      region: 'eu-west-1',
      zone: 'eu-west-1b',
    },
  },
  {
    provider: 'gcp',
    cloud: 'gcp',
    firmware: { product_name: 'Google Compute Engine', sys_vendor: 'Google' },
    ipv4: LINK_LOCAL,
    machine: machine({
      // Too many digits for a double.
      instanceId: '4520031799277581759',
      zone: 'us-central1-a',
    }),
    expected: {
      providerID: 'gce://rack-one/us-central1-a/worker-1',
      region: 'us-central1',
      zone: 'us-central1-a',
    },
  },
  {
    provider: 'azure',
    cloud: 'azure',
    firmware: {
      chassis_asset_tag: '7783-7084-3265-9085-8269-3286-77',
      sys_vendor: 'Microsoft Corporation',
    },
    ipv4: LINK_LOCAL,
    machine: machine({ region: 'westeurope', zone: '2' }),
    expected: {
      providerID:
        'azure:///subscriptions/8d10da13-8125-4ba9-a717-bf7490507b3d/resourceGroups/rackgroup/providers/Microsoft.Compute/virtualMachines/worker-1',
      region: 'westeurope',
      zone: 'westeurope-2',
    },
  },
  {
    provider: 'openstack',
    cloud: 'openstack',
    firmware: { product_name: 'OpenStack Nova', sys_vendor: 'OpenStack Foundation' },
    ipv4: LINK_LOCAL,
    ipv6: 'fe80::a9fe:a9fe',
    machine: machine({ hostname: 'worker-1.novalocal', zone: 'nova' }),
    expected: { providerID: `openstack:///${UUID}`, region: undefined, zone: 'nova' },
  },
  {
    provider: 'nocloud',
    cloud: 'nocloud',
    firmware: { product_serial: 'ds=nocloud;s=http://169.254.169.254/seed/' },
    ipv4: LINK_LOCAL,
    machine: machine({ instanceId: 'rack-1' }),
    expected: { providerID: undefined, region: undefined, zone: undefined },
  },
  {
    provider: 'digitalocean',
    cloud: 'digitalocean',
    firmware: { sys_vendor: 'DigitalOcean', product_serial: '2756294' },
    ipv4: LINK_LOCAL,
    machine: machine({ instanceId: '2756294', region: 'nyc3' }),
    expected: { providerID: 'digitalocean://2756294', region: 'nyc3', zone: undefined },
  },
  {
    provider: 'hetzner',
    cloud: 'hetzner',
    firmware: { sys_vendor: 'Hetzner', product_serial: '42' },
    ipv4: LINK_LOCAL,
    machine: machine({ instanceId: '42424242', zone: 'fsn1-dc14' }),
    expected: { providerID: 'hcloud://42424242', region: 'fsn1', zone: 'fsn1-dc14' },
  },
  {
    provider: 'vultr',
    cloud: 'vultr',
    firmware: { sys_vendor: 'Vultr', product_serial: '42506325' },
    ipv4: LINK_LOCAL,
    machine: machine({ region: 'EWR' }),
    expected: { providerID: `vultr://${UUID}`, region: 'ewr', zone: undefined },
  },
  {
    provider: 'scaleway',
    cloud: 'scaleway',
    firmware: { sys_vendor: 'Scaleway' },
    ipv4: '169.254.42.42',
    ipv6: 'fd00:42::42',
    capabilities: ['net_bind_service'],
    machine: machine({ zone: 'fr-par-1' }),
    expected: {
      providerID: `scaleway://instance/fr-par-1/${UUID}`,
      region: 'fr-par',
      zone: 'fr-par-1',
    },
  },
  {
    provider: 'oracle',
    cloud: 'oracle',
    firmware: { chassis_asset_tag: 'OracleCloud.com', sys_vendor: 'QEMU' },
    ipv4: LINK_LOCAL,
    ipv6: 'fd00:c1::a9fe:a9fe',
    machine: machine({
      instanceId: 'ocid1.instance.oc1.phx.abyhqljt',
      region: 'us-phoenix-1',
      zone: 'PHX-AD-1',
    }),
    expected: {
      providerID: 'oci://ocid1.instance.oc1.phx.abyhqljt',
      region: 'us-phoenix-1',
      zone: 'PHX-AD-1',
    },
  },
  {
    provider: 'akamai',
    cloud: 'akamai',
    firmware: { sys_vendor: 'Akamai', product_serial: '23456' },
    ipv4: LINK_LOCAL,
    ipv6: 'fd00:a9fe:a9fe::1',
    machine: machine({ instanceId: '23456', region: 'us-iad' }),
    expected: { providerID: 'linode://23456', region: 'us-iad', zone: undefined },
  },
];

/** Returns the case of a provider that has one. */
export function cloudOf(provider: string): CloudCase {
  const found = CLOUDS.find((each) => each.provider === provider);
  if (found === undefined) throw new Error(`no cloud ${provider}`);
  return found;
}
