import { randomUUID } from 'node:crypto';

import { runOnHost } from '../../../src/lab/debug-pod.ts';
import { RUNTIME_IMAGE } from '../../../src/lab/guest-program.ts';
import type { Kubectl } from '../../../src/lab/kubectl.ts';

const script = (text: string): readonly string[] => ['/bin/bun', '-e', text];

/** Resolves a name of IPv6 in a pod of the host's network, by that pod's own resolv.conf. Returns both. */
export async function lookUpOnHost(
  kubectl: Kubectl,
  nodeName: string,
  host: string,
): Promise<unknown> {
  const text = `require('node:dns/promises').lookup('${host}', { family: 6 }).then(({ address }) =>
    console.log(JSON.stringify({ address, resolver: require('node:fs').readFileSync('/etc/resolv.conf', 'utf8') })))`;
  return JSON.parse(await runOnHost(kubectl, { nodeName, command: script(text) }));
}

/** Connects from a pod of the node's own network to a port outside. Returns the pod's addresses and what it said. */
export async function reachFromPod(
  kubectl: Kubectl,
  nodeName: string,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<readonly [addresses: string, said: string]> {
  const name = `reach-${randomUUID().slice(0, 8)}`;
  const text = `require('node:net').connect(${port}, '${host}', () => {
    console.log('reached');
    process.exit();
  })`;
  const container = { name, image: RUNTIME_IMAGE, imagePullPolicy: 'Never', command: script(text) };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      containers: [container],
    },
  };
  await kubectl.call(['create', '-f', '-'], { input: JSON.stringify(pod) });
  const ended = 'jsonpath={.status.containerStatuses[0].state.terminated.exitCode}';
  await kubectl.wait(['wait', `--for=${ended}`, `pod/${name}`]);
  const addresses = '{.status.podIPs[*].ip}';
  const found = await kubectl.call(['get', 'pod', name, '-o', `jsonpath=${addresses}`]);
  return [found, (await kubectl.call(['logs', name])).trim()];
}
