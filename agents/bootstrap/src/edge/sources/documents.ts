import path from 'node:path';
import { gunzipSync } from 'node:zlib';

import type { Logger } from '@kios/agent';

import { parseBytes } from '../../core/document/document.ts';
import { ForeignError } from '../../core/document/foreign.ts';
import type { MachineNames } from '../../core/document/formats/template.ts';
import type { ParsedDocument, Part } from '../../core/document/parsed-document.ts';
import type { NodeBootstrap } from '../../core/document/schema.ts';
import { decodeUserData, MAX_RAW } from '../../core/document/user-data.ts';
import { MAX_TEXT } from '../../core/document/yaml.ts';
import { type BootstrapError, fieldError, withRemedy } from '../../core/faults/errors.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { readPlainFile } from './plain-file.ts';

/** Every file of a seed is bounded like user data, which is the largest of them. */
export const MAX_SEED_FILE = MAX_RAW;
const MAX_TOKEN_FILE = 4096;
export const gunzip = (bytes: Uint8Array): Uint8Array =>
  gunzipSync(bytes, { maxOutputLength: MAX_TEXT });

/** The remedies of a faulty document, by the place where it is. */
export const REMEDIES = {
  /** A file that is read anew at each try. */
  file: 'Correct that file; it is read again automatically.',
  volume: 'Correct the file on its volume, and boot again: a mounted volume is not read anew.',
  provider: 'Correct the user data of the machine; it is read again automatically.',
  web: 'Correct the document at that address; it is read again automatically.',
} as const;

/** Reads a document from a file, of a volume if one is given; undefined when it does not exist or is empty. */
export async function readDocument(
  file: string,
  volume?: string,
  remedy?: string,
): Promise<Part | undefined> {
  const bytes = await readPlainFile(file, MAX_TEXT, volume);
  if (bytes === undefined) return undefined;
  const content = withRemedy(remedy, () => parseBytes(file, bytes, { gunzip, names: {} }));
  if (content.tag === 'foreign') throw new ForeignError(file, content.foreign);
  return content.tag === 'empty' ? undefined : { source: file, ...content.parsed };
}

/** Finds something for a node in a text for another program. */
export type Salvage = (source: string, text: string) => ParsedDocument | undefined;

/** Where user data comes from, and what is known of the machine besides. */
export interface Origin {
  readonly source: string;
  readonly remedy?: string;
  readonly names?: MachineNames;
  readonly salvage?: Salvage;
}

/** Reads user data in any encoding; undefined when there is none, or it is for another program. */
export function readUserData(
  { source, remedy, names = {}, salvage }: Origin,
  bytes: Uint8Array | undefined,
  log: Logger,
): Part | undefined {
  if (bytes === undefined) return undefined;
  const content = withRemedy(remedy, () => {
    const { format, bytes: unpacked } = decodeUserData(source, bytes, gunzip);
    log.debug({ ev: 'userdata', source, bytes: bytes.length, format });
    return parseBytes(source, unpacked, { gunzip, names });
  });
  if (content.tag === 'document') return { source, ...content.parsed };
  if (content.tag === 'empty') return undefined;
  const found = salvage?.(source, content.text);
  if (found !== undefined) return { source, ...found };
  log.warn({ ev: 'userdata.foreign', source, ...content.foreign });
  return undefined;
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
