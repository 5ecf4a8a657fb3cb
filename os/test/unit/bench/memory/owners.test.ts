import * as v from 'valibot';
import { expect, it } from 'vitest';

import { namesIn, ownersOf, PodList } from '../../../../src/bench/memory/owners.ts';

const DHCP = 'c'.repeat(64);
const SANDBOX = '5'.repeat(64);
const GONE = '9'.repeat(64);

const names = namesIn(
  v.parse(PodList, {
    items: [
      {
        metadata: {
          namespace: 'kube-system',
          name: 'dhcp-node',
          uid: 'mirror',
          annotations: { 'kubernetes.io/config.hash': 'static' },
        },
        status: {
          containerStatuses: [{ name: 'run', containerID: `containerd://${DHCP}` }],
          initContainerStatuses: [{ name: 'acquire' }],
        },
      },
      { metadata: { namespace: 'default', name: 'web', uid: 'web' }, status: {} },
    ],
  }),
);

const process = (pid: number, name: string, cgroup: string, command = name) => ({
  pid,
  name,
  cgroup,
  command,
});

const PROCESSES = [
  process(1, 'init', '0::/../../../../kios/init'),
  process(10, 'containerd-shim', '0::/../../../../kios/shims', `shim -id ${SANDBOX} -address x`),
  process(11, 'pause', `0::/../../podstatic/${SANDBOX}`),
  process(12, 'bun', `0::/../../podstatic/${DHCP}`),
  process(13, 'nginx', `0::/../../podweb/${GONE}`),
  process(14, 'sh', `0::/../../podother/${GONE}`),
  process(20, 'containerd-shim', '0::/../../../../kios/shims', 'shim -id 77 -address x'),
  process(21, 'pause', '0::/../77'),
  process(22, 'bun', '0::/'),
];

it('knows whose each process is', () => {
  const owners = ownersOf(PROCESSES, names, { pid: 22, shim: 20 });
  expect(Object.fromEntries(owners)).toEqual({
    1: { kind: 'host', name: '' },
    10: { kind: 'infrastructure', name: 'kube-system/dhcp-node' },
    11: { kind: 'infrastructure', name: 'kube-system/dhcp-node' },
    12: { kind: 'pod', name: 'kube-system/dhcp-node/run' },
    13: { kind: 'pod', name: 'default/web' },
    14: { kind: 'pod', name: 'pod other' },
    20: { kind: 'probe', name: 'the probe' },
    21: { kind: 'probe', name: 'the probe' },
    22: { kind: 'probe', name: 'the probe' },
  });
});
