import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';

import { removeStaleTemps, writeAtomic } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import { serversIn } from '../../core/sources/plan-sources.ts';

/** The folder and the command socket that chronyd and this agent share. */
export interface Layout {
  readonly dir: string;
  readonly socket: string;
}

const sourcesDir = ({ dir }: Layout): string => path.join(dir, 'sources.d');
const LEASE_FILE = /^30-dhcp-(.+)\.sources$/;

async function makeFolders(layout: Layout): Promise<void> {
  const socketDir = path.dirname(layout.socket);
  await mkdir(sourcesDir(layout), { recursive: true });
  await mkdir(socketDir, { recursive: true });
  await chmod(socketDir, 0o770);
}

/** Creates the folders. chronyd opens its command socket only in a folder with exactly this owner and mode. */
export async function prepare(layout: Layout): Promise<void> {
  try {
    await makeFolders(layout);
  } catch (cause) {
    throw new KiosError('KIOS_WRITE', `write to ${layout.dir}`, { cause, exitCode: EXIT.system });
  }
  await removeStaleTemps(layout.dir);
  await removeStaleTemps(sourcesDir(layout));
}

const listSources = async (layout: Layout): Promise<string[]> =>
  (await readdir(sourcesDir(layout)).catch(() => [])).filter((name) => name.endsWith('.sources'));

/** Reads the servers of leases in chronyd's present files, by link: the last known good ones. */
export async function readLeasedServers(layout: Layout): Promise<Map<string, string[]>> {
  const servers = new Map<string, string[]>();
  for (const name of await listSources(layout)) {
    const link = LEASE_FILE.exec(name)?.[1];
    if (link === undefined) continue;
    const content = await readFile(path.join(sourcesDir(layout), name), 'utf8').catch(() => '');
    servers.set(link, serversIn(content));
  }
  return servers;
}

/** Makes `sources.d` contain exactly these files. Returns the names of those it changed. */
export async function writeSources(
  layout: Layout,
  files: ReadonlyMap<string, string>,
): Promise<string[]> {
  const changed: string[] = [];
  for (const [name, content] of files) {
    if (await writeAtomic(path.join(sourcesDir(layout), name), content)) changed.push(name);
  }
  for (const name of await listSources(layout)) {
    if (files.has(name)) continue;
    await rm(path.join(sourcesDir(layout), name), { force: true });
    changed.push(name);
  }
  return changed;
}

export const writeConf = (layout: Layout, content: string): Promise<boolean> =>
  writeAtomic(path.join(layout.dir, 'chrony.conf'), content);
