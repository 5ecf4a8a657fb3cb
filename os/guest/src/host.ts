/**
 * Prints the processes, open sockets and executable files of the host as one JSON object. Runs in a pod with the host's
 * process namespace.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

import { readParameters, SCRIPTS } from './scripts.ts';

const { root } = readParameters(SCRIPTS.host);
const PROC = `${root}/proc`;
const HOST = `${PROC}/1/root`;
const STORE = '/lib/kios/store';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

const linkOf = (file: string): string => {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
};

const hostMounts = linkOf(`${PROC}/1/ns/mnt`);

const field = (status: string, name: string): string =>
  new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '';

const processes = readdirSync(PROC)
  .filter((name) => /^\d+$/.test(name))
  .map(Number)
  .flatMap((pid) => {
    const status = read(`${PROC}/${pid}/status`);
    const stat = read(`${PROC}/${pid}/stat`);
    if (status === '' || stat === '') return [];
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ppid = Number(field(status, 'PPid'));
    return [
      {
        pid,
        ppid,
        name: field(status, 'Name'),
        exe: linkOf(`${PROC}/${pid}/exe`),
        kernel: pid === 2 || ppid === 2,
        onHost: linkOf(`${PROC}/${pid}/ns/mnt`) === hostMounts,
        cgroup: read(`${PROC}/${pid}/cgroup`).trim(),
        startTicks: Number(fields[19]),
        capabilities: {
          permitted: field(status, 'CapPrm'),
          effective: field(status, 'CapEff'),
          bounding: field(status, 'CapBnd'),
        },
      },
    ];
  });

const TCP_LISTEN = '0A';
const UDP_UNCONNECTED = '07';

/** Formats an address of /proc/net, which is written there in 32-bit words of the machine's byte order. */
function address(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => [6, 4, 2, 0].map((at) => word.slice(at, at + 2)));
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join('.');
  return bytes.join('').replaceAll(/.{4}(?=.)/g, '$&:');
}

const listeners = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((protocol) => {
  const accepting = protocol.startsWith('tcp') ? TCP_LISTEN : UDP_UNCONNECTED;
  return read(`${PROC}/1/net/${protocol}`)
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === accepting)
    .map((columns) => {
      const [host = '', port = ''] = (columns[1] ?? '').split(':');
      return { protocol, address: address(host), port: Number.parseInt(port, 16) };
    });
});

const mount = read(`${PROC}/1/mountinfo`)
  .split('\n')
  .findLast((line) => line.split(' ')[4] === '/'); // A later mount covers an earlier one.
const [before = '', after = ''] = (mount ?? '').split(' - ');

const rootDevice = statSync(`${HOST}/`).dev;

function executablesIn(dir: string): string[] {
  return readdirSync(HOST + dir).flatMap((name) => {
    const path = dir === '/' ? `/${name}` : `${dir}/${name}`;
    if (path === STORE) return [];
    const found = lstatSync(HOST + path);
    if (found.dev !== rootDevice) return []; // Another file system is mounted there.
    if (found.isDirectory()) return executablesIn(path);
    return found.isFile() && (found.mode & 0o111) !== 0 ? [path] : [];
  });
}

process.stdout.write(
  `${JSON.stringify({
    processes,
    listeners,
    rootOptions: before.split(' ')[5] ?? '',
    rootType: after.split(' ')[0] ?? '',
    bin: readdirSync(`${HOST}/bin`).toSorted(),
    executables: executablesIn('/').toSorted(),
  })}\n`,
);
