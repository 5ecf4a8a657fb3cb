import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { describe } from '@kios/errors';
import { readSysctls } from '@kios/host-api/sysctls';

import { isBoardLine } from '../../build/image/boot-file.ts';
import { faultText } from '../../build/manifests/fault.ts';
import { parseManifest } from '../../build/manifests/parse.ts';
import { record } from '../../build/manifests/rules/view.ts';
import { fileSha256 } from '../../workstation/digest.ts';
import { type Progress, silent } from '../../workstation/progress.ts';
import { describeNetworkText } from '../network/network-file.ts';
import { checkDHCP, checkDocument } from './agent-check.ts';
import { addedWords, carriedOutBy, wordsOf } from './arguments.ts';
import {
  ADDON,
  ARGUMENTS,
  BOOT_FOLDER,
  DHCP,
  DOCUMENT,
  ENCRYPT,
  FOLDER,
  IMAGES,
  isKnown,
  MANIFESTS,
  MODULES,
  NETWORK,
  NO_CLOUD_NETWORK,
  RECOVERY_KEY,
  SYSCTLS,
} from './boot-folder.ts';
import { imagesOf } from './images.ts';
import { foreignModules } from './modules.ts';
import type { Partition } from './partition.ts';
import type { Medium } from './wanted.ts';

/** One file on the medium and what it means to a node. */
export interface Shown {
  readonly name: string;
  /** Undefined of a file that no node reads. */
  readonly bytes: number | undefined;
  readonly says: string;
}

type Describer = (content: Buffer, progress: Progress) => Promise<string>;

const describeDocument: Describer = async (content, progress) => {
  const { kind, complete, document } = await checkDocument(progress, DOCUMENT, content);
  const value = (section: string, field: string): string | undefined => {
    const found = record(record(document)[section])[field];
    return typeof found === 'string' ? found : undefined;
  };
  const name = value('node', 'name');
  const facts = [
    kind ?? 'empty',
    complete
      ? `joins ${value('cluster', 'endpoint') ?? 'a cluster'}`
      : 'joins no cluster by itself',
    ...(name === undefined ? [] : [`named ${name}`]),
  ];
  return facts.join(', ');
};

const describeManifest: Describer = async (content) => {
  const parsed = parseManifest(content.toString('utf8'));
  if (parsed.faults !== undefined) {
    return Promise.resolve(`BROKEN: ${parsed.faults.slice(0, 1).map(faultText).join('')}`);
  }
  const { kind, metadata } = record(parsed.value);
  if (kind !== 'Pod') return Promise.resolve('BROKEN: is no Pod');
  const { namespace = 'default', name } = record(metadata);
  return Promise.resolve(`pod ${[namespace, name].join('/')}`);
};

const describeDHCP: Describer = async (content, progress) => {
  await checkDHCP(progress, DHCP, content);
  return 'settings of network cards';
};

const describeSysctls: Describer = async (content) => {
  const { rows, faults } = readSysctls(content.toString('utf8'));
  const [first] = faults;
  return Promise.resolve(
    first === undefined
      ? `settings of the kernel: ${[...rows.keys()].join(', ')}`
      : `BROKEN: line ${first.line}: ${first.name} ${first.why}`,
  );
};

const describeNetwork = async (name: string, content: Buffer): Promise<string> => {
  const { says, faults } = describeNetworkText(name, content.toString('utf8'));
  const [first, ...others] = faults;
  if (first === undefined) return Promise.resolve(`the network, ${says}`);
  const more = others.length === 0 ? '' : `, and ${others.length} more faults`;
  return Promise.resolve(`BROKEN: ${first}${more}`);
};

/** A file of nothing but comments is what Raspberry Pi Imager writes where it has nothing to say. */
const isComment = (content: Buffer): boolean =>
  /^(?:\s*(?:#.*)?\n)*\s*(?:#.*)?$/.test(content.toString('utf8'));

const describeNoCloudNetwork =
  (isFirst: boolean): Describer =>
  async (content) => {
    if (isComment(content)) return Promise.resolve('NoCloud, without content');
    if (!isFirst) return Promise.resolve(`NOT USED: ${NETWORK} comes first`);
    return describeNetwork(NO_CLOUD_NETWORK, content);
  };

const describeArguments: Describer = async (content) => {
  const unknown = wordsOf(content.toString('utf8')).filter(
    (word) => carriedOutBy(word) === 'nobody',
  );
  return Promise.resolve(
    unknown.length === 0
      ? 'words for the kernel command line'
      : `BROKEN: unknown words: ${unknown.map((word) => word.split('=', 1)[0]).join(', ')}`,
  );
};

const describeBoardLine: Describer = async (content) => {
  const added = addedWords(content.toString('utf8'));
  const what = 'the kernel command line of the board';
  return Promise.resolve(added.length === 0 ? what : `${what}, with ${added.join(' ')}`);
};

async function describeModules(
  file: string,
  { ownModules }: Pick<Medium, 'ownModules'>,
): Promise<string> {
  // The digest first: reading the system replaces the copy of the modules.
  const sha256 = await fileSha256(file);
  const own = await ownModules();
  if ('beside' in own) return 'all modules of the system that was flashed';
  const fault = foreignModules(sha256, own);
  return fault === undefined ? 'all modules of its kernel' : `BROKEN: ${fault}`;
}

/** Files whose presence says all that may be said of them. */
const FIXED: ReadonlyMap<string, string> = new Map([
  [ADDON, 'words for the kernel’s start; Secure Boot refuses it'],
  [ENCRYPT, 'an encrypted data partition from the first boot on'],
  [RECOVERY_KEY, 'a recovery key, for one boot'],
]);

function describerOf(name: string, names: readonly string[]): Describer {
  if (isBoardLine(name)) return describeBoardLine;
  if (name === ARGUMENTS) return describeArguments;
  const fixed = FIXED.get(name);
  if (fixed !== undefined) return () => Promise.resolve(fixed);
  if (name === DOCUMENT) return describeDocument;
  if (name === NETWORK) return (content) => describeNetwork(name, content);
  if (name === NO_CLOUD_NETWORK) return describeNoCloudNetwork(!names.includes(NETWORK));
  if (name === DHCP) return describeDHCP;
  if (name === SYSCTLS) return describeSysctls;
  if (name.startsWith(`${MANIFESTS}/`)) return describeManifest;
  return () => Promise.resolve(name.startsWith(`${FOLDER}/`) ? 'for people' : 'NoCloud');
}

/** Says whether a file of the loader holds words of people. */
const isOfLoader = (name: string): boolean => name === ADDON || isBoardLine(name);

const isOfPeople = (name: string): boolean =>
  isOfLoader(name) ||
  name.startsWith(`${FOLDER}/`) ||
  BOOT_FOLDER.noCloud.some((known) => known === name);

async function describeFile(
  name: string,
  file: string,
  names: readonly string[],
  medium: Pick<Medium, 'arch' | 'ownModules' | 'scratch'>,
  progress: Progress,
): Promise<string> {
  if (path.posix.dirname(name) === IMAGES)
    return `images: ${(await imagesOf(file, medium, silent)).join(', ')}`;
  if (name === MODULES) return describeModules(file, medium);
  return describerOf(name, names)(await readFile(file), progress);
}

/** Describes every file that people put on a medium. A secret is in no description. */
export async function showMedium(
  partition: Pick<Partition, 'copy'>,
  names: readonly string[],
  medium: Pick<Medium, 'arch' | 'ownModules' | 'scratch'>,
  progress: Progress,
): Promise<Shown[]> {
  const shown: Shown[] = [];
  for (const name of names.filter(isOfPeople).toSorted()) {
    if (!isOfLoader(name) && !isKnown(name)) {
      shown.push({ name, bytes: undefined, says: 'UNKNOWN: no node reads it' });
      continue;
    }
    const file = await partition.copy(name);
    const { size } = await stat(file);
    const says = await describeFile(name, file, names, medium, progress).catch(
      (error: unknown) => `BROKEN: ${describe(error).replaceAll(file, name)}`,
    );
    shown.push({ name, bytes: size, says });
  }
  return shown;
}
