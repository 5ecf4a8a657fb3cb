import { readdirSync } from 'node:fs';

import type { Listener } from '../host-facts.ts';
import { linkOf, read } from './files.ts';
import { pidsIn } from './processes.ts';

const TCP_LISTEN = '0A';
const UDP_UNCONNECTED = '07';

/** Formats an address of /proc/net, which is written there in 32-bit words of the machine's byte order. */
function address(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => [6, 4, 2, 0].map((at) => word.slice(at, at + 2)));
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
  return bytes.join('').replaceAll(/.{4}(?=.)/g, '$&:');
}

const entriesOf = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

/** Returns the program of each open socket, by the socket's inode number. */
function programsOfSockets(proc: string): Map<string, string> {
  const programs = new Map<string, string>();
  for (const pid of pidsIn(proc))
    for (const name of entriesOf(`${proc}/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]/.exec(linkOf(`${proc}/${pid}/fd/${name}`))?.[1];
      if (inode !== undefined) programs.set(inode, linkOf(`${proc}/${pid}/exe`));
    }
  return programs;
}

/** Returns the sockets of process 1's network namespace at which anyone may knock. */
export function listenersIn(proc: string): Listener[] {
  const programs = programsOfSockets(proc);
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((protocol) => {
    const accepting = protocol.startsWith('tcp') ? TCP_LISTEN : UDP_UNCONNECTED;
    return read(`${proc}/1/net/${protocol}`)
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[3] === accepting)
      .map((columns) => {
        const [host = '', port = ''] = (columns[1] ?? '').split(':');
        return {
          protocol,
          address: address(host),
          port: Number.parseInt(port, 16),
          program: programs.get(columns[9] ?? '') ?? '',
        };
      });
  });
}
