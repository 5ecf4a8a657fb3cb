import path from 'node:path';
import { gunzipSync } from 'node:zlib';

import type { Logger } from '@kios/agent';

import { parseDocument } from '../../core/document/document.ts';
import type { ParsedDocument, Part } from '../../core/document/parsed-document.ts';
import type { NodeBootstrap } from '../../core/document/schema.ts';
import { decodeUserData, MAX_RAW } from '../../core/document/user-data.ts';
import { decodeText, MAX_TEXT } from '../../core/document/yaml.ts';
import { type BootstrapError, fieldError } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { readPlainFile } from './plain-file.ts';

/** Every file of a seed is bounded like user data, which is the largest of them. */
export const MAX_SEED_FILE = MAX_RAW;
const MAX_TOKEN_FILE = 4096;
const gunzip = (bytes: Uint8Array): Uint8Array => gunzipSync(bytes, { maxOutputLength: MAX_TEXT });

/** Reads a document from a file, of a volume if one is given; undefined when it does not exist or is empty. */
export async function readDocument(file: string, volume?: string): Promise<Part | undefined> {
  const bytes = await readPlainFile(file, MAX_TEXT, volume);
  const content = bytes === undefined ? '' : decodeText(file, bytes);
  return content.trim() === '' ? undefined : { source: file, ...parseDocument(file, content) };
}

/** Finds something for a node in a text for another program. */
export type Salvage = (source: string, text: string) => ParsedDocument | undefined;

/** Reads user data in any encoding; undefined when there is none, or it is for another program. */
export function readUserData(
  source: string,
  bytes: Uint8Array | undefined,
  log: Logger,
  salvage: Salvage = () => undefined,
): Part | undefined {
  if (bytes === undefined) return undefined;
  const data = decodeUserData(source, bytes, gunzip);
  log.debug({ ev: 'userdata', source, bytes: bytes.length, format: data.format });
  const found = data.foreign ? salvage(source, data.text) : undefined;
  if (found !== undefined) return { source, ...found };
  if (data.foreign) log.warn({ ev: 'userdata.foreign', source });
  if (data.foreign || data.text.trim() === '') return undefined;
  return { source, ...parseDocument(source, data.text) };
}

const TOKEN = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

/** A file as the pod sees it, and the seed volume that it is on. */
interface Seen {
  readonly file: string;
  readonly volume: string | undefined;
}

/** Returns the place in the pod of a path of the host; undefined outside the folders that this agent reads anyway. */
function seenAt(settings: Settings, file: string): Seen | undefined {
  const places: readonly (readonly [string, string])[] = [
    ['/etc/', settings.etc],
    ['/run/kios/seed/', settings.seedDir],
    ['/var/lib/kios/bootstrap/', settings.stateDir],
  ];
  const place = places.find(([prefix]) => file.startsWith(prefix));
  if (place === undefined || file.split('/').includes('..')) return undefined;
  const [prefix, dir] = place;
  const inside = file.slice(prefix.length);
  const volume =
    dir === settings.seedDir ? path.join(dir, inside.split('/', 1)[0] ?? '') : undefined;
  return { file: path.join(dir, inside), volume };
}

/** Replaces `auth.bootstrapTokenFile` by the token in that file. */
export async function withToken(
  settings: Settings,
  document: NodeBootstrap,
): Promise<NodeBootstrap> {
  if (document.auth?.bootstrapTokenFile === undefined) return document;
  const { bootstrapTokenFile: file, ...others } = document.auth;
  const bad = (why: string): BootstrapError =>
    fieldError(`read the bootstrap document: auth.bootstrapTokenFile: ${file} ${why}`);
  const seen = seenAt(settings, file);
  if (seen === undefined)
    throw bad('must be below /etc, /run/kios/seed or /var/lib/kios/bootstrap');
  const bytes = await readPlainFile(seen.file, MAX_TOKEN_FILE, seen.volume);
  if (bytes === undefined) throw bad('does not exist');
  const token = new TextDecoder().decode(bytes).trim();
  if (!TOKEN.test(token)) throw bad('holds no bootstrap token');
  return { ...document, auth: { ...others, bootstrapToken: token } };
}
