import { describe, expect, it } from 'vitest';

import { parseCommandLine } from '../../src/core/providers/command-line.ts';
import { detectProvider, type DmiFacts } from '../../src/core/providers/detect.ts';
import { networkProvider } from '../../src/core/providers/network-providers.ts';
import { parseNoCloudSeed } from '../../src/core/providers/nocloud.ts';
import {
  type Exchange,
  type Metadata,
  type MetadataAnswer,
  MetadataError,
  type MetadataRequest,
  type Provider,
  type ProviderName,
} from '../../src/core/providers/provider.ts';

const NO_DMI: DmiFacts = {
  sysVendor: '',
  productName: '',
  productSerial: '',
  productUuid: '',
  chassisAssetTag: '',
};

describe('the provider is detected', () => {
  it.each<[string, Partial<DmiFacts>]>([
    ['azure', { chassisAssetTag: '7783-7084-3265-9085-8269-3286-77' }],
    ['oracle', { chassisAssetTag: 'OracleCloud.com' }],
    ['gcp', { productName: 'Google Compute Engine' }],
    ['gcp', { productSerial: 'GoogleCloud-12AB' }],
    ['digitalocean', { sysVendor: 'DigitalOcean' }],
    ['hetzner', { sysVendor: 'Hetzner' }],
    ['scaleway', { sysVendor: 'Scaleway' }],
    ['vultr', { sysVendor: 'Vultr' }],
    ['akamai', { sysVendor: 'Linode' }],
    ['akamai', { sysVendor: 'Akamai' }],
    ['aws', { sysVendor: 'Amazon EC2' }],
    ['aws', { productUuid: 'ec2e1916-9099-7caf', productSerial: 'EC2e1916-9099-7caf' }],
    ['aws', { productUuid: '16192eec-9099-7caf', productSerial: 'ec2e1916-9099-7caf' }],
    ['openstack', { productName: 'OpenStack Nova' }],
    ['openstack', { chassisAssetTag: 'OpenTelekomCloud' }],
    ['nocloud', { productSerial: 'ds=nocloud;s=http://h/' }],
    ['none', { sysVendor: 'QEMU', productName: 'Standard PC' }],
    // One random UUID in 2000 looks like one of EC2.
    ['none', { productUuid: 'ec2e1916-9099-7caf', productSerial: 'S/N 5' }],
    ['none', {}],
  ])('%s: %j', (provider, dmi) => {
    const facts = { dmi: { ...NO_DMI, ...dmi }, seeds: [], hasFwCfg: false };
    expect(detectProvider(facts).provider).toBe(provider);
  });

  it.each<[string, readonly string[], boolean]>([
    ['nocloud', ['cidata', 'config-2'], true],
    ['openstack', ['config-2'], true],
    ['fwcfg', [], true],
  ])('%s: by a volume %j or the firmware configuration', (provider, seeds, hasFwCfg) => {
    expect(detectProvider({ dmi: NO_DMI, seeds, hasFwCfg }).provider).toBe(provider);
  });
});

describe('the kernel command line', () => {
  it.each([
    ['kios.config=https://h/n.yaml quiet', 'https://h/n.yaml'],
    ['kios.config=http://a kios.config=http://b', 'http://b'],
    ['kios.config=file:///etc/shadow', undefined],
    ['xkios.config=http://a', undefined],
  ])('%j names the document %s', (line, url) => {
    expect(parseCommandLine(line).configUrl).toBe(url);
  });

  it.each([
    ['ds=nocloud', { url: undefined, hostname: undefined, instanceId: undefined }],
    [
      'quiet ds=nocloud-net;s=http://h:1/d/;h=n1;i=i-1 x',
      { url: 'http://h:1/d/', hostname: 'n1', instanceId: 'i-1' },
    ],
    [
      'ds=nocloud;seedfrom=https://h/?a=b;local-hostname=n',
      { url: 'https://h/?a=b', hostname: 'n', instanceId: undefined },
    ],
    ['ds=nocloud;s=file:///x', { url: undefined, hostname: undefined, instanceId: undefined }],
    ['ds=openstack', undefined],
    ['xds=nocloud', undefined],
  ])('%j is the seed %j', (line, seed) => {
    expect(parseNoCloudSeed(line)).toEqual(seed);
  });
});

const openSeed = (url: string): Provider | undefined =>
  networkProvider('nocloud', parseNoCloudSeed(`ds=nocloud;s=${url}`));

describe('the address of a NoCloud seed', () => {
  it.each([
    'https://h/seed/',
    'http://169.254.169.254/seed/',
    'http://[fe80::a9fe:a9fe]/',
    `http://h/#sha256=${'aB'.repeat(32)}`,
  ])('%s is used', (url) => {
    expect(openSeed(url)?.bases).toHaveLength(1);
  });

  it.each([
    'http://h/seed/',
    'http://127.0.0.1/',
    'http://169.254.evil.example/',
    'http://169.254.1.1.example/',
    'http://[2001:db8::1]/',
    `http://h/#sha256=${'a'.repeat(65)}`,
    `https://h/#sha512=${'a'.repeat(64)}`,
  ])('%s is refused', (url) => {
    expect(() => openSeed(url)).toThrow(/^use the address of ds=nocloud: .*sha256=/);
  });
});

type Answers = Readonly<Record<string, string | Partial<MetadataAnswer>>>;

const answerOf = (given: string | Partial<MetadataAnswer> | undefined): MetadataAnswer => ({
  status: given === undefined ? 404 : 200,
  headers: {},
  body: new TextEncoder().encode(typeof given === 'string' ? given : ''),
  ...(typeof given === 'object' ? given : {}),
});

class Service {
  readonly asked: MetadataRequest[] = [];
  readonly exchange: Exchange = async (request) => {
    this.asked.push(request);
    return Promise.resolve(answerOf(this.answers[`${request.method} ${request.path}`]));
  };
  readonly answers: Answers;
  constructor(answers: Answers) {
    this.answers = answers;
  }
}

function providerOf(name: ProviderName): Provider {
  const provider = networkProvider(name, parseNoCloudSeed('ds=nocloud;s=https://h/seed'));
  if (provider === undefined) throw new Error(`${name} has no service`);
  return provider;
}

const USER_DATA = '#user data';
const v = '/2021-07-15/meta-data';
const GOOGLE = { 'metadata-flavor': 'Google' };
const google = (body: string): Partial<MetadataAnswer> => ({
  headers: GOOGLE,
  body: new TextEncoder().encode(body),
});

const GOOD: Readonly<Record<string, readonly [Answers, Partial<Metadata>]>> = {
  aws: [
    {
      'PUT /latest/api/token': 'TOKEN==',
      [`GET ${v}/instance-id`]: 'i-1',
      [`GET ${v}/instance-type`]: 'm5.large',
      [`GET ${v}/placement/availability-zone`]: 'eu-west-1a',
      [`GET ${v}/placement/region`]: 'eu-west-1',
      [`GET ${v}/local-hostname`]: 'ip-10-0-0-1.ec2.internal ip-10-0-0-1.corp',
      [`GET ${v}/public-ipv4`]: '192.0.2.1',
      [`GET ${v}/instance-life-cycle`]: 'spot',
      [`GET ${v}/tags/instance`]: 'Name\nteam x',
      [`GET ${v}/tags/instance/Name`]: 'n',
      [`GET ${v}/tags/instance/team%20x`]: 'y',
      'GET /2021-07-15/user-data': USER_DATA,
    },
    {
      instanceId: 'i-1',
      instanceType: 'm5.large',
      zone: 'eu-west-1a',
      region: 'eu-west-1',
      providerID: 'aws:///eu-west-1a/i-1',
      hostname: 'ip-10-0-0-1.ec2.internal',
      externalIPs: ['192.0.2.1'],
      spot: true,
      tags: { Name: 'n', 'team x': 'y' },
    },
  ],
  gcp: [
    {
      'GET /computeMetadata/v1/instance/?recursive=true&alt=json': google(
        JSON.stringify({
          id: 4_852_745_284_239_123_000,
          name: 'n1',
          zone: 'projects/12/zones/europe-west1-b',
          machineType: 'projects/12/machineTypes/e2-medium',
          attributes: { 'user-data': btoa(USER_DATA), 'user-data-encoding': 'base64' },
          scheduling: { preemptible: 'TRUE' },
          tags: ['t'],
          networkInterfaces: [{ accessConfigs: [{ externalIp: '192.0.2.2' }, { externalIp: '' }] }],
        }),
      ),
      'GET /computeMetadata/v1/instance/id': google('4852745284239123456'),
      'GET /computeMetadata/v1/project/project-id': google('proj'),
    },
    {
      instanceId: '4852745284239123456',
      instanceType: 'e2-medium',
      zone: 'europe-west1-b',
      region: 'europe-west1',
      providerID: 'gce://proj/europe-west1-b/n1',
      hostname: 'n1',
      externalIPs: ['192.0.2.2'],
      spot: true,
      tags: { t: '' },
    },
  ],
  azure: [
    {
      'GET /metadata/instance?api-version=2021-02-01': JSON.stringify({
        compute: {
          vmId: 'vm-1',
          name: 'vmss_1',
          resourceId:
            '/subscriptions/S/resourceGroups/My-RG/providers/Microsoft.Compute/virtualMachines/N1',
          vmSize: 'D2',
          location: 'westeurope',
          zone: '2',
          priority: 'Spot',
          osProfile: { computerName: 'n1' },
          tagsList: [{ name: 'a', value: 'b' }],
        },
        network: { interface: [{ ipv4: { ipAddress: [{ publicIpAddress: '192.0.2.3' }] } }] },
      }),
      'GET /metadata/instance/compute/userData?api-version=2021-02-01&format=text': USER_DATA,
    },
    {
      instanceId: 'vm-1',
      zone: 'westeurope-2',
      hostname: 'n1',
      providerID:
        'azure:///subscriptions/S/resourceGroups/my-rg/providers/Microsoft.Compute/virtualMachines/N1',
      externalIPs: ['192.0.2.3'],
      spot: true,
      tags: { a: 'b' },
    },
  ],
  openstack: [
    {
      'GET /openstack/latest/meta_data.json': JSON.stringify({
        uuid: 'u-1',
        name: 'n1',
        hostname: 'n1.novalocal',
        availability_zone: 'nova',
        meta: { a: 'b' },
      }),
      'GET /openstack/latest/user_data': USER_DATA,
      'GET /latest/meta-data/instance-type': 'm1',
    },
    {
      instanceId: 'u-1',
      uuid: 'u-1',
      instanceType: 'm1',
      hostname: 'n1',
      zone: 'nova',
      providerID: 'openstack:///u-1',
      tags: { a: 'b' },
    },
  ],
  nocloud: [
    {
      'GET /seed/meta-data': 'instance-id: i-1\nlocal-hostname: n1\n',
      'GET /seed/user-data': USER_DATA,
    },
    { instanceId: 'i-1', hostname: 'n1' },
  ],
  digitalocean: [
    {
      'GET /metadata/v1.json': JSON.stringify({
        droplet_id: 42,
        hostname: 'n1',
        region: 'nyc3',
        user_data: USER_DATA,
        tags: ['t'],
        interfaces: { public: [{ ipv4: { ip_address: '192.0.2.4' } }] },
      }),
    },
    { instanceId: '42', region: 'nyc3', providerID: 'digitalocean://42', hostname: 'n1' },
  ],
  hetzner: [
    {
      'GET /hetzner/v1/metadata/instance-id': '77\n',
      'GET /hetzner/v1/metadata/hostname': 'n1',
      'GET /hetzner/v1/metadata/availability-zone': 'fsn1-dc14',
      'GET /hetzner/v1/metadata/public-ipv4': '192.0.2.5',
      'GET /hetzner/v1/userdata': USER_DATA,
    },
    { instanceId: '77', zone: 'fsn1-dc14', region: 'fsn1', providerID: 'hcloud://77' },
  ],
  vultr: [
    {
      'GET /v1.json': JSON.stringify({
        'instance-v2-id': 'a-b',
        instanceid: '1',
        hostname: 'n1',
        region: { regioncode: 'AMS' },
        interfaces: [
          { 'network-type': 'private', ipv4: { address: '10.0.0.1' } },
          { 'network-type': 'public', ipv4: { address: '192.0.2.6' } },
        ],
      }),
      'GET /latest/user-data': USER_DATA,
    },
    { instanceId: 'a-b', region: 'ams', providerID: 'vultr://a-b', externalIPs: ['192.0.2.6'] },
  ],
  scaleway: [
    {
      'GET /conf?format=json': JSON.stringify({
        id: 's-1',
        hostname: 'n1',
        commercial_type: 'DEV1-S',
        location: { zone_id: 'fr-par-1' },
        public_ip: { address: '192.0.2.7' },
        tags: ['t'],
      }),
      'GET /user_data/cloud-init': USER_DATA,
    },
    {
      instanceId: 's-1',
      zone: 'fr-par-1',
      region: 'fr-par',
      providerID: 'scaleway://instance/fr-par-1/s-1',
      externalIPs: ['192.0.2.7'],
    },
  ],
  oracle: [
    {
      'GET /opc/v2/instance/': JSON.stringify({
        id: 'ocid1.instance.x',
        hostname: 'n1',
        shape: 'VM.1',
        canonicalRegionName: 'us-phoenix-1',
        region: 'phx',
        availabilityDomain: 'Uocm:PHX-AD-1',
        metadata: { user_data: USER_DATA },
      }),
    },
    { region: 'us-phoenix-1', zone: 'PHX-AD-1', providerID: 'oci://ocid1.instance.x' },
  ],
  akamai: [
    {
      'PUT /v1/token': 'TOKEN',
      'GET /v1/instance': JSON.stringify({ id: 5, label: 'n1', region: 'eu', type: 'g6' }),
      'GET /v1/network': JSON.stringify({ ipv4: { public: ['192.0.2.8/32'] } }),
      'GET /v1/user-data': USER_DATA,
    },
    { instanceId: '5', hostname: 'n1', providerID: 'linode://5', externalIPs: ['192.0.2.8'] },
  ],
};

const names = Object.keys(GOOD) as ProviderName[]; // oxlint-disable-line no-unsafe-type-assertion
const userDataPath = (path: string): boolean => /user[-_]?data/i.test(path);

describe.each(names)('%s', (name) => {
  const [answers, wanted] = GOOD[name] ?? [{}, {}];

  it('is read', async () => {
    const { userData, ...metadata } = await providerOf(name).read(new Service(answers).exchange);
    expect(new TextDecoder().decode(userData)).toBe(USER_DATA);
    expect(metadata).toMatchObject(wanted);
  });

  it.each<[string, string | Partial<MetadataAnswer>]>([
    ['a redirect', { status: 302 }],
    ['a captive portal', '<!DOCTYPE html><html>'],
    ['an overloaded service', { status: 503 }],
    ['an empty answer', ''],
    ['no service', { status: 404 }],
  ])('%s is tried again', async (_name, answer) => {
    const first = new Service(answers);
    await providerOf(name).read(first.exchange);
    // The first key of each provider is a required one.
    const key = `${first.asked[0]?.method} ${first.asked[0]?.path}`;
    const broken = new Service({ ...answers, [key]: answer });
    const error = await providerOf(name)
      .read(broken.exchange)
      .catch((fault: unknown) => fault);
    expect(error).toBeInstanceOf(MetadataError);
    expect(error).toMatchObject({ isFinal: false });
  });

  it('a service that refuses is final', async () => {
    const keys = Object.keys(answers);
    const refused = Object.fromEntries(keys.map((key) => [key, { status: 403, headers: GOOGLE }]));
    await expect(providerOf(name).read(new Service(refused).exchange)).rejects.toMatchObject({
      isFinal: true,
    });
  });
});

describe('missing user data', () => {
  // The others have it inside a larger document.
  const apart = names.filter(
    (name) => name !== 'azure' && Object.keys(GOOD[name]?.[0] ?? {}).some(userDataPath),
  );

  it.each(apart)('of %s is absent, not a fault', async (name) => {
    const all = Object.entries(GOOD[name]?.[0] ?? {});
    const rest = Object.fromEntries(all.filter(([key]) => !userDataPath(key)));
    const { userData } = await providerOf(name).read(new Service(rest).exchange);
    expect(userData).toBeUndefined();
  });

  it('of azure is an empty answer; 404 means that the service is starting', async () => {
    const path = 'GET /metadata/instance/compute/userData?api-version=2021-02-01&format=text';
    const empty = new Service({ ...GOOD['azure']?.[0], [path]: '' });
    expect((await providerOf('azure').read(empty.exchange)).userData).toBeUndefined();
    const starting = new Service({ ...GOOD['azure']?.[0], [path]: { status: 404 } });
    await expect(providerOf('azure').read(starting.exchange)).rejects.toBeInstanceOf(MetadataError);
  });
});

async function requestsTo(name: ProviderName): Promise<readonly MetadataRequest[]> {
  const service = new Service(GOOD[name]?.[0] ?? {});
  await providerOf(name).read(service.exchange);
  return service.asked;
}

describe('each service requires', () => {
  it.each<[ProviderName, Record<string, string>]>([
    ['aws', { 'x-aws-ec2-metadata-token': 'TOKEN==' }],
    ['gcp', { 'metadata-flavor': 'Google' }],
    ['azure', { metadata: 'true' }],
    ['oracle', { authorization: 'Bearer Oracle' }],
    ['akamai', { 'metadata-token': 'TOKEN' }],
  ])('%s: %j', async (name, headers) => {
    const asked = (await requestsTo(name)).filter(({ method }) => method === 'GET');
    for (const request of asked) expect(request.headers).toMatchObject(headers);
  });

  it('scaleway: user data from a low port', async () => {
    const low = (await requestsTo('scaleway')).filter(({ lowPort }) => lowPort);
    expect(low.map(({ path }) => path)).toEqual(['/user_data/cloud-init']);
  });

  it("gcp: an answer without Google's header is refused", async () => {
    const other = Object.fromEntries(Object.keys(GOOD['gcp']?.[0] ?? {}).map((key) => [key, 'x']));
    await expect(providerOf('gcp').read(new Service(other).exchange)).rejects.toThrow('Flavor');
  });

  it('gcp: user data that is not the promised base64 is final', async () => {
    const key = 'GET /computeMetadata/v1/instance/?recursive=true&alt=json';
    const body = JSON.stringify({
      name: 'n',
      zone: 'z',
      attributes: { 'user-data': '!', 'user-data-encoding': 'base64' },
    });
    const service = new Service({ ...GOOD['gcp']?.[0], [key]: google(body) });
    await expect(providerOf('gcp').read(service.exchange)).rejects.toMatchObject({ isFinal: true });
  });
});
