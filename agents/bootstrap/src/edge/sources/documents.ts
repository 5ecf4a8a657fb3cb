import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

import { type Logger, readIfThere } from '@kios/agent';
import { errorCode } from '@kios/errors';

import { parseDocument } from '../../core/document/document.ts';
import type { Part } from '../../core/document/parsed-document.ts';
import type { NodeBootstrap } from '../../core/document/schema.ts';
import { decodeUserData } from '../../core/document/user-data.ts';
import { decodeText } from '../../core/document/yaml.ts';
import { BootstrapError, fieldError } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';

const MAX_UNPACKED = 4 * 1024 * 1024;
const gunzip = (bytes: Uint8Array): Uint8Array =>
  gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED });

/** Reads a file; undefined when it does not exist. */
export async function readBytes(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}`, { cause });
  }
}

/** Reads a document from a file; undefined when that does not exist or is empty. */
export async function readDocument(file: string): Promise<Part | undefined> {
  const bytes = await readBytes(file);
  const content = bytes === undefined ? '' : decodeText(file, bytes);
  return content.trim() === '' ? undefined : { source: file, ...parseDocument(file, content) };
}

/** Reads user data in any encoding; undefined when there is none, or it is for another program. */
export function readUserData(
  source: string,
  bytes: Uint8Array | undefined,
  log: Logger,
): Part | undefined {
  if (bytes === undefined) return undefined;
  const data = decodeUserData(source, bytes, gunzip);
  log.debug({ ev: 'userdata', source, bytes: bytes.length, format: data.format });
  if (data.foreign) log.warn({ ev: 'userdata.foreign', source });
  if (data.foreign || data.text.trim() === '') return undefined;
  return { source, ...parseDocument(source, data.text) };
}

const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

/** Returns the path in the pod for one of the host; undefined outside the folders that this agent reads anyway. */
function seenAt(settings: Settings, file: string): string | undefined {
  const places: readonly (readonly [string, string])[] = [
    ['/etc/', settings.etc],
    ['/run/kios/seed/', settings.seedDir],
    ['/var/lib/kios/bootstrap/', settings.stateDir],
  ];
  const place = places.find(([prefix]) => file.startsWith(prefix));
  if (place === undefined || file.split('/').includes('..')) return undefined;
  return path.join(place[1], file.slice(place[0].length));
}

/** Replaces `auth.bootstrapTokenFile` by the token in that file. */
export async function withToken(
  settings: Settings,
  document: NodeBootstrap,
): Promise<NodeBootstrap> {
  const file = document.auth?.bootstrapTokenFile;
  if (file === undefined) return document;
  const bad = (why: string): BootstrapError =>
    fieldError(`read the bootstrap document: auth.bootstrapTokenFile: ${file} ${why}`);
  const seen = seenAt(settings, file);
  if (seen === undefined)
    throw bad('must be below /etc, /run/kios/seed or /var/lib/kios/bootstrap');
  const token = (await readIfThere(seen))?.trim();
  if (token === undefined) throw bad('does not exist');
  if (!TOKEN.test(token)) throw bad('holds no bootstrap token');
  return { ...document, auth: { bootstrapToken: token } };
}
