import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { listensOnUdp } from '../../src/core/node/proc-net.ts';
import { waitForStaticPods } from '../../src/edge/node/static-pods.ts';
import { testLogger } from '../support/logger.ts';
import { NodeFolder } from '../support/node-folder.ts';

const HEAD =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';
const PORT_68 =
  '  123: 0F02000A:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1234 2 0000000000000000 0\n';
const TO_PORT_68 = PORT_68.replace(':0044', ':1044').replace(':0000', ':0044');

let node: NodeFolder;
let lines: string[] = [];
const log = testLogger({ stdout: (line) => lines.push(line) });
const wait = async (podsTimeoutSeconds: number): Promise<void> =>
  waitForStaticPods({ ...node.settings, podsTimeoutSeconds }, log, new AbortController().signal);

beforeEach(async () => {
  node = await NodeFolder.make();
  lines = [];
});
afterEach(async () => {
  await node[Symbol.asyncDispose]();
});

describe('before kubelet is restarted', () => {
  it('pods that this node does not have are not waited for', async () => {
    node.write('etc/kubernetes/manifests/my-dhcp.yaml', '');
    await wait(60);
    expect(lines).toEqual([]);
  });

  it('the shipped pods are waited for until the last container of each runs', async () => {
    for (const name of ['dhcp', 'chrony', 'modloader', 'cni'])
      node.write(`etc/kubernetes/manifests/${name}.yaml`, '');
    node.write('run/kios/modules/status.json', '{}');
    node.write('proc/net/udp', HEAD);
    const waiting = wait(60);
    await vi.waitFor(() =>
      expect(lines.join('')).toContain('"missing":["chrony.yaml","dhcp.yaml"]'),
    );
    node.write('run/kios/time/state.json', '{}');
    node.write('proc/net/udp', HEAD + PORT_68);
    await waiting;
    expect(lines.join('')).toContain('"ev":"pods.up"');
  });

  it('a pod that does not start delays nothing beyond the deadline', async () => {
    node.write('etc/kubernetes/manifests/chrony.yaml', '');
    await wait(0.05);
    expect(lines.join('')).toMatch(/"ev":"pods.late","missing":\["chrony.yaml"\]/);
  });
});

it.each([
  [HEAD + PORT_68, true],
  [HEAD + TO_PORT_68, false],
  [HEAD, false],
  ['', false],
])('the table of UDP sockets says whether a port is in use', (table, has) => {
  expect(listensOnUdp(table, 68)).toBe(has);
});
