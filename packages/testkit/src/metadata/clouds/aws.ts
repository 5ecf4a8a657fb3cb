import { type Answer, type Asked, type Cloud, lookup, notFound, text, Tokens } from '../cloud.ts';

const TOKEN = '/latest/api/token';
const TTL = 'x-aws-ec2-metadata-token-ttl-seconds';

/** IMDSv2 only, as in new accounts. Forwarded requests get no token. */
export const aws: Cloud = (machine) => {
  const tokens = new Tokens(machine.tokenUses);
  const issue = ({ headers }: Asked): Answer => {
    if (headers['x-forwarded-for'] !== undefined) return text('Forbidden', 403);
    const ttl = Number(headers[TTL]);
    if (!Number.isInteger(ttl) || ttl < 1 || ttl > 21_600) return text('Bad Request', 400);
    return { ...text(tokens.issue()), headers: { [TTL]: String(ttl) } };
  };
  const nic = `network/interfaces/macs/${machine.mac}`;
  // A VPC with several domain names gives a second name after a space.
  const names = `${machine.hostname} ${machine.hostname}.corp.example`;
  const metaData: Readonly<Record<string, string>> = {
    'instance-id': machine.instanceId,
    'instance-type': machine.instanceType,
    'instance-life-cycle': 'spot',
    hostname: names,
    'local-hostname': names,
    'local-ipv4': machine.address,
    'public-ipv4': machine.publicAddress,
    mac: machine.mac,
    'placement/availability-zone': machine.zone,
    'placement/region': machine.region,
    'network/interfaces/macs/': `${machine.mac}/`,
    [`${nic}/device-number`]: '0',
    [`${nic}/local-ipv4s`]: machine.address,
    'tags/instance': Object.keys(machine.tags).join('\n'),
    'tags/instance/': Object.keys(machine.tags).join('\n'),
    ...Object.fromEntries(
      Object.entries(machine.tags).map(([key, value]) => [`tags/instance/${key}`, value]),
    ),
  };
  const document = JSON.stringify({
    accountId: '123456789012',
    architecture: 'x86_64',
    availabilityZone: machine.zone,
    instanceId: machine.instanceId,
    instanceType: machine.instanceType,
    privateIp: machine.address,
    region: machine.region,
    version: '2017-09-30',
  });
  return (asked) => {
    if (asked.method === 'PUT') return asked.path === TOKEN ? issue(asked) : notFound;
    if (!tokens.spend(asked.headers['x-aws-ec2-metadata-token']))
      return text('401 - Unauthorized', 401);
    const [, path] = /^\/(?:latest|\d{4}-\d\d-\d\d)\/(.*)$/.exec(asked.path) ?? [];
    if (path === 'user-data')
      return machine.userData === undefined ? notFound : text(machine.userData);
    if (path === 'dynamic/instance-identity/document') return text(document);
    return lookup(metaData, path?.replace(/^meta-data\//, '') ?? '');
  };
};
