import { stringify } from 'yaml';

import { RUNTIME, RUNTIME_IMAGE } from './debug-pod.ts';

const CONSOLE_SOCKET = '/run/kios/control/console.sock';
const WATCH_MS = 15_000;

/**
 * Looks, for a while and once a second, at the sockets of the host's network that wait for anybody, and tells of them on the
 * console: before the node has joined there is no other way to ask it. UDP port 68 is left out, a DHCP client's own.
 */
const SCRIPT = `
const { readFileSync } = require('node:fs');
const seen = new Set();
const end = Date.now() + ${WATCH_MS};
const look = () => {
  for (const protocol of ['tcp', 'tcp6', 'udp', 'udp6'])
    for (const line of readFileSync('/proc/net/' + protocol, 'utf8').split('\\n').slice(1)) {
      const [, local = '', , state] = line.trim().split(/\\s+/);
      const waits = state === (protocol.startsWith('tcp') ? '0A' : '07');
      const loopback = /^7F:|^00000000000000000000000001000000:/.test(local.replace(/^(......)(..):/, '$2:'));
      if (waits && !loopback && !(protocol.startsWith('udp') && local.endsWith(':0044'))) seen.add(protocol + ' ' + local);
    }
  if (Date.now() < end) return void setTimeout(look, 1000);
  const line = JSON.stringify({ agent: 'listeners', ev: 'seen', up: Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]), open: [...seen] });
  const socket = require('node:net').connect('${CONSOLE_SOCKET}', () => socket.end(line + '\\n'));
};
look();
setInterval(() => {}, 60_000);`;

/** A static pod that reports the host's open sockets on the console. */
export const listenersManifest = (): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'listeners', namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'listeners',
          image: RUNTIME_IMAGE,
          imagePullPolicy: 'Never',
          command: [RUNTIME, '-e', SCRIPT],
          volumeMounts: [{ name: 'console', mountPath: CONSOLE_SOCKET }],
        },
      ],
      volumes: [{ name: 'console', hostPath: { path: CONSOLE_SOCKET, type: 'Socket' } }],
    },
  });
