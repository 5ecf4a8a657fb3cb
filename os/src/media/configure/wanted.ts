import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { readSysctls } from '@kios/host-api/sysctls';
import { isMap, parseDocument } from 'yaml';

import { makeAddon } from '../../build/image/stub.ts';
import { readCheckedManifests } from '../../build/manifests/check-folder.ts';
import { shippedName } from '../../build/manifests/read.ts';
import { fileSha256 } from '../../workstation/digest.ts';
import type { Progress } from '../../workstation/progress.ts';
import { refuseFaults } from '../network/network-file.ts';
import { checkDHCP, checkDocument } from './agent-check.ts';
import { argumentsText, carriedOutBy, kernelWords, withKernelWords } from './arguments.ts';
import { nameOnly, withName } from './document.ts';
import { type ArchivePlace, readArchives } from './images.ts';
import { foreignModules, type OwnModules } from './modules.ts';
import type { FileContent, Wanted, WantedArguments } from './plan.ts';

/** What the command line asks for. */
export interface ConfigureRequest {
  readonly bootstrap?: string | undefined;
  readonly kubeadmJoin?: string | undefined;
  readonly hostname?: string | undefined;
  readonly network?: string | undefined;
  readonly manifests?: string | undefined;
  /** All archives of images; an empty one stands for none. */
  readonly images?: readonly string[] | undefined;
  /** All words for the kernel command line; an empty one stands for none. */
  readonly kernelArguments?: readonly string[] | undefined;
  /** All settings of the kernel, each as NAME=VALUE; an empty one stands for none. */
  readonly sysctls?: readonly string[] | undefined;
  /** modules.erofs of the build that the medium was flashed with. */
  readonly modules?: string | undefined;
  /** Whether the data partition is to be encrypted at its first boot. */
  readonly encrypt?: boolean | undefined;
  /** File with the recovery key of an encrypted data partition. */
  readonly recoveryKey?: string | undefined;
}

/** What of the medium decides. */
export interface Medium extends ArchivePlace {
  /** Reads the bootstrap document that is there. */
  readonly document: () => Promise<Buffer | undefined>;
  /** Reads the kernel command lines of a board without UEFI, one of each system, by their names. */
  readonly commandLines?: () => Promise<ReadonlyMap<string, Buffer>>;
  /** Reads which modules.erofs the system takes that starts next. */
  readonly ownModules: () => Promise<OwnModules>;
}

/** Bytes of one manifest, and their number, that init offers (docs/host-api.md section 4). */
const MAX_MANIFEST = 1 << 20;
const MAX_MANIFESTS = 256;
/** Bytes of either file for the network that init takes. */
const MAX_NETWORK = 64 << 10;

const refuse = (doing: string, remedy: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_MEDIUM_FILE', doing, {
    exitCode: EXIT.data,
    remedy,
    ...(cause === undefined ? {} : { cause }),
  });

const unreadable =
  (file: string) =>
  (cause: unknown): never => {
    throw refuse(`read ${file}`, 'Name a file that you may read.', cause);
  };

const readGiven = (file: string): Promise<Buffer> => readFile(file).catch(unreadable(file));

/** The document, and the name that messages have for it. */
interface Given {
  readonly name: string;
  readonly text: string;
}

async function givenDocument(
  { bootstrap, kubeadmJoin, hostname }: ConfigureRequest,
  present: () => Promise<Buffer | undefined>,
): Promise<Given | undefined> {
  if (bootstrap !== undefined)
    return { name: bootstrap, text: (await readGiven(bootstrap)).toString('utf8') };
  if (kubeadmJoin !== undefined) return { name: '--kubeadm-join', text: `${kubeadmJoin.trim()}\n` };
  if (hostname === undefined) return undefined;
  const text = (await present())?.toString('utf8') ?? nameOnly(hostname);
  return { name: 'the bootstrap.yaml of the medium', text };
}

async function readDocument(
  request: ConfigureRequest,
  present: () => Promise<Buffer | undefined>,
  progress: Progress,
): Promise<Buffer | undefined> {
  const given = await givenDocument(request, present);
  if (given === undefined) return undefined;
  const { name, text } = given;
  const { hostname } = request;
  const checked = await checkDocument(progress, name, Buffer.from(text));
  for (const { path: at, why } of checked.warnings)
    progress.info(`warning: ${name}: ${at}: ${why}`);
  for (const warning of checked.podWarnings) progress.info(`warning: ${warning}`);
  if (hostname === undefined) return Buffer.from(text);
  const named = withName(text, hostname);
  if (named === undefined)
    throw refuse(
      `put the name ${hostname} into ${name}: a document of its form has no place for it`,
      'Write the name into the document itself.',
    );
  const document = Buffer.from(named);
  await checkDocument(progress, `${name} with --hostname`, document);
  return document;
}

async function readManifestFolder(
  folder: string,
  progress: Progress,
): Promise<ReadonlyMap<string, Buffer>> {
  const files = await readCheckedManifests(progress, path.resolve(folder));
  const found = new Map(files.map(({ name, text }) => [shippedName(name), Buffer.from(text)]));
  const large = [...found].find(([, content]) => content.length > MAX_MANIFEST);
  if (large !== undefined || found.size > MAX_MANIFESTS)
    throw refuse(
      `take ${folder}: ${large === undefined ? `it has more than ${MAX_MANIFESTS} manifests` : `${large[0]} has more than ${MAX_MANIFEST} bytes`}`,
      'A node offers no more of them to kubelet.',
    );
  return found;
}

/** Distinguishes the two files for the network by the only key that settings of the DHCP client have. */
const isDHCP = (text: string): boolean => {
  const { contents } = parseDocument(text, { logLevel: 'silent' });
  return isMap(contents) && contents.has('interfaces');
};

async function readNetwork(
  file: string,
  progress: Progress,
): Promise<Pick<Wanted, 'network' | 'dhcp'>> {
  const content = await readGiven(file);
  if (content.length > MAX_NETWORK)
    throw refuse(`take ${file}: it has more than ${MAX_NETWORK} bytes`, 'Make it shorter.');
  const text = content.toString('utf8');
  if (isDHCP(text)) {
    await checkDHCP(progress, file, content);
    return { dhcp: content };
  }
  refuseFaults(file, text, (line) => progress.info(line));
  return { network: content };
}

async function readArguments(
  words: readonly string[],
  { arch, commandLines }: Pick<Medium, 'arch' | 'commandLines'>,
  progress: Progress,
): Promise<WantedArguments> {
  const given = words.filter((word) => word !== '');
  const unknown = given.find((word) => carriedOutBy(word) === 'nobody');
  if (unknown !== undefined)
    throw new KiosError(
      'KIOS_MEDIUM_ARGUMENT',
      `use the kernel argument ${unknown}: a person can give no such word, or not this value`,
      { exitCode: EXIT.data, remedy: 'Use a word of docs/medium.md, with one of its values.' },
    );
  const forKernel = kernelWords(given);
  const text = given.length === 0 ? undefined : Buffer.from(argumentsText(given));
  if (commandLines !== undefined) {
    const changed = [...(await commandLines())].map(
      ([name, line]) =>
        [name, Buffer.from(withKernelWords(line.toString('utf8'), forKernel))] as const,
    );
    return { text, addon: undefined, commandLines: new Map(changed) };
  }
  return {
    text,
    addon: forKernel === '' ? undefined : await makeAddon(arch, forKernel, progress),
  };
}

function readSettings(settings: readonly string[]): Wanted['sysctls'] {
  const read = settings
    .filter((setting) => setting !== '')
    .map((setting) => ({ setting, ...readSysctls(setting) }));
  const faults = read.flatMap(({ setting, faults: found }) =>
    found.map(({ name, why }) => `--sysctl ${setting}: ${[name, why].join(' ').trim()}`),
  );
  if (faults.length > 0)
    throw new KiosError('KIOS_MEDIUM_SYSCTL', `use ${faults.join('; ')}`, {
      exitCode: EXIT.data,
      remedy: 'Correct them; docs/settings.md says which settings a person can give.',
    });
  const rows = read.flatMap(({ rows: found }) => [...found]);
  const text = rows.map(([name, value]) => `${name} = ${value}\n`).join('');
  return { text: rows.length === 0 ? undefined : Buffer.from(text) };
}

/** Takes modules.erofs, if it was built together with the medium's system: a node refuses any other. */
async function readModules(
  file: string,
  { ownModules }: Pick<Medium, 'ownModules'>,
): Promise<FileContent> {
  const { size: bytes } = await stat(file).catch(unreadable(file));
  const fault = foreignModules(await fileSha256(file).catch(unreadable(file)), await ownModules());
  if (fault !== undefined)
    throw refuse(
      `use ${file} on this medium: ${fault}`,
      'Take the modules.erofs that ./kios build wrote beside the image that was flashed.',
    );
  return { file: path.resolve(file), bytes };
}

const ENCRYPT_TEXT =
  'Init encrypts the data partition at the first boot of this medium, as docs/encryption.md tells.\n';
/** Letters and digits of a recovery key; people may write O for 0, and I or L for 1. */
const RECOVERY_LETTERS = /^[0-9A-TV-Z]{40}$/i;

/** Reads a recovery key, in the form that init takes. */
async function readRecoveryKey(file: string): Promise<Buffer> {
  const text = (await readGiven(file)).toString('utf8');
  if (RECOVERY_LETTERS.test(text.replaceAll(/[-\s\uFEFF]/g, ''))) return Buffer.from(text);
  throw refuse(
    `use ${file} as recovery key: it is not 8 groups of 5 letters and digits`,
    'Write the key into it that the machine showed at its first boot.',
  );
}

/** Reads and checks all that the command line names, before anything is written. */
export async function readWanted(
  request: ConfigureRequest,
  medium: Medium,
  progress: Progress,
): Promise<Wanted> {
  const { manifests, network, modules, images, kernelArguments: words, sysctls } = request;
  return {
    images: images === undefined ? undefined : await readArchives(images, medium, progress),
    modules: modules === undefined ? undefined : await readModules(modules, medium),
    arguments: words === undefined ? undefined : await readArguments(words, medium, progress),
    sysctls: sysctls === undefined ? undefined : readSettings(sysctls),
    encrypt: request.encrypt === true ? Buffer.from(ENCRYPT_TEXT) : undefined,
    recoveryKey:
      request.recoveryKey === undefined ? undefined : await readRecoveryKey(request.recoveryKey),
    document: await readDocument(request, medium.document, progress),
    manifests: manifests === undefined ? undefined : await readManifestFolder(manifests, progress),
    ...(network === undefined ? {} : await readNetwork(network, progress)),
  };
}
