import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe } from '@kios/errors';

import { openTools } from '../../build/sources/debian/toolroot.ts';
import { killGroup } from '../../workstation/process.ts';
import { silent } from '../../workstation/progress.ts';
import { MACHINE_FILES } from './arguments.ts';
import { splitFlags } from './flags.ts';

/** TCP ports of the workstation's 127.0.0.1 that cross the border of a machine's own network. */
export interface CrossingPorts {
  /** Ports on which the machine listens for the workstation. */
  readonly toMachine: readonly number[];
  /** Ports that the guest may reach. */
  readonly toWorkstation: readonly number[];
}

/** How QEMU is started. */
export interface Network {
  /** Programs that start QEMU in a network of its own; none where that is not possible. */
  readonly wrapper: readonly string[];
  /** The reason why the guest reaches the workstation's whole loopback; absent when it does not. */
  readonly exposed?: string;
}

const RESOLV_CONF = '/etc/resolv.conf';
/** Name of the file that QEMU reads instead of it. */
const OWN_RESOLV_CONF = 'resolv.conf';
/** Stands for the workstation's resolver in a machine's own network. Nothing else has this address. */
const RESOLVER = '169.254.1.1';
const PROBE_MS = 10_000;

/**
 * Closes what pasta leaves open: its listening socket belongs to the workstation's network, and whoever takes over QEMU
 * could connect it to any port there. QEMU's errors go to its own log, apart from those of the wrapper.
 */
const CLOSE_AND_START = 'exec "$@" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-';

/** Writes ports as pasta reads them: an address counts for all that follow. */
const portList = (ports: readonly number[], address = ''): string =>
  ports.length === 0 ? 'none' : `${address}${ports.join(',')}`;

/** Who makes the network. */
interface Starter {
  /** The program, with the arguments that every start needs. */
  readonly pasta: readonly string[];
  readonly isRoot: boolean;
}

/** That of the workstation, which a profile may let a user start on Ubuntu. */
const INSTALLED = ['pasta'];

/**
 * Returns pasta of the image's release. Those of Debian 12 and Ubuntu 24.04 keep the end of a large answer from a
 * reader that is slow, for ever (mended in passt 2024_10_30): a guest that pulls a large image never ends.
 */
async function releasesPasta(): Promise<readonly string[]> {
  const tools = await openTools<'usr/bin/pasta'>(['passt', 'libc6'], silent);
  // It would lead the workstation's connections past the loopback of the namespace, where QEMU listens.
  return [...tools.command('usr/bin/pasta'), '--host-lo-to-ns-lo'];
}

/**
 * Returns the programs that start another one in a network namespace of its own, from which only these ports and the
 * networks beyond the workstation are reached. They and the started program end together. As root no user namespace is
 * made, because QEMU changes to a user which that would not have.
 */
export const networkWrapper = (
  ports: CrossingPorts,
  { pasta, isRoot, resolvConf }: Starter & { readonly resolvConf?: string },
): string[] => [
  ...pasta,
  ...(isRoot ? ['--netns-only', '--runas', '0'] : []),
  ...splitFlags([
    '--foreground',
    '--quiet',
    '--config-net',
    '--no-map-gw',
    `--tcp-ports ${portList(ports.toMachine, '127.0.0.1/')}`,
    '--udp-ports none',
    `--tcp-ns ${portList(ports.toWorkstation)}`,
    '--udp-ns none',
    `--dns-forward ${RESOLVER}`,
  ]),
  '--',
  'bwrap',
  '--die-with-parent',
  '--dev-bind',
  '/',
  '/',
  ...(resolvConf === undefined ? [] : ['--ro-bind', OWN_RESOLV_CONF, resolvConf]),
  ...splitFlags([isRoot ? '--cap-add ALL' : '--cap-drop ALL']),
  'sh',
  '-c',
  CLOSE_AND_START,
  'sh',
];

/** Returns whether QEMU's user network would ask a resolver on the loopback, of which a machine has its own. */
export const asksLoopback = (resolvConf: string): boolean =>
  /^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/m.exec(resolvConf)?.[1]?.startsWith('127.') === true;

/**
 * Returns why a network of its own cannot be made here, as pasta says it; undefined when it can. A pasta that fails
 * leaves a process behind that waits for it and holds its output open: so this is a file, and its group is killed.
 */
async function refusal(dir: string, starter: Starter): Promise<string | undefined> {
  const [program = '', ...args] = networkWrapper({ toMachine: [], toWorkstation: [] }, starter);
  const log = path.join(dir, MACHINE_FILES.networkLog);
  await using output = await open(log, 'w', 0o600);
  const stdio = ['ignore' as const, output.fd, output.fd];
  const child = spawn(program, [...args, 'true'], { cwd: dir, detached: true, stdio });
  try {
    const exit = await once(child, 'exit', { signal: AbortSignal.timeout(PROBE_MS) });
    if (exit[0] === 0) return undefined;
  } catch (error) {
    return describe(error);
  } finally {
    if (child.pid !== undefined) killGroup(child.pid);
  }
  return (await readFile(log, 'utf8')).trim().split('\n').at(-1) ?? '';
}

/** Returns the warning about a machine without a network of its own. */
export const exposureWarning = (reason: string): string =>
  `warning: the guest can reach every port of this workstation's 127.0.0.1, because pasta cannot give it a network of its own: ${reason} (docs/workstation.md says how to mend that)`;

/** Prepares a network of its own for the machine in `dir`. */
export async function ownNetwork(dir: string, ports: CrossingPorts): Promise<Network> {
  const isRoot = process.getuid?.() === 0;
  const starter = { pasta: await releasesPasta(), isRoot };
  const exposed = await refusal(dir, starter);
  if (exposed !== undefined) {
    starter.pasta = INSTALLED;
    if ((await refusal(dir, starter)) !== undefined) return { wrapper: [], exposed };
  }
  const text = await readFile(RESOLV_CONF, 'utf8').catch(() => '');
  if (!asksLoopback(text)) return { wrapper: networkWrapper(ports, starter) };
  await writeFile(path.join(dir, OWN_RESOLV_CONF), `nameserver ${RESOLVER}\n`);
  const resolvConf = await realpath(RESOLV_CONF);
  return { wrapper: networkWrapper(ports, { ...starter, resolvConf }) };
}
