import { type Answer, base64, type Cloud, json, lookup, notFound, text, Tokens } from '../cloud.ts';

const orMissing = (userData: string | undefined): Answer =>
  userData === undefined ? notFound : text(userData);

export const openstack: Cloud = (machine) => {
  const metaData = {
    availability_zone: machine.zone,
    devices: [],
    hostname: machine.hostname,
    launch_index: 0,
    meta: machine.tags,
    name: machine.hostname,
    project_id: '39f9cf0d0f7e4b6a8e1d',
    uuid: machine.instanceId,
  };
  const network = {
    links: [{ ethernet_mac_address: machine.mac, id: 'tap0', mtu: 1500, type: 'ovs' }],
    networks: [{ id: 'network0', link: 'tap0', type: 'ipv4_dhcp' }],
    services: [],
  };
  return ({ path }) => {
    const [, file] = /^\/openstack\/(?:latest|\d{4}-\d\d-\d\d)\/(.*)$/.exec(path) ?? [];
    if (file === 'meta_data.json') return json(metaData);
    if (file === 'network_data.json') return json(network);
    if (file === 'user_data') return orMissing(machine.userData);
    return notFound;
  };
};

/** A NoCloud seed over HTTP, as `ds=nocloud;s=URL` names it. */
export const nocloud: Cloud =
  (machine) =>
  ({ path }) => {
    const metaData = `instance-id: ${machine.instanceId}\nlocal-hostname: ${machine.hostname}\n`;
    return lookup(
      { '/meta-data': metaData, '/user-data': machine.userData, '/vendor-data': '' },
      path.replace(/^\/seed/, ''),
    );
  };

export const digitalocean: Cloud = (machine) => {
  const ipv4 = { ip_address: machine.publicAddress, netmask: '255.255.0.0', gateway: '192.0.2.1' };
  const metaData = {
    droplet_id: Number(machine.instanceId),
    hostname: machine.hostname,
    // The field is missing without user data.
    ...(machine.userData === undefined ? {} : { user_data: machine.userData }),
    vendor_data: '#cloud-config\n{}',
    public_keys: [],
    region: machine.region,
    interfaces: {
      private: [{ ipv4: { ...ipv4, ip_address: machine.address }, mac: machine.mac }],
      public: [{ ipv4, mac: machine.mac, type: 'public' }],
    },
    tags: Object.values(machine.tags),
    dns: { nameservers: ['192.0.2.53'] },
  };
  return ({ path }) => (path === '/metadata/v1.json' ? json(metaData) : notFound);
};

/** YAML for the whole document, plain text for each part. The zone's name contains the region: `fsn1-dc14`. */
export const hetzner: Cloud = (machine) => {
  const values = {
    hostname: machine.hostname,
    'instance-id': machine.instanceId,
    'availability-zone': machine.zone,
    region: 'eu-central',
    'public-ipv4': machine.publicAddress,
    'local-ipv4': machine.address,
  };
  const whole = Object.entries(values)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('');
  return ({ path }) => {
    // Without user data the service replies 200 with an empty body.
    if (path === '/hetzner/v1/userdata') return text(machine.userData ?? '');
    const [, file] = /^\/hetzner\/v1\/metadata\/?(.*)$/.exec(path) ?? [];
    return lookup({ ...values, '': whole }, file ?? 'missing');
  };
};

export const vultr: Cloud = (machine) => {
  const metaData = {
    hostname: machine.hostname,
    'instance-v2-id': machine.instanceId,
    instanceid: '42506325',
    interfaces: [
      {
        ipv4: { additional: [], address: machine.publicAddress, gateway: '', netmask: '' },
        mac: machine.mac,
        'network-type': 'public',
      },
    ],
    region: { regioncode: machine.region, countrycode: 'US' },
    tags: Object.values(machine.tags),
    'user-defined': [],
  };
  return ({ path }) => {
    if (path === '/v1.json') return json(metaData);
    if (path === '/latest/user-data') return orMissing(machine.userData);
    return notFound;
  };
};

const FIRST_UNPRIVILEGED_PORT = 1024;

/** Only clients on a port below 1024 get user data. */
export const scaleway: Cloud = (machine) => {
  const metaData = {
    commercial_type: machine.instanceType,
    hostname: machine.hostname,
    id: machine.instanceId,
    location: { zone_id: machine.zone },
    name: machine.hostname,
    private_ip: machine.address,
    public_ip: { address: machine.publicAddress, dynamic: false, family: 'inet' },
    public_ips_v4: [{ address: machine.publicAddress, family: 'inet' }],
    public_ips_v6: [],
    tags: Object.values(machine.tags),
    zone: machine.zone,
  };
  return ({ path, query, sourcePort }) => {
    if (path === '/conf') return query.get('format') === 'json' ? json(metaData) : notFound;
    if (!path.startsWith('/user_data')) return notFound;
    if (sourcePort >= FIRST_UNPRIVILEGED_PORT) return text('Forbidden', 403);
    return path === '/user_data/cloud-init' ? orMissing(machine.userData) : notFound;
  };
};

/** Version 2 only, which requires an authorization header. */
export const oracle: Cloud = (machine) => {
  const metadata = machine.userData === undefined ? {} : { user_data: base64(machine.userData) };
  const instance = {
    availabilityDomain: `EMIr:${machine.zone}`,
    canonicalRegionName: machine.region,
    displayName: machine.hostname,
    faultDomain: 'FAULT-DOMAIN-1',
    freeformTags: machine.tags,
    hostname: machine.hostname,
    id: machine.instanceId,
    metadata,
    ociAdName: machine.zone,
    region: 'phx',
    shape: machine.instanceType,
    state: 'Running',
  };
  return ({ path, headers }) => {
    if (!path.startsWith('/opc/v2/')) return notFound;
    if (headers['authorization'] !== 'Bearer Oracle' || headers['x-forwarded-for'] !== undefined)
      return text('Unauthorized', 401);
    if (/^\/opc\/v2\/instance\/?$/.test(path)) return json(instance);
    if (/^\/opc\/v2\/vnics\/?$/.test(path))
      return json([{ macAddr: machine.mac, privateIp: machine.address }]);
    if (path === '/opc/v2/instance/metadata/user_data')
      return metadata.user_data === undefined ? notFound : text(metadata.user_data);
    return notFound;
  };
};

const issueTo = (tokens: Tokens, method: string, expiry: string | undefined): Answer => {
  if (method !== 'PUT') return text('Method Not Allowed', 405);
  const seconds = Number(expiry);
  return seconds >= 1 && seconds <= 86_400 ? text(tokens.issue()) : text('Bad Request', 400);
};

/** Every request needs a token. User data is base64; everything else is plain text unless JSON is requested. */
export const akamai: Cloud = (machine) => {
  const tokens = new Tokens(machine.tokenUses);
  const answers: Readonly<Record<string, unknown>> = {
    '/v1/instance': {
      host_uuid: '9f2e8f0c',
      id: Number(machine.instanceId),
      label: machine.hostname,
      region: machine.region,
      tags: Object.values(machine.tags),
      type: machine.instanceType,
    },
    '/v1/network': {
      interfaces: [],
      ipv4: { private: [`${machine.address}/17`], public: [`${machine.publicAddress}/32`] },
      ipv6: { ranges: [], slaac: '2001:db8::1/128' },
    },
  };
  return ({ method, path, headers }) => {
    if (path === '/v1/token')
      return issueTo(tokens, method, headers['metadata-token-expiry-seconds']);
    if (!tokens.spend(headers['metadata-token'])) return text('Unauthorized', 401);
    if (path === '/v1/user-data')
      return machine.userData === undefined ? notFound : text(base64(machine.userData));
    const value = answers[path];
    if (value === undefined) return notFound;
    return headers['accept'] === 'application/json' ? json(value) : text('id: 1\n');
  };
};
