import type { Listener } from '../../../guest/src/host-facts.ts';

interface KnownListener {
  readonly protocol: RegExp;
  readonly address: RegExp;
  /** Any port if absent. */
  readonly port?: number;
  readonly program: string;
  /** Whether a joined node always has it. */
  readonly always: boolean;
  readonly why: string;
}

const ANY = /^(?:0\.0\.0\.0|(?:0000:){7}0000)$/;
const LOOPBACK = /^127\.0\.0\.1$/;

/** The sockets that may listen in the network namespace of a joined node, with the pods of its host network. */
export const LISTENERS: readonly KnownListener[] = [
  {
    protocol: /^tcp6?$/,
    address: ANY,
    port: 10250,
    program: '/bin/kubelet',
    always: true,
    why: 'kubelet’s API, which asks each caller for a certificate or a token that the API server accepts',
  },
  {
    protocol: /^tcp$/,
    address: LOOPBACK,
    program: '/bin/containerd',
    always: true,
    why: 'containerd’s streams of exec, attach and port-forward, which kubelet passes on under one-time names',
  },
  {
    protocol: /^udp$/,
    address: /^[\d.]+$/,
    port: 68,
    program: '/bin/bun',
    always: false,
    why: 'the DHCP client, whose port takes the replies to renewals',
  },
];

/** Returns a function that says whether a socket is the known one. */
export const matches =
  (known: KnownListener) =>
  ({ protocol, address, port, program }: Listener): boolean =>
    known.protocol.test(protocol) &&
    known.address.test(address) &&
    (known.port === undefined || known.port === port) &&
    known.program === program;

/** Returns why a socket may listen; undefined when it may not. */
export const purposeOf = (listener: Listener): string | undefined =>
  LISTENERS.find((known) => matches(known)(listener))?.why;

export const formatListener = ({ protocol, address, port, program }: Listener): string =>
  `${protocol} ${address}:${port} ${program === '' ? '(no program)' : program}`;
