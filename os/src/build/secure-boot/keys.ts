import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomUUID,
  X509Certificate,
} from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import { errorCode, EXIT, KiosError } from '@kios/errors';

import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import type { Progress } from '../../workstation/progress.ts';
import { makeCertificate, toPem } from './certificate.ts';
import { VARIABLES } from './enrolment.ts';
import { MEASUREMENT_BITS, MeasurementKey } from './measurement-key.ts';
import { microsoftCertificates } from './microsoft.ts';
import { openSigningTools, type SigningTools } from './tools.ts';

const BITS = 2048;
/** The key that signs what a TPM measures. A disk is encrypted for it, so it is never replaced. */
const PCR = { key: 'pcr.key', public: 'pcr.pub' } as const;
/** Firmware does not look at a certificate's time; a build refuses one that has expired. */
const YEARS = 30;
/** The db of a rotation, until all machines run what the new key signs. */
const BOTH = 'db-both';

type Role = (typeof VARIABLES)[number];

interface KeyPair {
  /** PEM. */
  readonly key: string;
  readonly certificate: string;
}

/** Where `./kios keys create` makes keys, and what of. */
export interface KeysRequest {
  readonly folder: string;
  /** Folder whose PK and KEK stay, and whose db key is replaced. */
  readonly from: string | undefined;
  /** Also trust what Microsoft signs for option ROMs of cards. */
  readonly microsoft: boolean;
}

const folderError = (folder: string, why: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_KEYS_FOLDER', `make keys in ${folder}: ${why}`, {
    exitCode: EXIT.usage,
    remedy: 'Name a folder that is empty or does not exist yet, beside which you may write.',
    ...(cause === undefined ? {} : { cause }),
  });

async function assertEmpty(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return;
    throw folderError(folder, 'it is no folder, or cannot be read', cause);
  }
  if (names.length > 0) throw folderError(folder, `it has ${names[0]} in it`);
}

async function makeKeyPair(role: Role, now: Date): Promise<KeyPair> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: BITS });
  const to = new Date(now);
  to.setUTCFullYear(to.getUTCFullYear() + YEARS);
  const name = `kiOS ${role} ${now.toISOString().slice(0, 10)}`;
  const certificate = toPem(makeCertificate({ name, key: privateKey, from: now, to }));
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), certificate };
}

/** Reads a file of earlier keys; the failure has no part of it. */
async function readEarlier(folder: string, name: string): Promise<string> {
  try {
    return await readFile(path.join(folder, name), 'utf8');
  } catch (cause) {
    throw new KiosError('KIOS_KEYS_FILE', `read ${name} of ${folder}`, {
      exitCode: EXIT.config,
      remedy: 'Name a folder of ./kios keys create with --from.',
      cause,
    });
  }
}

async function readPair(folder: string, role: Role): Promise<KeyPair> {
  const [key, certificate] = [
    await readEarlier(folder, `${role}.key`),
    await readEarlier(folder, `${role}.crt`),
  ];
  const belongs = ((): boolean => {
    try {
      return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
    } catch {
      return false;
    }
  })();
  if (belongs) return { key, certificate };
  throw new KiosError('KIOS_KEYS_FILE', `use ${role}.key of ${folder}: it is not of ${role}.crt`, {
    exitCode: EXIT.config,
    remedy: 'Restore both files from a backup.',
  });
}

/** Writes a file that is not there yet, to the disk. */
async function write(file: string, text: string, mode: number): Promise<void> {
  await using handle = await open(file, 'wx', mode);
  await handle.writeFile(text);
  await handle.sync();
}

/** Makes the files of one folder of keys. */
class KeyFolder {
  readonly #folder: string;
  readonly #tools: SigningTools;
  /** Owner of the entries in the lists; firmware ignores it. */
  readonly #owner = randomUUID();

  constructor(folder: string, tools: SigningTools) {
    this.#folder = folder;
    this.#tools = tools;
  }

  #at(name: string): string {
    return path.join(this.#folder, name);
  }

  async writePair(role: Role, { key, certificate }: KeyPair): Promise<void> {
    await write(this.#at(`${role}.key`), key, 0o600);
    await write(this.#at(`${role}.crt`), certificate, 0o644);
  }

  async writeMeasurementKey(key: KeyObject): Promise<void> {
    const pem = key.export({ type: 'pkcs8', format: 'pem' });
    const own = createPublicKey(key).export({ type: 'spki', format: 'pem' });
    await write(this.#at(PCR.key), pem, 0o600);
    await write(this.#at(PCR.public), own, 0o644);
  }

  /** Returns the list of one certificate. */
  async #list(certificate: string): Promise<Buffer> {
    const [from, to] = [this.#at('one.crt'), this.#at('one.esl')];
    try {
      await write(from, certificate, 0o644);
      await this.#tools.run('usr/bin/cert-to-efi-sig-list', ['-g', this.#owner, from, to]);
      return await readFile(to);
    } finally {
      await rm(from, { force: true });
      await rm(to, { force: true });
    }
  }

  /** Writes what sets a variable to these certificates, signed by the key that may do that. */
  async writeSigned(
    name: string,
    variable: Role,
    by: Role,
    certificates: readonly string[],
    time: Date,
  ): Promise<void> {
    const lists: Buffer[] = [];
    for (const certificate of certificates) lists.push(await this.#list(certificate));
    const [list, signed] = [this.#at(`${name}.esl`), this.#at(`${name}.auth`)];
    await using handle = await open(list, 'wx', 0o644);
    await handle.writeFile(Buffer.concat(lists));
    const at = time.toISOString().slice(0, 19).replace('T', ' ');
    const signing = ['-k', this.#at(`${by}.key`), '-c', this.#at(`${by}.crt`)];
    await this.#tools.run('usr/bin/sign-efi-sig-list', ['-t', at, '-g', this.#owner, ...signing, variable, list, signed]); // prettier-ignore
    await rm(list);
  }
}

/**
 * Makes the key that signs measurements, or takes that of earlier keys: disks are encrypted for it. Folders of before
 * there were any have none.
 */
async function measurementKeyOf(
  from: string | undefined,
  { info }: Pick<Progress, 'info'>,
): Promise<KeyObject> {
  if (
    from !== undefined &&
    [PCR.key, PCR.public].some((name) => existsSync(path.join(from, name)))
  ) {
    const pem = await readEarlier(from, PCR.key);
    await MeasurementKey.open(path.join(from, PCR.key));
    return createPrivateKey(pem);
  }
  if (from !== undefined) info(`${from} has no ${PCR.key}: a new one is made`);
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: MEASUREMENT_BITS,
  });
  return privateKey;
}

const later = (time: Date): Date => new Date(time.getTime() + 1000);

/** Fills a folder of keys, which nobody sees before it is whole. */
async function fill(
  folder: string,
  { from, microsoft }: KeysRequest,
  { progress }: CommandContext,
): Promise<void> {
  const now = new Date();
  const keys = new KeyFolder(folder, await openSigningTools(progress));
  const kept = async (role: Role): Promise<KeyPair> =>
    from === undefined ? makeKeyPair(role, now) : readPair(from, role);
  const pairs = { PK: await kept('PK'), KEK: await kept('KEK'), db: await makeKeyPair('db', now) };
  for (const role of VARIABLES) await keys.writePair(role, pairs[role]);
  await keys.writeMeasurementKey(await measurementKeyOf(from, progress));
  const others = microsoft ? await microsoftCertificates(progress) : [];
  const db = [pairs.db.certificate, ...others];
  await keys.writeSigned('PK', 'PK', 'PK', [pairs.PK.certificate], now);
  await keys.writeSigned('KEK', 'KEK', 'PK', [pairs.KEK.certificate], now);
  // Firmware takes no list that is older than the one that it has.
  await keys.writeSigned('db', 'db', 'KEK', db, later(now));
  if (from === undefined) return;
  const previous = await readEarlier(from, 'db.crt');
  await keys.writeSigned(BOTH, 'db', 'KEK', [...db, previous], now);
}

/** `kios keys create`. Makes all keys, or nothing. */
export async function createKeys(context: CommandContext, request: KeysRequest): Promise<void> {
  const folder = path.resolve(request.folder);
  await assertEmpty(folder);
  await ensurePackages(['build'], context.progress);
  // Only its owner may look into it.
  const scratch = await mkdtemp(`${folder}.`).catch((cause: unknown) => {
    throw folderError(folder, 'the folder beside it cannot be made', cause);
  });
  const remove = (): Promise<void> => rm(scratch, { recursive: true, force: true });
  // An interruption ends the program without the block below.
  context.undo.defer(remove);
  try {
    await fill(scratch, request, context);
    await chmod(scratch, 0o700);
    await rename(scratch, folder).catch((cause: unknown) => {
      throw folderError(folder, 'it cannot be put in its place', cause);
    });
  } finally {
    await remove();
  }
  for (const name of (await readdir(folder)).toSorted())
    context.print(path.relative(process.cwd(), path.join(folder, name)));
}
