import { type Answer, type Asked, base64, type Cloud, json, notFound, text } from '../cloud.ts';

const SUBSCRIPTION = '8d10da13-8125-4ba9-a717-bf7490507b3d';
const GROUP = 'RackGroup';

const bad = (error: string): Answer => ({ ...json({ error }), status: 400 });

/** Azure's instance metadata service, without its wire server. */
export const azure: Cloud = (machine) => {
  const compute = {
    azEnvironment: 'AzurePublicCloud',
    location: machine.region,
    name: machine.hostname,
    osProfile: { adminUsername: 'admin', computerName: machine.hostname },
    osType: 'Linux',
    priority: 'Spot',
    resourceGroupName: GROUP,
    resourceId: `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}/providers/Microsoft.Compute/virtualMachines/${machine.hostname}`,
    subscriptionId: SUBSCRIPTION,
    tags: Object.entries(machine.tags)
      .map(([key, value]) => `${key}:${value}`)
      .join(';'),
    tagsList: Object.entries(machine.tags).map(([name, value]) => ({ name, value })),
    userData: base64(machine.userData ?? ''),
    vmId: machine.instanceId,
    vmSize: machine.instanceType,
    zone: machine.zone,
  };
  const ipAddress = [{ privateIpAddress: machine.address, publicIpAddress: machine.publicAddress }];
  const network = {
    interface: [
      {
        ipv4: { ipAddress, subnet: [{ address: '10.0.2.0', prefix: '24' }] },
        ipv6: { ipAddress: [] },
        macAddress: machine.mac.replaceAll(':', '').toUpperCase(),
      },
    ],
  };
  return ({ path, query, headers }: Asked) => {
    if (headers['metadata'] !== 'true')
      return bad('Bad request. Required metadata header not specified');
    if (headers['x-forwarded-for'] !== undefined) return bad('Bad request. Forwarded');
    if (!/^\d{4}-\d\d-\d\d$/.test(query.get('api-version') ?? ''))
      return bad('Bad request. api-version is invalid or was not specified in the request.');
    if (/^\/metadata\/instance\/?$/.test(path)) return json({ compute, network });
    if (path === '/metadata/instance/compute/userData' && query.get('format') === 'text')
      return text(compute.userData);
    if (path === '/metadata/instance/compute') return json(compute);
    return notFound;
  };
};

const VERSION = '2012-11-30';
const INCARNATION = '7';

const goalState = (instance: string): string => `<?xml version="1.0" encoding="utf-8"?>
<GoalState>
  <Version>${VERSION}</Version>
  <Incarnation>${INCARNATION}</Incarnation>
  <Machine><ExpectedState>Started</ExpectedState></Machine>
  <Container>
    <ContainerId>a511aa6d-29e7-4f53-8788-55655dfe848f</ContainerId>
    <RoleInstanceList><RoleInstance><InstanceId>${instance}</InstanceId></RoleInstance></RoleInstanceList>
  </Container>
</GoalState>`;

/** Azure's wire server: a machine that never reports Ready counts as failed. A report on a former goal gets 410. */
export const wireserver: Cloud = (machine) => (asked) => {
  if (asked.path !== '/machine/' && asked.path !== '/machine') return notFound;
  if (asked.headers['x-ms-version'] !== VERSION) return text('Bad Request', 400);
  const component = asked.query.get('comp');
  if (component === 'goalstate')
    return { ...text(goalState(machine.instanceId)), headers: { 'content-type': 'text/xml' } };
  if (component !== 'health' || asked.method !== 'POST') return notFound;
  const field = (name: string): string | undefined =>
    new RegExp(`<${name}>\\s*([^<]*?)\\s*</${name}>`).exec(asked.body)?.[1];
  if (field('GoalStateIncarnation') !== INCARNATION) return text('Gone', 410);
  const named = field('InstanceId') === machine.instanceId;
  return named && field('State') === 'Ready' ? text('') : text('Bad Request', 400);
};
