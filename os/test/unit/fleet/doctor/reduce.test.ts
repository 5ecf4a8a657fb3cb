import { expect, it } from 'vitest';

import { parseListing } from '../../../../src/fleet/doctor/parts.ts';
import { isOwnPod, reducePods, reduceRequests } from '../../../../src/fleet/doctor/reduce.ts';
import { SECRETS } from '../../../support/doctor/secrets.ts';
import { generateKubeletRequest } from '../../../support/kubelet-request.ts';

const mirror = { 'kubernetes.io/config.mirror': 'x' };

const pod = (namespace: string, annotations: object): object => ({ metadata: { namespace, annotations } }); // prettier-ignore

it('the node’s own pods are the static ones of kube-system, as API and kubelet show them', () => {
  expect(isOwnPod(pod('kube-system', mirror))).toBe(true);
  expect(isOwnPod(pod('kube-system', { 'kubernetes.io/config.source': 'file' }))).toBe(true);
  expect(isOwnPod(pod('kube-system', { 'kubernetes.io/config.source': 'api' }))).toBe(false);
  expect(isOwnPod(pod('default', mirror))).toBe(false);
  expect(isOwnPod({})).toBe(false);
});

it('of users’ pods only how they fare stays', () => {
  const own = { metadata: { namespace: 'kube-system', name: 'dhcp', annotations: mirror }, spec: { x: 1 } }; // prettier-ignore
  const users = {
    metadata: { namespace: 'shop', name: 'db', annotations: { note: SECRETS.users } },
    spec: { containers: [{ args: [SECRETS.users] }] },
    status: {
      phase: 'Running',
      message: SECRETS.users,
      initContainerStatuses: [
        {
          name: 'restore',
          restartCount: 3,
          state: { terminated: { reason: 'Error', exitCode: 2, message: SECRETS.users } },
        },
      ],
      containerStatuses: [
        {
          name: 'db',
          restartCount: 2,
          ready: false,
          state: { waiting: { reason: 'CrashLoopBackOff', message: SECRETS.users } },
          lastState: { terminated: { reason: 'Error', exitCode: 1, message: SECRETS.users } },
        },
      ],
    },
  };
  const reduced = reducePods({ items: [own, users] });
  expect(JSON.stringify(reduced)).not.toContain(SECRETS.users);
  expect(reduced).toMatchObject({
    items: [
      own,
      {
        metadata: { namespace: 'shop', name: 'db' },
        status: {
          phase: 'Running',
          initContainerStatuses: [
            { name: 'restore', restartCount: 3, state: { terminated: { exitCode: 2 } } },
          ],
          containerStatuses: [
            {
              restartCount: 2,
              state: { waiting: { reason: 'CrashLoopBackOff' } },
              lastState: { terminated: { reason: 'Error', exitCode: 1 } },
            },
          ],
        },
      },
    ],
  });
});

const request = async (name: string, username: string, subject: string): Promise<object> => ({
  metadata: { name, annotations: { x: SECRETS.request } },
  spec: {
    username,
    signerName: 'kubernetes.io/kubelet-serving',
    request: Buffer.from(await generateKubeletRequest(subject)).toString('base64'),
  },
  status: { certificate: SECRETS.request },
});

it('a node’s requests for certificates are found by who asks and by what is asked for', async () => {
  const items = [
    await request('csr-serving', 'system:node:node-1', 'node-1'),
    await request('csr-joining', 'system:bootstrap:abcdef', 'node-1'),
    await request('csr-other', 'system:bootstrap:abcdef', 'node-10'),
    await request('csr-others', 'system:node:node-10', 'node-10'),
  ];
  const reduced = reduceRequests('node-1')({ items });
  expect(JSON.stringify(reduced)).not.toContain(SECRETS.request);
  expect(reduced).toMatchObject({
    items: [{ metadata: { name: 'csr-serving' } }, { metadata: { name: 'csr-joining' } }],
  });
});

it('answers of any form become an empty list', () => {
  for (const answer of [null, 'x', 3, [], {}, { items: null }, { items: [null, 3] }]) {
    expect(() => reducePods(answer)).not.toThrow();
    expect(reduceRequests('node-1')(answer)).toEqual({ items: [] });
  }
});

it('a listing gives only names that a node has there', () => {
  const html = `<pre>
<a href="boots/">boots/</a>
<a href="init.log">init.log</a>
<a href="/api/v1/nodes/a/proxy/logs/kios/kubelet.log.1">kubelet.log.1</a>
<a href="state.json">state.json</a>
<a href="000012/">000012/</a>
<a href="000003/">000003/</a>
<a href="../pods/">..</a>
<a href="..%2fsecret">x</a>
<a href="id_rsa">id_rsa</a>
</pre>`;
  expect(parseListing(html)).toEqual({
    files: ['init.log', 'kubelet.log.1', 'state.json'],
    hasBoots: true,
    boots: ['000003/', '000012/'],
  });
});
