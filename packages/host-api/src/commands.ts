/** The commands to init; each is one byte on a control socket: docs/host-api.md §1. */
export const COMMANDS = {
  'soft-shutdown': 0x01,
  'continue-shutdown': 0x02,
  'restart-kubelet': 0x03,
  'restart-runtime': 0x04,
  'power-off': 0x05,
  reboot: 0x06,
  'call-off-shutdown': 0x07,
} as const;

export type Command = keyof typeof COMMANDS;

interface ControlSocket {
  readonly path: string;
  readonly grants: readonly Command[];
}

/** Init's control sockets: one that grants everything, and one per right, so that a pod gets only those it needs. */
export const SOCKETS = {
  system: {
    path: '/run/system.sock',
    grants: [
      'soft-shutdown',
      'continue-shutdown',
      'restart-kubelet',
      'restart-runtime',
      'power-off',
      'reboot',
      'call-off-shutdown',
    ],
  },
  'restart-kubelet': {
    path: '/run/kios/control/restart-kubelet.sock',
    grants: ['restart-kubelet'],
  },
  'restart-runtime': {
    path: '/run/kios/control/restart-runtime.sock',
    grants: ['restart-runtime'],
  },
  shutdown: {
    path: '/run/kios/control/shutdown.sock',
    grants: ['soft-shutdown', 'continue-shutdown', 'power-off', 'reboot', 'call-off-shutdown'],
  },
} as const satisfies Record<string, ControlSocket>;

export type SocketName = keyof typeof SOCKETS;

export interface Interpretation {
  readonly commands: readonly Command[];
  /** The number of bytes that are unknown or that the socket does not grant. */
  readonly refused: number;
}

const isCommand = (name: string): name is Command => name in COMMANDS;

const commandOf = (byte: number): Command | undefined =>
  Object.keys(COMMANDS)
    .filter(isCommand)
    .find((name) => COMMANDS[name] === byte);

/** Interprets a client's bytes as init does. This is the reading side of the contract, for tests and fakes. */
export function interpret(socket: SocketName, bytes: Uint8Array): Interpretation {
  const grants: readonly Command[] = SOCKETS[socket].grants;
  const commands = [...bytes]
    .map(commandOf)
    .filter((name) => name !== undefined)
    .filter((name) => grants.includes(name));
  return { commands, refused: bytes.length - commands.length };
}
