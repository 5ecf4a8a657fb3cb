import { stringify } from 'yaml';

import { RUNTIME, RUNTIME_IMAGE } from './debug-pod.ts';

const CONSOLE_SOCKET = '/run/kios/control/console.sock';
const HOST_FOLDERS = ['/var/log/pods', '/etc/kubernetes'] as const;
const WATCH_SECONDS = 15;
const LONGEST_SECONDS = 240;

/** What bootstrap says of a cluster that is not the one, or that does not know its token (yet). */
export const REFUSED = /KIOS_BOOTSTRAP_(UNTRUSTED|UNSIGNED|TOKEN)/;

/** What the probe's line is called on the console. */
export const PROBE = { agent: 'standalone-probe', ev: 'seen' } as const;

/**
 * Before a node has joined there is no other way to ask it: looks, once a second and for a while, at the sockets of the host's
 * network that wait for anybody, then tells of them on the console, with the code that bootstrap's log has and the files that
 * /etc/kubernetes has. UDP port 68 is left out, a DHCP client's own.
 */
const SCRIPT = `
const { readdirSync, readFileSync } = require('node:fs');
const refused = new RegExp(${JSON.stringify(REFUSED.source)});
const open = new Set();
let seconds = 0;
const isOpen = (protocol, local, state) => {
  const loopback = /^(.{6}7F:|0{24}01000000:)/.test(local);
  const dhcp = protocol.startsWith('udp') && local.endsWith(':0044');
  return state === (protocol.startsWith('tcp') ? '0A' : '07') && !loopback && !dhcp;
};
const codeInLog = () => {
  for (const pod of readdirSync('/var/log/pods').filter((name) => name.includes('_bootstrap')))
    for (const container of readdirSync('/var/log/pods/' + pod)) {
      const folder = '/var/log/pods/' + pod + '/' + container + '/';
      for (const log of readdirSync(folder)) {
        const found = refused.exec(readFileSync(folder + log, 'utf8'));
        if (found !== null) return found[0];
      }
    }
};
const look = () => {
  for (const protocol of ['tcp', 'tcp6', 'udp', 'udp6'])
    for (const line of readFileSync('/proc/net/' + protocol, 'utf8').split('\\n').slice(1)) {
      const [, local = '', , state] = line.trim().split(/\\s+/);
      if (isOpen(protocol, local, state)) open.add(protocol + ' ' + local);
    }
  const code = codeInLog();
  seconds += 1;
  if (seconds < ${WATCH_SECONDS} || (code === undefined && seconds < ${LONGEST_SECONDS})) return;
  clearInterval(timer);
  const files = readdirSync('/etc/kubernetes', { recursive: true });
  const up = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const line = JSON.stringify({ ...${JSON.stringify(PROBE)}, up, open: [...open], code, files });
  const socket = require('node:net').connect('${CONSOLE_SOCKET}', () => socket.end(line + '\\n'));
};
const timer = setInterval(look, 1000);
setInterval(() => {}, 60_000);`;

/** The probe as a static pod. */
export const probeManifest = (): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: PROBE.agent, namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'probe',
          image: RUNTIME_IMAGE,
          imagePullPolicy: 'Never',
          command: [RUNTIME, '-e', SCRIPT],
          volumeMounts: [
            { name: 'console', mountPath: CONSOLE_SOCKET },
            ...HOST_FOLDERS.map((folder, index) => ({
              name: `folder-${index}`,
              mountPath: folder,
              readOnly: true,
            })),
          ],
        },
      ],
      volumes: [
        { name: 'console', hostPath: { path: CONSOLE_SOCKET, type: 'Socket' } },
        ...HOST_FOLDERS.map((folder, index) => ({
          name: `folder-${index}`,
          hostPath: { path: folder, type: 'Directory' },
        })),
      ],
    },
  });
