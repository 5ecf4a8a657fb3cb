import type { Reading, Witnessed } from '@kios/clock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { BootstrapError } from '../../src/core/faults/errors.ts';
import { readNode } from '../../src/edge/node/node.ts';
import { CA_A, CLIENT } from '../support/fixtures.ts';
import { LocalAgent } from '../support/local-agent.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
const KUBECONFIG = 'etc/kubernetes/bootstrap-kubelet.conf';
const RIGHT = Date.parse('2026-11-28T12:00:00Z');

let agent: LocalAgent;
let reading: Reading;
let seen: Witnessed | undefined;
let asked: string[][];

beforeEach(async () => {
  agent = new LocalAgent(await NodeFolder.make());
  reading = { now: RIGHT, steady: 0, synchronised: false, maxErrorSeconds: 16 };
  [seen, asked] = [undefined, []];
  agent.clock = {
    read: () => reading,
    ask: async ({ servers }) => {
      asked.push([...servers]);
      return Promise.resolve(seen);
    },
  };
  agent.node.seed(DOCUMENT);
  agent.node.lease();
});
afterEach(async () => {
  vi.useRealTimers();
  await agent[Symbol.asyncDispose]();
});

const synced = (): void => {
  reading = { ...reading, synchronised: true, maxErrorSeconds: 0.01 };
  // chrony-config writes it, and the wait looks again.
  agent.node.write('run/kios/time/state.json', '{"v":1,"sane":true,"synced":true,"since":""}');
};
const join = async (clockTimeoutSeconds: number): Promise<unknown> =>
  agent.run({ clockTimeoutSeconds }).then(
    ({ outcome }) => outcome,
    (error: unknown) => error,
  );
const wroteToken = (): boolean => agent.node.read(KUBECONFIG) !== undefined;

describe('a clock that kept running', () => {
  it('costs no wait, synchronised or not', async () => {
    expect(await join(120)).toBe('pending');
    expect(agent.saw('clock.wait')).toEqual([]);
  });
});

describe('a clock that was guessed at boot', () => {
  beforeEach(() => agent.node.boot({ clockFloored: true }));

  it('is waited for until a time source disciplines it, before anything is asked', async () => {
    const joined = join(120);
    await agent.sees('clock.wait');
    expect(agent.cluster.asked).toEqual([]);
    synced();
    expect(await joined).toBe('pending');
    expect(agent.saw('clock.unsynced')).toEqual([]);
  });

  it('is told after the deadline, and goes on where the API server shows a certificate', async () => {
    expect(await join(0.05)).toBe('pending');
    expect(agent.saw('clock.unsynced')).toMatchObject([
      { code: 'KIOS_BOOTSTRAP_CLOCK', lvl: 'warn' },
    ]);
    expect(wroteToken()).toBe(true);
  });

  it('judges no certificate that the API server does not show', async () => {
    agent.cluster.isDown = true;
    expect(await join(0.05)).toMatchObject({ code: 'KIOS_BOOTSTRAP_UNREACHABLE' });
    expect(wroteToken()).toBe(false);
    // By a clock that is right, the CA of the document suffices.
    synced();
    expect(await join(0.05)).toBe('pending');
  });

  it('trusts no certificate that it takes for one of another time', async () => {
    agent.cluster.answers['/version'] = { status: 200, body: '{}' };
    agent.cluster.fault = new BootstrapError('KIOS_BOOTSTRAP_UNTRUSTED', 'CERT_NOT_YET_VALID');
    expect(await join(0.05)).toMatchObject({ code: 'KIOS_BOOTSTRAP_UNTRUSTED' });
    expect(wroteToken()).toBe(false);
  });

  it('is waited for and told once by a process that tries again', async () => {
    agent.cluster.isDown = true;
    await agent.start({ clockTimeoutSeconds: 0.2 });
    await agent.sees('cluster.unreachable');
    agent.node.write('run/kios/net/again.tmp', '');
    await agent.sees('cluster.unreachable', 2);
    expect(agent.saw('clock.wait')).toHaveLength(1);
    expect(agent.saw('clock.unsynced')).toHaveLength(1);
  });
});

describe.each([
  ['1970-01-01T00:01:00Z', 'before'],
  ['2100-01-01T00:00:00Z', 'twenty years or more after'],
])('a clock that says %s', (time, side) => {
  beforeEach(() => {
    reading = { ...reading, now: Date.parse(time) };
  });

  it('keeps the node from its cluster, and its token from everybody', async () => {
    const error = await join(0.05);
    expect(error).toMatchObject({ code: 'KIOS_BOOTSTRAP_CLOCK' });
    expect(String(error)).toContain(side);
    expect(agent.cluster.asked).toEqual([]);
    expect(wroteToken()).toBe(false);
    expect(agent.node.sent).toEqual([]);
  });

  it('fetches no document over TLS', async () => {
    agent.node.write('cmdline', 'kios.config=https://127.0.0.1:9/node.yaml\n');
    expect(await join(0.05)).toMatchObject({ code: 'KIOS_BOOTSTRAP_CLOCK' });
  });

  it('joins once it is set, by itself', async () => {
    await agent.start({ clockTimeoutSeconds: 0.05 });
    await agent.sees('clock.wrong');
    reading = { ...reading, now: RIGHT };
    synced();
    agent.node.write('run/kios/net/again.tmp', '');
    await agent.sees('restart.sent');
    expect(wroteToken()).toBe(true);
  });

  it("takes no certificate of the node's own for expired", async () => {
    agent.node.kubeletJoins(CLIENT);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(time) });
    expect((await readNode(agent.node.settings)).identity).toBe('node-1');
  });
});

async function passed(): Promise<boolean> {
  await vi.advanceTimersByTimeAsync(100);
  await new Promise((resolve) => setImmediate(resolve));
  return false;
}

/** Runs a join of 45 s on a clock of its own. */
async function joinInTime(): Promise<unknown> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const joined = join(45);
  const end = joined.then(() => true);
  while (!(await Promise.race([end, passed()])));
  return joined;
}

describe('where no chronyd runs', () => {
  beforeEach(() => {
    agent.node.boot({ clockFloored: true });
    agent.node.lease('10.0.2.15/24', { ntp: ['10.0.2.2'] });
  });

  it('time servers of the lease speak for the guess', async () => {
    seen = { offsetSeconds: 0.2, servers: ['10.0.2.2'] };
    expect(await joinInTime()).toBe('pending');
    expect(asked).toEqual([['10.0.2.2']]);
    expect(agent.saw('clock.unsynced')).toEqual([]);
  });

  it('or against it, which is told', async () => {
    seen = { offsetSeconds: 86_400, servers: ['10.0.2.2'] };
    expect(await joinInTime()).toBe('pending');
    expect(agent.saw('clock.unsynced')).toMatchObject([
      { why: 'it is off by 86400 s, as 10.0.2.2 say' },
    ]);
  });
});
