import { readFile, writeFile } from 'node:fs/promises';

import { describe, EXIT, type ExitCode, KiosError } from '@kios/errors';

import { readClusterConfig } from '../core/cluster/cluster-config.ts';
import { parseBytes } from '../core/document/document.ts';
import { nameFromCloudConfig } from '../core/document/formats/cloud-config.ts';
import { writtenAt } from '../core/document/formats/written.ts';
import { inSources } from '../core/document/in-sources.ts';
import { withoutSecretValues } from '../core/document/merge.ts';
import { checkNetwork } from '../core/document/network.ts';
import type { ParsedDocument, Warning } from '../core/document/parsed-document.ts';
import type { NodeBootstrap } from '../core/document/schema.ts';
import { decodeUserData } from '../core/document/user-data.ts';
import { BootstrapError, FAULTS, fieldError, withRemedy } from '../core/faults/errors.ts';
import { documentPods } from '../core/files/document-pods.ts';
import { documentSettings, misplacedFiles } from '../core/files/document-settings.ts';
import { checkSysctls } from '../core/files/sysctls.ts';
import { documentFiles } from '../core/files/user-files.ts';
import { checkLabels } from '../core/node/labels.ts';
import { normaliseNodeName } from '../core/node/node-name.ts';
import { inspectPair } from '../edge/node/certificates.ts';
import { gunzip } from '../edge/sources/documents.ts';

/**
 * What a node does with a text: `joins` a cluster with it, takes it as a `part` of a document or for a standalone node,
 * or finds nothing in it, because it is `empty` or `foreign`.
 */
type Verdict = 'joins' | 'part' | 'empty' | 'foreign';

/** A node's reading of a text in its user data. */
export interface UserDataCheck {
  readonly verdict: Verdict;
  /** `plain`, `gzip`, `base64` or `base64+gzip`. */
  readonly encoding: string;
  /** It is for another program, and a node treats it as absent. */
  readonly foreign: boolean;
  /** Which one, and what to give in its place. */
  readonly what?: string;
  readonly instead?: string;
  /** The form of the text. */
  readonly kind: string | undefined;
  /** It names a cluster and credentials; otherwise it is part of a document, or for a standalone node. */
  readonly complete: boolean;
  readonly warnings: readonly Warning[];
  /** What was understood, in our own form, with `…` for secrets. */
  readonly document?: unknown;
}

const REMEDY = 'Correct that file.';
const INSTEAD_OF_NOTHING = 'Give a bootstrap document, in a form of docs/bootstrap.md.';

/** Returns the error with which a check ends whose text has no document: a node would go on as if there were none. */
export function absenceOf(
  file: string,
  { verdict, ...check }: UserDataCheck,
): KiosError | undefined {
  if (verdict !== 'empty' && verdict !== 'foreign') return undefined;
  const { what = 'empty', instead } = check;
  return new KiosError('KIOS_BOOTSTRAP_ABSENT', `find a document in ${file}: it is ${what}`, {
    exitCode: EXIT.no,
    remedy: instead === undefined ? INSTEAD_OF_NOTHING : `${instead}.`,
  });
}

/** What `check-userdata` prints, whatever the verdict. */
interface Report extends Omit<Partial<UserDataCheck>, 'verdict'> {
  /** `refused`: a node would tell the fault, and go on trying. */
  readonly verdict: Verdict | 'refused';
  /** Why a node would not go by the text. */
  readonly fault?: Readonly<Record<'code' | 'message' | 'remedy', string | undefined>>;
}

const faultOf = (error: KiosError): NonNullable<Report['fault']> => ({
  code: error.code,
  message: describe(error),
  remedy: error.remedy,
});

/** Checks a file of user data. A refusal is a verdict like the others; a file that cannot be read has none. */
export async function reportUserData(
  file: string,
  pods?: string,
  settings?: string,
): Promise<{ readonly report: Report; readonly exitCode: ExitCode }> {
  try {
    const check = await checkUserData(file, pods, settings);
    const absence = absenceOf(file, check);
    return absence === undefined
      ? { report: check, exitCode: EXIT.ok }
      : { report: { ...check, fault: faultOf(absence) }, exitCode: absence.exitCode };
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    return { report: { verdict: 'refused', fault: faultOf(error) }, exitCode: error.exitCode };
  }
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

/** Returns why a node has another name than it is given. Capitals are a matter of form. */
function otherName({ node }: NodeBootstrap): readonly Warning[] {
  const given = node?.name ?? '';
  const name = normaliseNodeName(given) ?? given;
  if (name === given.toLowerCase()) return [];
  return [{ path: 'node.name', why: `the node is named ${name}` }];
}

function unverified({ cluster }: NodeBootstrap): readonly Warning[] {
  if (cluster?.unsafeSkipCAVerification !== true) return [];
  const why = 'the node joins whatever answers at the endpoint; give the hash of the cluster’s CA';
  return [{ path: 'cluster.unsafeSkipCAVerification', why }];
}

/** Returns what a node does without refusing it, and what its user hardly means. */
function doubts(document: NodeBootstrap, kind: string): readonly Warning[] {
  const { dropped } = checkLabels(document.node?.labels ?? {});
  const labels = dropped.map(({ key, why }) => ({ path: `node.labels.${key}`, why }));
  const all = [...labels, ...otherName(document), ...unverified(document)];
  return all.map(({ path, why }) => ({ path: writtenAt(kind, path), why }));
}

/** Takes the token of a file, which only the node can read, for a good one: the rest of the document is checked. */
const withAnyToken = (document: NodeBootstrap): NodeBootstrap =>
  document.auth?.bootstrapTokenFile === undefined
    ? document
    : { ...document, auth: { bootstrapToken: 'aaaaaa.aaaaaaaaaaaaaaaa' } };

/** Gives faults the remedy of a file at hand: their own speaks of what a node reads again. */
async function inFile<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof BootstrapError) || error.remedy !== FAULTS[error.faultCode].remedy)
      throw error;
    const { faultCode, message, cause } = error;
    throw new BootstrapError(faultCode, message, { remedy: REMEDY, cause });
  }
}

/** The files into which parts of a document are written that others judge. */
interface Parts {
  readonly pods?: string | undefined;
  readonly settings?: string | undefined;
}

/** Checks a document as a node would that has no other. */
async function checkDocument(file: string, reading: ParsedDocument, parts: Parts) {
  const { document } = reading;
  await checkNetwork(file, document);
  const part = { source: file, ...reading };
  await inSources([part], () => documentFiles(document));
  refuseIdle(file, document);
  const pods = documentPods(document.files ?? []);
  await writePrivate(parts.pods, pods.pods);
  await writePrivate(parts.settings, documentSettings(document, reading.kind));
  const complete =
    document.auth !== undefined && (document.cluster ?? document.auth.kubeconfig) !== undefined;
  if (complete)
    await inSources([part], () => readClusterConfig(withAnyToken(document), inspectPair));
  return {
    verdict: complete ? ('joins' as const) : ('part' as const),
    kind: reading.kind,
    complete,
    warnings: [...reading.warnings, ...pods.warnings, ...doubts(document, reading.kind)],
    document: withoutSecretValues(document),
  };
}

/** A volume of NoCloud may name a node by a text that is otherwise for cloud-init. */
const nameOnly = (file: string, text: string): readonly Warning[] =>
  nameFromCloudConfig(file, text) === undefined
    ? []
    : [{ path: 'hostname', why: 'it names a node whose NoCloud volume has this text' }];

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
    throw new KiosError('KIOS_BOOTSTRAP_DOCUMENT', `read ${file}`, {
      cause,
      exitCode: EXIT.noInput,
      remedy: 'Name a file that can be read.',
    });
  });
  const { format, content } = withRemedy(REMEDY, () => {
    const data = decodeUserData(file, bytes, gunzip);
    return {
      format: data.format,
      content: parseBytes(file, data.bytes, { gunzip, names: {} }),
    };
  });
  const base = { encoding: format, foreign: content.tag === 'foreign' };
  if (content.tag === 'document') {
    const parts = { pods: podsFile, settings: settingsFile };
    return { ...base, ...(await inFile(async () => checkDocument(file, content.parsed, parts))) };
  }
  const none = { kind: undefined, complete: false };
  if (content.tag === 'empty') return { verdict: 'empty', ...base, ...none, warnings: [] };
  const warnings = nameOnly(file, content.text);
  return { verdict: 'foreign', ...base, ...content.foreign, ...none, warnings };
}
