import { describe, expect, it } from 'vitest';

import { type Exchange, MetadataError } from '../../src/core/providers/provider.ts';
import { reportReady, wireServerAddress } from '../../src/core/providers/wireserver.ts';

const GOAL = `<?xml version="1.0"?><GoalState><Incarnation>7</Incarnation><Container>
<ContainerId>c-1</ContainerId><RoleInstanceList><RoleInstance><InstanceId>i-1</InstanceId>
</RoleInstance></RoleInstanceList></Container></GoalState>`;

const server =
  (goal: string, status: number, posted: string[]): Exchange =>
  async ({ method, body }) => {
    if (method === 'POST') posted.push(body ?? '');
    const answer = method === 'POST' ? '' : goal;
    return Promise.resolve({
      status: method === 'POST' ? status : 200,
      headers: {},
      body: new TextEncoder().encode(answer),
    });
  };

describe('Azure', () => {
  it('gets the report Ready with the incarnation it has just named', async () => {
    const posted: string[] = [];
    await reportReady(server(GOAL, 200, posted));
    expect(posted).toHaveLength(1);
    for (const part of ['Incarnation>7<', 'ContainerId>c-1<', 'InstanceId>i-1<', 'State>Ready<'])
      expect(posted[0]).toContain(part);
  });

  it.each([
    ['a goal that is gone', GOAL, 410],
    ['a goal without its parts', '<GoalState/>', 200],
  ])('%s is tried again', async (_name, goal, status) => {
    await expect(reportReady(server(goal, status, []))).rejects.toBeInstanceOf(MetadataError);
  });

  it.each([
    [{}, '168.63.129.16'],
    [{ '245': 'a83f8110' }, '168.63.129.16'],
    [{ '245': '0a:00:00:01' }, '10.0.0.1'],
    [{ '245': 'a83f' }, '168.63.129.16'],
  ])('listens, by a lease with %j, at %s', (raw, address) => {
    expect(wireServerAddress(raw)).toBe(address);
  });
});
