import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';

import { type Logger, readIfThere } from '@kios/agent';
import type { PodsConfig, Reading } from '@kios/network-config';
import type { Judgement } from '@kios/network-config/trial';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Where the network file may be, the first that exists counts, and what the DHCP agent keeps of it. */
export interface NetworkFiles {
  readonly files: readonly string[];
  readonly judgement: string;
  readonly bootId?: string;
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

async function readBootId(): Promise<string> {
  return ((await readIfThere(BOOT_ID)) ?? '').trim();
}

async function readJudgement(file: string): Promise<Judgement | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  const { parseJudgement } = await import('@kios/network-config/trial');
  return parseJudgement(text);
}

/** Where there is no file, the result is that of an empty one. */
async function parseFile(text = ''): Promise<Reading> {
  const { readNetworkConfig } = await import('@kios/network-config');
  return readNetworkConfig(text);
}

/** Reads the first file that exists; one that cannot be read has faults as an empty one has. */
async function readText(files: readonly string[]): Promise<string | undefined> {
  const file = files.find((each) => existsSync(each));
  return file === undefined ? undefined : ((await readIfThere(file).catch(() => '')) ?? '');
}

/**
 * Reads which pods have addresses of the host's segment, from the file that the DHCP agent carries out: one with faults
 * or one that it has taken back does not count, and the last good one does in its place. The DHCP agent names faults.
 */
export async function readPods(
  { files, judgement, bootId }: NetworkFiles,
  log: Logger,
): Promise<PodsConfig | undefined> {
  const text = await readText(files);
  if (text === undefined) return undefined;
  const present = await parseFile(text);
  const before = await readJudgement(judgement);
  if (present.ok) {
    const inForce = await judged(text, before, bootId ?? (await readBootId()));
    return podsOf(inForce === text ? present : await parseFile(inForce));
  }
  log.warn({ ev: 'network.fault', faults: present.faults.length });
  return podsOf(await parseFile(before?.good));
}

const podsOf = (reading: Reading): PodsConfig | undefined =>
  reading.ok ? reading.config.pods : undefined;

/** Returns the text that counts. The DHCP agent itself ends a trial of this boot. */
async function judged(
  text: string,
  before: Judgement | undefined,
  bootId: string,
): Promise<string | undefined> {
  const { judge } = await import('@kios/network-config/trial');
  const { inForce } = judge(before, { text, digest: digestOf(text), bootId, now: 0, limit: 0 });
  return inForce;
}
