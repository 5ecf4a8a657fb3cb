import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { KiosError } from '@kios/errors';
import { FakeRtnetlink } from '@kios/netlink/testing';
import { formatState, PlatformState } from '@kios/node-state';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Request } from '../../../src/core/pods/protocol.ts';
import { PodRequests, STRICT } from '../../../src/edge/pods/pod-requests.ts';
import { POD, POD_MAC, PodNode } from '../../support/pod-node.ts';

const COMMANDS = ['status', 'prepare', 'add'] as const;

let folder = '';
let node: PodNode;
let requests: PodRequests;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-pods-'));
  node = new PodNode(path.join(folder, 'pods'));
  const leases = await node.start();
  const where = {
    bridge: 'br0',
    uplink: 'bond0',
    acceptRa: undefined,
    lanDir: path.join(folder, 'lan'),
    platformDir: folder,
    sysfs: path.join(folder, 'sys'),
  };
  const ports = { rtnetlink: new FakeRtnetlink() };
  requests = new PodRequests(where, ports, leases, (job) => void job());
  await link('bond0', 'eth0');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** Makes a link, and those below it, as sysfs shows them. */
async function link(name: string, ...lower: readonly string[]): Promise<string> {
  const at = path.join(folder, 'sys/class/net', name);
  await mkdir(at, { recursive: true });
  for (const below of lower) await symlink(await link(below), path.join(at, `lower_${below}`));
  return at;
}

const on = async (platform: string): Promise<void> =>
  writeFile(path.join(folder, 'platform.json'), formatState(PlatformState, { v: 1, platform }));

function requestFor(command: (typeof COMMANDS)[number], bridge: string): Request {
  if (command === 'status') return { v: 1, command, bridge };
  return command === 'prepare'
    ? { v: 1, command, bridge, attachment: POD }
    : { v: 1, command, bridge, attachment: { ...POD, mac: POD_MAC } };
}

/** Returns the error; undefined when the request is carried out. */
const ask = async (
  command: (typeof COMMANDS)[number],
  bridge = 'br0',
  gone = new AbortController().signal,
): Promise<unknown> =>
  requests.answer(requestFor(command, bridge), gone).then(
    () => undefined,
    (error: unknown) => error,
  );

const refused = (why: string): unknown =>
  expect.toSatisfy(
    (error: unknown) =>
      error instanceof KiosError &&
      error.code === 'KIOS_DHCP_LAN_REFUSED' &&
      error.message.includes(why),
  );

describe.each(COMMANDS)('%s', (command) => {
  it.each([...STRICT])(
    'is refused on %s, which drops the frames of other hardware addresses',
    async (platform) => {
      await on(platform);
      expect(await ask(command)).toEqual(refused(platform));
      expect(node.sent).toEqual([]);
    },
  );

  it('is refused on Wi-Fi, also below a bond', async () => {
    await mkdir(path.join(folder, 'sys/class/net/eth0/phy80211'));
    expect(await ask(command)).toEqual(refused('bond0 is Wi-Fi'));
    expect(node.sent).toEqual([]);
  });

  it("is refused on a bridge that is not the network file's", async () => {
    expect(await ask(command, 'docker0')).toEqual(refused('the network file has pods on br0'));
    expect(node.sent).toEqual([]);
  });
});

it.each(['none', 'nocloud', 'openstack'])('a pod on %s is served', async (platform) => {
  await on(platform);
  expect(await ask('status')).toBeUndefined();
  expect(await ask('prepare')).toBeUndefined();
  const gone = new AbortController();
  const asked = ask('add', 'br0', gone.signal);
  await vi.waitFor(() => expect(node.sent).toHaveLength(1));
  gone.abort();
  expect(await asked).toMatchObject({ code: 'KIOS_DHCP_POD_REQUEST' });
});

it('nothing is sent for a plugin that has gone before its turn', async () => {
  expect(await ask('add', 'br0', AbortSignal.abort())).toMatchObject({
    code: 'KIOS_DHCP_POD_REQUEST',
  });
  expect(node.sent).toEqual([]);
});
