import { readFile, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';

import { readClusterConfig } from '../core/cluster/cluster-config.ts';
import { parseDocument } from '../core/document/document.ts';
import { type Origin, originsOf } from '../core/document/merge.ts';
import { checkNetwork } from '../core/document/network.ts';
import type { Warning } from '../core/document/parsed-document.ts';
import type { NodeBootstrap } from '../core/document/schema.ts';
import { decodeUserData } from '../core/document/user-data.ts';
import { MAX_TEXT } from '../core/document/yaml.ts';
import { BootstrapError, fieldError } from '../core/faults/errors.ts';
import { documentPods } from '../core/files/document-pods.ts';
import { documentSettings, misplacedFiles } from '../core/files/document-settings.ts';
import { checkSysctls } from '../core/files/sysctls.ts';
import { documentFiles } from '../core/files/user-files.ts';
import { checkLabels } from '../core/node/labels.ts';
import { inspectPair } from '../edge/node/certificates.ts';

/** A node's reading of a text in its user data. */
export interface UserDataCheck {
  /** `plain`, `gzip`, `base64` or `base64+gzip`. */
  readonly encoding: string;
  /** It is for another program, and a node treats it as absent. */
  readonly foreign: boolean;
  /** The form of the text. */
  readonly kind: string | undefined;
  /** It names a cluster and credentials; otherwise it is part of a document, or for a standalone node. */
  readonly complete: boolean;
  readonly values: readonly Origin[];
  readonly warnings: readonly Warning[];
}

async function writePrivate(file: string | undefined, value: unknown): Promise<void> {
  if (file !== undefined) await writeFile(file, JSON.stringify(value), { mode: 0o600 });
}

/**
 * A node leaves a wrong setting of the kernel out, and reads no file in a wrong place; before that somebody can still
 * correct it.
 */
function refuseIdle(file: string, document: NodeBootstrap): void {
  const { dropped } = checkSysctls(document.sysctls);
  const faults = [
    ...dropped.map(({ name, why }) => `sysctls.${name}: ${why}`),
    ...misplacedFiles(document).map(({ path, why }) => `${path}: ${why}`),
  ];
  if (faults.length > 0) throw fieldError(`read ${file}: ${faults.join('; ')}`);
}

/** Takes the token of a file, which only the node can read, for a good one: the rest of the document is checked. */
const withAnyToken = (document: NodeBootstrap): NodeBootstrap =>
  document.auth?.bootstrapTokenFile === undefined
    ? document
    : { ...document, auth: { bootstrapToken: 'aaaaaa.aaaaaaaaaaaaaaaa' } };

/**
 * Reads a file as if it were user data; rejects with the error that a node would report. Static pods among the
 * document's files are written to `podsFile` as JSON, because they may hold secrets, for a program that knows kubelet's
 * rules; settings of kubelet and other agents to `settingsFile`.
 */
export async function checkUserData(
  file: string,
  podsFile?: string,
  settingsFile?: string,
): Promise<UserDataCheck> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}`, { cause });
  });
  const data = decodeUserData(file, bytes, (packed) =>
    gunzipSync(packed, { maxOutputLength: MAX_TEXT }),
  );
  const base = { encoding: data.format, foreign: data.foreign };
  if (data.foreign) return { ...base, kind: undefined, complete: false, values: [], warnings: [] };
  const reading = parseDocument(file, data.text);
  const { document } = reading;
  await checkNetwork(file, document);
  documentFiles(document);
  refuseIdle(file, document);
  const pods = documentPods(document.files ?? []);
  await writePrivate(podsFile, pods.pods);
  await writePrivate(settingsFile, documentSettings(document));
  const complete = document.cluster !== undefined && document.auth !== undefined;
  if (complete) readClusterConfig(withAnyToken(document), inspectPair);
  const labels = checkLabels(document.node?.labels ?? {}).dropped;
  return {
    ...base,
    kind: reading.kind,
    complete,
    values: originsOf([{ source: file, ...reading }]),
    warnings: [
      ...reading.warnings,
      ...pods.warnings,
      ...labels.map(({ key, why }) => ({ path: `node.labels.${key}`, why })),
    ],
  };
}
