import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Board } from '../../../src/edge/diagnosis/board.ts';
import { SignReader } from '../../../src/edge/diagnosis/sign-reader.ts';
import { NODE } from '../../support/fake-cluster.ts';
import { CA_A } from '../../support/fixtures.ts';
import { clusterDocument } from '../../support/node-folder.ts';
import { WatchedNode } from '../../support/watched-node.ts';

const EVENTS = '/api/v1/namespaces/default/events';
const FILE = 'run/kios/platform/faults.json';
const OFTEN = { diagnoseSeconds: 0.05 };

const SAID = {
  t: '2026-11-26T10:00:00.000Z',
  up: 1,
  lvl: 'error',
  agent: 'init',
  ev: 'data.failed',
  code: 'KIOS_INIT_DATA',
  remedy: 'Repair it.',
  cause: 'mount /dev/vda2: structure needs cleaning',
};

/** A line of kubelet's as init writes it. */
const kubeletLine = (text: string): string =>
  `${JSON.stringify({ t: SAID.t, up: 1, lvl: 'error', agent: 'kubelet', text })}\n`;

let agent: WatchedNode;
beforeEach(async () => {
  agent = await WatchedNode.make();
});
afterEach(() => agent[Symbol.asyncDispose]());

/** Boots the machine with a data partition that init could not use. */
function damage(mode: string): void {
  agent.node.data = { data: 'ram', dataReason: 'failed' };
  agent.node.write('run/kios/log/init.log', `${JSON.stringify(SAID)}\n`);
  agent.node.startKubelet(mode);
}

describe('a node without a cluster', () => {
  it('tells its fault in one line with code, cause and remedy', async () => {
    damage('standalone');
    await agent.start(OFTEN);
    await agent.sees('fault');
    expect(agent.saw('fault')[0]).toMatchObject({
      lvl: 'error',
      code: 'KIOS_INIT_DATA',
      cause: SAID.cause,
      remedy: SAID.remedy,
      condition: 'KiosStorage',
    });
    await agent.until(() => {
      expect(JSON.parse(agent.node.read(FILE) ?? '{}')).toMatchObject({
        v: 1,
        faults: [{ code: 'KIOS_INIT_DATA', condition: 'KiosStorage' }],
      });
    });
    // Not with each look, but each minute.
    expect(agent.saw('fault')).toHaveLength(1);
  });

  it('reads what kubelet says as init writes it', { timeout: 60_000 }, async () => {
    const lines = 'run/kios/log/kubelet.log';
    agent.node.write(lines, '');
    await agent.start(OFTEN);
    await agent.until(() => expect(agent.node.read(FILE)).toBe('{"v":1,"faults":[]}\n'));
    const err = 'failed to "StartContainer" for "main" with CrashLoopBackOff: "back-off 20s"';
    const pod = 'pod="kube-system/dhcp-n" podUID="u-1"';
    const text = `E1129 0 p.go:1] "Error syncing pod, skipping" err=${JSON.stringify(err)} ${pod}`;
    agent.node.write(lines, kubeletLine(text));
    await agent.sees('fault');
    expect(agent.saw('fault')[0]).toMatchObject({ code: 'KIOS_FAULT_CRASH_LOOP' });
  });

  it('tells nothing while it is healthy', async () => {
    await agent.start(OFTEN);
    await agent.until(() => expect(agent.node.read(FILE)).toBe('{"v":1,"faults":[]}\n'));
    expect([...agent.saw('fault'), ...agent.saw('diagnosis.failed')]).toEqual([]);
  });

  it('goes on joining when a sign cannot be read', async () => {
    // A folder in the place of a log.
    agent.node.write('run/kios/log/kubelet.log/x', '');
    await agent.start(OFTEN);
    await agent.sees('diagnosis.failed');
    await agent.sees('standalone');
    expect(agent.saw('diagnosis.failed')).toHaveLength(1);
  });

  it('looks for nothing with --diagnose=0', async () => {
    damage('standalone');
    await agent.start();
    await agent.sees('standalone');
    expect([agent.saw('fault'), agent.node.read(FILE)]).toEqual([[], undefined]);
  });
});

it('a node whose files cannot be read says all else', { timeout: 60_000 }, async () => {
  damage('cluster');
  // Folders in the places of files.
  for (const file of [
    'run/kios/metrics/dhcp.prom',
    'etc/kubernetes/kubelet.conf',
    'var/lib/kubelet/pki/kubelet-client-current.pem',
  ])
    agent.node.write(`${file}/x`, '');
  const { settings } = agent.node;
  const user = { 'client-certificate': '/var/lib/kubelet/pki/kubelet-client-current.pem' };
  const kubeletConf = JSON.stringify({ users: [{ user }] });
  const board = new Board();
  const endpoint = 'https://127.0.0.1:6443';
  board.member = { endpoint, ca: [CA_A], name: 'node-1', kubeletConf, token: undefined };
  const { signal } = new AbortController();
  const openApi = () => agent.cluster.api;
  const signs = await new SignReader({ settings, board, signal, openApi }).read(100, false);
  expect(signs).toMatchObject({ isDataFailed: true, api: { reach: { kind: 'reached' } } });
  expect([signs.certificate, signs.hasConflict]).toEqual([undefined, false]);
});

describe('a node of a cluster', () => {
  it('tells of an update on trial as a condition, and of one that it came back from as a fault', async () => {
    const slots = {
      v: 1,
      managed: true,
      running: 2,
      version: '0.2.0',
      state: 'trial',
      triesLeft: 2,
      good: [1],
      failed: null,
      reason: '',
    };
    const tell = (changes: object): void =>
      agent.node.write('run/kios/slots.json', JSON.stringify({ ...slots, ...changes }));
    const patches = (): string => agent.cluster.patches(`${NODE}/status`).join('\n');
    await agent.join(clusterDocument('https://127.0.0.1:6443', { ca: CA_A }));
    tell({});
    await agent.start(OFTEN);
    await agent.until(() => {
      expect(patches()).toContain('"type":"KiosUpdate","status":"True","reason":"OnTrial"');
    });
    tell({ running: 1, state: 'good', failed: { generation: 2, why: 'kubelet ended' } });
    await agent.until(() => {
      expect(patches()).toContain('"type":"KiosUpdate","status":"False","reason":"CameBack"');
      expect(patches()).toContain('cannot run the system 2: kubelet ended');
    });
  });

  it('tells its fault as a condition and as an Event', async () => {
    const document = clusterDocument('https://127.0.0.1:6443', { ca: CA_A });
    await agent.join(document);
    damage('cluster');
    await agent.start(OFTEN);
    await agent.until(() => {
      const patches = agent.cluster.patches(`${NODE}/status`).join('\n');
      expect(patches).toContain('"type":"KiosStorage","status":"False","reason":"Data"');
      expect(patches).toContain('"type":"KiosNetwork","status":"True","reason":"NoFault"');
      const events = agent.cluster.asked.filter(({ path }) => path === EVENTS);
      expect(events.map(({ body }) => body).join('\n')).toContain(
        'KIOS_INIT_DATA: cannot mount /dev/vda2: structure needs cleaning. Repair it.',
      );
    });
    const events = agent.cluster.asked.filter(({ path }) => path === EVENTS);
    expect(events).toHaveLength(1);
  });

  it('tells when its API server is gone, once that has lasted', { timeout: 60_000 }, async () => {
    const document = clusterDocument('https://127.0.0.1:1', { ca: CA_A });
    await agent.join(document);
    agent.cluster.isDown = true;
    await agent.start(OFTEN);
    await agent.sees('fault');
    expect(agent.saw('fault')[0]).toMatchObject({ code: 'KIOS_FAULT_API_UNREACHABLE' });
  });
});
