import { requireRoot } from '@kios/testkit';
import type { MetadataService } from '@kios/testkit/metadata';
import { beforeEach, describe, expect, it } from 'vitest';

import { type CloudCase, CLOUDS } from '../support/clouds.ts';
import { Place } from '../support/place.ts';
import { GOOD } from '../support/stay.ts';

const EVIL = GOOD.replace('user-data', 'a-neighbour');
const OWN = ['10.0.2.15/24', '2001:db8::15/64'];
const BOTH = CLOUDS.filter(({ ipv6 }) => ipv6 !== undefined).map(
  (cloud) => [cloud.provider, cloud] as const,
);

interface Network extends AsyncDisposable {
  readonly place: Place;
  readonly genuine: MetadataService;
  /** What anybody on the link can offer who announces a route to the service's IPv6 address. */
  readonly neighbour: MetadataService;
}

async function network(cloud: CloudCase, faults: number): Promise<Network> {
  const v6 = cloud.ipv6 ?? '';
  const place = await Place.open({ own: OWN, services: [cloud.ipv4, v6] });
  place.firmware(cloud.firmware);
  place.node.lease();
  const serve = async (host: string, userData: string, first: number): Promise<MetadataService> =>
    place.serve({
      cloud: cloud.cloud,
      hosts: [host],
      machine: { ...cloud.machine, userData },
      ...(first === 0 ? {} : { fault: { kind: 'unavailable', first } }),
    });
  const genuine = await serve(cloud.ipv4, GOOD, faults);
  const neighbour = await serve(v6.startsWith('fe80:') ? `${v6}%eth0` : v6, EVIL, 0);
  return {
    place,
    genuine,
    neighbour,
    [Symbol.asyncDispose]: async () => place[Symbol.asyncDispose](),
  };
}

beforeEach(requireRoot);

describe.concurrent.each(BOTH)('%s on a link with a hostile neighbour', (_provider, cloud) => {
  it.each([
    ['replies', 0],
    ['is overloaded at first', 2],
  ])(
    'does not ask it while the service %s over IPv4',
    { timeout: 120_000 },
    async (_what, faults) => {
      await using link = await network(cloud, faults);
      const { place, neighbour } = link;
      await using agent = place.agent('join', [], cloud.capabilities);
      expect([await agent.exit, agent.errors]).toEqual([0, '']);
      expect(place.node.read('etc/kubernetes/node-labels')).toBe('example.com/from: user-data\n');
      expect(neighbour.served).toEqual([]);
    },
  );
});

it(
  'IPv6 is asked a second later when nothing answers over IPv4',
  { timeout: 120_000 },
  async () => {
    const aws = CLOUDS[0];
    if (aws?.ipv6 === undefined) throw new Error('no cloud with both families');
    await using place = await Place.open({ own: OWN, services: [aws.ipv6] });
    // The address has a route, and nobody has the address.
    await place.netns.exec('ip', 'route', 'add', `${aws.ipv4}/32`, 'dev', 'eth0');
    place.firmware(aws.firmware);
    place.node.lease();
    await place.serve({
      cloud: 'aws',
      hosts: [aws.ipv6],
      machine: { ...aws.machine, userData: GOOD },
    });
    await using agent = place.agent('join');
    expect([await agent.exit, agent.errors]).toEqual([0, '']);
    const { n, ms } = await agent.expect('imds.ok');
    expect(n).toBe(1);
    expect(ms).toBeGreaterThan(900);
    expect(ms).toBeLessThan(3000);
  },
);
