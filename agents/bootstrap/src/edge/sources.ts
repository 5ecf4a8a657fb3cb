import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

import { errorCode, type Logger } from '@kios/agent';

import { providerOf } from '../core/command-line.ts';
import {
  type MetaData,
  type NodeBootstrap,
  parseMetaData,
  parseNodeBootstrap,
} from '../core/document.ts';
import { BootstrapError } from '../core/errors.ts';
import { mergeDocuments } from '../core/merge.ts';
import { decodeUserData } from '../core/user-data.ts';
import { decodeText } from '../core/yaml.ts';
import type { Settings } from './settings.ts';
import { readIfThere } from './transaction.ts';

/** Everything a person or a cloud said about this machine. */
export interface Sources {
  readonly platform: 'nocloud' | 'none';
  readonly document: NodeBootstrap | undefined;
  readonly metaData: MetaData;
  /** The files that made up the document, in order of weight. */
  readonly from: readonly string[];
}

const MAX_UNPACKED = 4 * 1024 * 1024;
const gunzip = (bytes: Uint8Array): Uint8Array =>
  gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED });

async function readBytes(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}`, { cause });
  }
}

interface Part {
  readonly file: string;
  readonly document: NodeBootstrap;
}

async function readDocument(file: string): Promise<Part | undefined> {
  const bytes = await readBytes(file);
  if (bytes === undefined) return undefined;
  const text = decodeText(file, bytes);
  return text.trim() === '' ? undefined : { file, document: parseNodeBootstrap(file, text) };
}

async function readUserData(file: string, log: Logger): Promise<Part | undefined> {
  const bytes = await readBytes(file);
  if (bytes === undefined) return undefined;
  const data = decodeUserData(file, bytes, gunzip);
  log.debug({ ev: 'userdata', bytes: bytes.length, format: data.format });
  if (data.foreign) {
    log.warn({ ev: 'userdata.foreign', file });
    return undefined;
  }
  if (data.text.trim() === '') return undefined;
  return { file, document: parseNodeBootstrap(file, data.text) };
}

const NO_META_DATA: MetaData = { instanceId: undefined, hostname: undefined };

async function readMetaData(file: string): Promise<MetaData | undefined> {
  const bytes = await readBytes(file);
  return bytes === undefined ? undefined : parseMetaData(file, decodeText(file, bytes));
}

/** A flag outweighs the kernel's command line, and that what is found. */
async function readProvider({ provider, cmdline }: Settings): Promise<Settings['provider']> {
  if (provider !== 'auto') return provider;
  return providerOf((await readIfThere(cmdline)) ?? '') ?? 'auto';
}

/**
 * Reads and merges the documents: the image's own, the flashed medium's, the seed volume's user-data, then `--config` files.
 * Every call reads afresh, so a corrected file is seen.
 */
export async function readSources(settings: Settings, log: Logger): Promise<Sources> {
  const cidata = path.join(settings.seedDir, 'cidata');
  const useSeed = (await readProvider(settings)) !== 'none';
  const metaData = useSeed ? await readMetaData(path.join(cidata, 'meta-data')) : undefined;
  const parts = [
    await readDocument(path.join(settings.etc, 'kios/bootstrap.yaml')),
    await readDocument(path.join(settings.seedDir, 'boot/bootstrap.yaml')),
    useSeed ? await readUserData(path.join(cidata, 'user-data'), log) : undefined,
  ];
  for (const file of settings.config) {
    const part = await readDocument(file);
    if (part === undefined)
      throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}: no such file, or empty`);
    parts.push(part);
  }
  const found = parts.filter((part) => part !== undefined);
  const hasSeed = metaData !== undefined || found.some(({ file }) => file.startsWith(cidata));
  return {
    platform: hasSeed ? 'nocloud' : 'none',
    document: mergeDocuments(found.map(({ document }) => document)),
    metaData: metaData ?? NO_META_DATA,
    from: found.map(({ file }) => file),
  };
}
