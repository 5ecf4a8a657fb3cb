import { readFile } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';

import { EXIT, KiosError } from '@kios/errors';

import type { CommandContext } from '../workstation/command-context.ts';
import { tailFile } from '../workstation/tail-file.ts';
import { kubectlInteractive } from './kubectl.ts';
import { NODE_NAME, labMachine } from './node.ts';
import { isSent, parseConsoleLine } from './qemu/console-line.ts';

export interface LogsOptions {
  /** A key of STREAMS or the name of a pod; undefined for the whole console. */
  readonly part: string | undefined;
  readonly follow: boolean;
}

type Source = 'console' | 'hostLogs';
interface Stream {
  readonly source: Source;
  /** Returns the line as it is shown; undefined when it belongs to another part. */
  readonly pick: (line: string) => string | undefined;
}

const prefixed =
  (prefix: string) =>
  (line: string): string | undefined =>
    line.startsWith(`${prefix}: `) ? line.slice(prefix.length + 2) : undefined;

const STREAMS: Readonly<Record<string, Stream>> = {
  kernel: {
    source: 'console',
    pick: (line) => (parseConsoleLine(line) === undefined && !isSent(line) ? line : undefined),
  },
  init: { source: 'hostLogs', pick: prefixed('init') },
  kubelet: { source: 'hostLogs', pick: prefixed('kubelet') },
  containerd: { source: 'hostLogs', pick: prefixed('containerd') },
};
const WHOLE_CONSOLE: Stream = { source: 'console', pick: (line) => line };

async function* linesNow(file: string): AsyncGenerator<string> {
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new KiosError('KIOS_NODE_ABSENT', `read ${file}`, {
      cause,
      exitCode: EXIT.unavailable,
      remedy: 'Start a node first: ./kios up.',
    });
  });
  for (const line of content.trimEnd().split('\n')) yield line.replace(/\r$/, '');
}

/** Shows the log of a pod. A static pod's full name ends in the node's: `dhcp` is `dhcp-kios-node-1`. */
async function podLogs(pod: string, follow: boolean): Promise<void> {
  const options = ['--all-containers', '--prefix', ...(follow ? ['-f'] : [])];
  const name = pod.endsWith(NODE_NAME) || pod.includes('/') ? pod : `${pod}-${NODE_NAME}`;
  process.exitCode = await kubectlInteractive(['-n', 'kube-system', 'logs', name, ...options]);
}

export async function showLogs(
  context: CommandContext,
  { part, follow }: LogsOptions,
): Promise<void> {
  const stream = part === undefined ? WHOLE_CONSOLE : STREAMS[part];
  if (stream === undefined) {
    await podLogs(part ?? '', follow);
    return;
  }
  const file = labMachine().file(stream.source);
  for await (const line of follow ? tailFile(file, context.signal) : linesNow(file)) {
    // Firmware clears the screen, which must not happen to this terminal.
    const shown = stream.pick(stripVTControlCharacters(line));
    if (shown !== undefined) context.print(shown);
  }
}
