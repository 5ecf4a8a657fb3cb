import * as v from 'valibot';

import type { NodeBootstrap } from '../document/schema.ts';
import { sha256 } from '../document/sha256.ts';
import { Origin } from '../providers/seed-trust.ts';
import type { OutputFile } from './output-file.ts';

/** `/var/lib/kios/bootstrap/state.json`: the progress of this agent, kept over boots. */
export const JoinState = v.object({
  v: v.literal(1),
  instanceId: v.string(),
  /** The id is '' because its source had a fault: the first one that is read is the machine's own. */
  isIdUnread: v.optional(v.boolean()),
  /** Hash of the document without its token: the request. */
  inputHash: v.string(),
  /** The API server that cluster-info names, where it is not the document's; for exactly that input. */
  server: v.optional(v.string()),
  /** Hash of the files as written: the result, unless someone changed it. */
  outputHash: v.string(),
  /**
   * `writing`: between the first and the last rename. `written`: all in place. `restarted`: kubelet's restart was
   * requested. `rolled-back`: the files before are in place again, because they did not prove good.
   */
  phase: v.picklist(['writing', 'written', 'restarted', 'rolled-back']),
  bootId: v.string(),
  /** Seconds of CLOCK_BOOTTIME when the phase before `restarted` was reached. */
  up: v.number(),
  when: v.string(),
  /** Seconds of CLOCK_BOOTTIME of the restarts requested in this boot, newest last. */
  restarts: v.array(v.number()),
  /** Seconds of CLOCK_BOOTTIME at which kubelet was first asked in this boot to run with the document. */
  onTrialSince: v.optional(v.number()),
  /** Seconds of CLOCK_BOOTTIME at which kubelet was given another address in this boot. */
  readdressed: v.optional(v.number()),
  /** The obsolete certificate is being set aside. */
  dropIdentity: v.optional(v.boolean(), false),
  /** The document's own files, relative to /etc: those gone from it are removed from the disk. */
  userFiles: v.optional(v.array(v.string()), []),
  /** Hash of the whole document that was rolled back: it is not tried again soon. */
  tried: v.optional(v.string()),
  /** kubelet itself did not run with that document, so no time makes another try worthwhile. */
  isRefused: v.optional(v.boolean()),
  /** The source by which the node joined: of the volumes, only this one counts. */
  origin: v.optional(Origin),
});
export type JoinState = v.InferOutput<typeof JoinState>;

/** Returns the fields of a state that are valid only within the boot that wrote it. */
export const ofBoot = (
  state: JoinState | undefined,
  bootId: string,
): Pick<JoinState, 'restarts' | 'onTrialSince' | 'readdressed'> =>
  state?.bootId === bootId
    ? {
        restarts: state.restarts,
        onTrialSince: state.onTrialSince,
        readdressed: state.readdressed,
      }
    : { restarts: [], onTrialSince: undefined, readdressed: undefined };

const hashJson = async (value: unknown): Promise<string> =>
  sha256(new TextEncoder().encode(JSON.stringify(value)));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

/** Hashes a document with its secrets, to compare whole documents. */
export async function hashDocument(document: NodeBootstrap): Promise<string> {
  return hashJson(sorted(document));
}

/** Hashes the request. `auth` is left out: a new token must not make a node with a certificate join again. */
export async function hashInput(document: NodeBootstrap, instanceId: string): Promise<string> {
  const { auth: _secret, ...rest } = document;
  return hashJson([sorted(rest), instanceId]);
}

/** Hashes the paths and contents of files, whatever their order. */
export async function hashOutput(
  files: readonly Pick<OutputFile, 'path' | 'content'>[],
): Promise<string> {
  const ordered = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return hashJson(ordered.map(({ path, content }) => [path, content ?? null]));
}
