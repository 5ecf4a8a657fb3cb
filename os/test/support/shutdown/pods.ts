import { CONSOLE_SOCKET } from '../../../guest/src/scripts.ts';
import { RUNTIME, RUNTIME_IMAGE } from '../../../src/lab/guest-program.ts';

export const SHUTDOWN_SOCKET = '/run/kios/control/shutdown.sock';
export const ORDERS = { reboot: 0x06, callOff: 0x07 } as const;

/** Events of pods on init's console. */
export const SAYS = { ready: 'ready', asked: 'asked', gone: 'gone' } as const;

/** Functions of every script: `say` writes an event to init's console, `order` sends a byte to init. */
const PREAMBLE = (agent: string): string => `
  const { connect } = require('node:net');
  const { readFileSync } = require('node:fs');
  const up = () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const say = (ev) => {
    const line = JSON.stringify({ agent: '${agent}', ev, up: up() });
    const to = connect('${CONSOLE_SOCKET}', () => to.end(line + '\\n'));
  };
  const order = (byte) => {
    const to = connect('${SHUTDOWN_SOCKET}', () => to.end(Buffer.from([byte])));
  };
  setInterval(() => {}, 1e6);
`;

/** Says when it is asked to end, and ends so much later. */
const lingering = (takesMs: number): string => `
  process.on('SIGTERM', () => {
    say('${SAYS.asked}');
    setTimeout(() => {
      say('${SAYS.gone}');
      setTimeout(() => process.exit(0), 300);
    }, ${takesMs});
  });
  say('${SAYS.ready}');
`;

/** Orders a reboot, and calls it off when it is itself asked to end. */
export const CHANGING_MIND = `
  process.on('SIGTERM', () => order(${ORDERS.callOff}));
  order(${ORDERS.reboot});
`;

/** Hangs a process of the host, then orders a reboot. */
export const hanging = (pid: number): string => `
  process.kill(${pid}, 'SIGSTOP');
  order(${ORDERS.reboot});
`;

export const REBOOTING = `order(${ORDERS.reboot});`;

/** Writes to its volume again and again. */
export const WRITING = `
  const fs = require('node:fs');
  const file = fs.openSync('/volume/endless', 'w');
  setInterval(() => {
    fs.writeSync(file, Buffer.alloc(65536, 1), 0, 65536, 0);
    fs.fsyncSync(file);
  }, 20);
  say('${SAYS.ready}');
`;

export interface StoppingPod {
  readonly name: string;
  readonly nodeName: string;
  readonly script: string;
  readonly namespace?: string;
  readonly priorityClassName?: string;
  readonly graceSeconds?: number;
  readonly hostPID?: true;
  /** Source of a volume at /volume. */
  readonly volume?: unknown;
}

/** Returns a pod that runs a script and may talk to init. It is not started again when it has ended. */
export function stoppingPod(pod: StoppingPod): string {
  const { name, nodeName, script, namespace = 'default', graceSeconds = 5 } = pod;
  const { priorityClassName, hostPID, volume } = pod;
  const sockets = [CONSOLE_SOCKET, SHUTDOWN_SOCKET].map((socket, index) => ({
    name: `socket-${index}`,
    hostPath: { path: socket, type: 'Socket' },
  }));
  const mounts = sockets.map(({ name: of, hostPath }) => ({ name: of, mountPath: hostPath.path }));
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { test: 'shutdown' } },
    spec: {
      nodeName,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: graceSeconds,
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
      ...(hostPID === undefined ? {} : { hostPID }),
      containers: [
        {
          name: 'run',
          image: RUNTIME_IMAGE,
          imagePullPolicy: 'Never',
          command: [RUNTIME, '-e', `${PREAMBLE(name)}${script}`],
          env: [{ name: 'HOME', value: '/tmp' }],
          securityContext: { runAsUser: 0 },
          volumeMounts: [
            ...mounts,
            ...(volume === undefined ? [] : [{ name: 'volume', mountPath: '/volume' }]),
          ],
        },
      ],
      volumes: [
        ...sockets,
        ...(volume === undefined ? [] : [Object.assign({ name: 'volume' }, volume)]),
      ],
    },
  });
}

/** A pod that takes so long to end. */
export const lingeringPod = (
  pod: Omit<StoppingPod, 'script'> & { readonly takesMs: number },
): string => stoppingPod({ ...pod, script: lingering(pod.takesMs) });
