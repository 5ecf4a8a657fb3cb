import * as v from 'valibot';

import type { NodeBootstrap } from '../document/schema.ts';
import type { OutputFile } from './output-file.ts';

/** `/var/lib/kios/bootstrap/state.json`: how far this agent got. */
export const JoinState = v.object({
  v: v.literal(1),
  instanceId: v.string(),
  /** Of the document without its token: what was asked for. */
  inputHash: v.string(),
  /** Of the files as written: what is there unless somebody changed it. */
  outputHash: v.string(),
  /**
   * `writing`: between the first and the last rename; `written`: all in place; `restarted`: kubelet was told; `rolled-back`: what was
   * there before is there again, because the node did not get Ready.
   */
  phase: v.picklist(['writing', 'written', 'restarted', 'rolled-back']),
  bootId: v.string(),
  /** Seconds of CLOCK_BOOTTIME when the phase before `restarted` was reached. */
  up: v.number(),
  when: v.string(),
  /** Seconds of CLOCK_BOOTTIME of the restarts asked for in this boot, newest last. */
  restarts: v.array(v.number()),
  /** Seconds of CLOCK_BOOTTIME at which kubelet was given another address, in this boot. */
  readdressed: v.optional(v.number()),
  /** The certificate of an earlier life is being set aside. */
  dropIdentity: v.optional(v.boolean(), false),
  /** Files of the document, relative to /etc: gone from it, gone from the disk. */
  userFiles: v.optional(v.array(v.string()), []),
  /** Of the whole document: what need not be tried again soon after a roll back. */
  tried: v.optional(v.string()),
});
export type JoinState = v.InferOutput<typeof JoinState>;

/** What of a state counts in the boot it was made in only. */
export const ofBoot = (
  state: JoinState | undefined,
  bootId: string,
): Pick<JoinState, 'restarts' | 'readdressed'> =>
  state?.bootId === bootId
    ? { restarts: state.restarts, readdressed: state.readdressed }
    : { restarts: [], readdressed: undefined };

async function sha256(value: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

/** With its secrets, for the comparison of two whole documents. */
export async function hashDocument(document: NodeBootstrap): Promise<string> {
  return sha256(sorted(document));
}

/** The token is left out: a node with a certificate needs none, and a new one must not make it join again. */
export async function hashInput(document: NodeBootstrap, instanceId: string): Promise<string> {
  const { auth: _secret, ...rest } = document;
  return sha256([sorted(rest), instanceId]);
}

/** The files kubelet reads at start, in a fixed order; credentials are judged by what they are, not by their bytes. */
export async function hashOutput(
  files: readonly Pick<OutputFile, 'path' | 'content'>[],
): Promise<string> {
  const ordered = files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return sha256(ordered.map(({ path, content }) => [path, content ?? null]));
}
