import { type Exchange, Keys, MetadataError } from './provider.ts';

const VERSION = { 'x-ms-version': '2012-11-30', 'x-ms-agent-name': 'kios-bootstrap' };
const DHCP_OPTION = '245';
/** The same in every region. */
const DEFAULT_ADDRESS = '168.63.129.16';

/** Returns the address of Azure's wire server: option 245 of the lease, or else its usual one. */
export function wireServerAddress(raw: Readonly<Record<string, string>>): string {
  const hex = raw[DHCP_OPTION]?.replaceAll(':', '') ?? '';
  if (!/^[0-9a-f]{8}$/i.test(hex)) return DEFAULT_ADDRESS;
  return (hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).join('.');
}

function field(xml: string, name: string): string {
  const text = new RegExp(`<${name}>\\s*([^<\\s]+)\\s*</${name}>`).exec(xml)?.[1];
  if (text === undefined) throw new MetadataError(`the goal state has no ${name}`);
  return text;
}

const health = (goal: string): string =>
  `<?xml version="1.0" encoding="utf-8"?>
<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <GoalStateIncarnation>${field(goal, 'Incarnation')}</GoalStateIncarnation>
  <Container>
    <ContainerId>${field(goal, 'ContainerId')}</ContainerId>
    <RoleInstanceList>
      <Role>
        <InstanceId>${field(goal, 'InstanceId')}</InstanceId>
        <Health><State>Ready</State></Health>
      </Role>
    </RoleInstanceList>
  </Container>
</Health>
`;

/**
 * Reports to Azure that the machine is ready; Azure marks one that never does as failed. Rejects when the goal state
 * has expired in between (410), so that the caller reads it again.
 */
export async function reportReady(exchange: Exchange): Promise<void> {
  const goal = await new Keys(exchange, VERSION).text('/machine/?comp=goalstate');
  const { status } = await exchange({
    path: '/machine?comp=health',
    method: 'POST',
    headers: { ...VERSION, 'content-type': 'text/xml; charset=utf-8' },
    body: health(goal),
    lowPort: false,
  });
  if (status !== 200)
    throw new MetadataError(`/machine?comp=health: the service answers ${status}`);
}
