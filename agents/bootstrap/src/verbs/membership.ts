import { type Signer, SIGNERS } from '../core/cluster/api-objects.ts';
import type { NodeBootstrap } from '../core/document/schema.ts';
import { ofBoot } from '../core/files/state.ts';
import { judgeAlone, trialFault } from '../core/files/trial.ts';
import type { Settings } from '../core/settings/settings.ts';
import { openKube, readNodeCaller } from '../edge/cluster/kube-auth.ts';
import type { Caller, KubeClient } from '../edge/cluster/kube-client.ts';
import { type Backup, discardBackup, readBackup } from '../edge/files/backup.ts';
import { publishCluster } from '../edge/files/publish-cluster.ts';
import { placeFiles } from '../edge/files/transaction.ts';
import { bootSeconds, readBootId, readKubelet } from '../edge/node/host.ts';
import { forgetFormerIdentity } from '../edge/node/identity-files.ts';
import { readJoinState } from '../edge/node/node.ts';
import { restartKubelet } from '../edge/node/restart-kubelet.ts';
import { isSystemOnTrial, publishStanding } from '../edge/node/standing.ts';
import {
  type NodeLook,
  type NodeView,
  reportJoin,
  viewNode,
  viewRequests,
} from './cluster-view.ts';
import { apiOf, type JoinContext } from './context.ts';
import { CaFollower } from './follow-ca.ts';
import type { Joined, Outcome } from './join.ts';
import { type Member, memberOf } from './member.ts';
import { NodeConditions } from './node-conditions.ts';
import { finishRollBack, notReady, rollBack } from './rollback.ts';
import { readTrial } from './trial.ts';

/** Pause between two looks while a configuration is on trial. */
const TRIAL_MS = 2000;
/** Pause between two looks while a version of the system is on trial. */
const SYSTEM_TRIAL_S = 10;
/** kubelet's folder is watched, so this pause matters to the warnings only. */
const PENDING_MS = 10_000;
const STANDALONE_MS = 60_000;
/** An approver's time, after which a request is reported. */
const PENDING_S = 20;
/** kubelet creates its Node object within seconds of its start. */
const REGISTERED_AFTER_S = 30;

/** Returns kubelet's start in milliseconds since 1970, one second early: the cluster's times are in whole seconds. */
async function kubeletSince(settings: Settings): Promise<number> {
  const started = (await readKubelet(settings))?.startedBoot ?? 0;
  return Date.now() - ((await bootSeconds()) - started) * 1000 - 1000;
}

/**
 * Follows the node in its cluster: whether it is Ready, waits for an approver, is deleted, or fails to become Ready.
 */
export class Membership {
  readonly #context: JoinContext;
  /** Seconds of CLOCK_BOOTTIME before which a node that is Ready is not looked at. */
  #nextLook: number | undefined;
  /** Names of the certificate requests that were reported. */
  #reported: ReadonlySet<string> = new Set();
  #isNetworkNoted = false;
  /** The Node object was seen since kubelet's start, so its absence means that it was deleted. */
  #wasSeen = false;
  readonly #ca: CaFollower;
  readonly #conditions: NodeConditions;

  constructor(context: JoinContext) {
    this.#context = context;
    this.#ca = new CaFollower(context);
    this.#conditions = new NodeConditions(context);
  }

  /** Looks at the node and returns the milliseconds until the next look. */
  async look(joined: Joined): Promise<number> {
    const { input } = joined;
    const before = await readBackup(this.#context.settings);
    if (input === undefined) await this.#afterRollBack(before);
    const alone = input?.cluster === undefined ? input?.document : undefined;
    const waitMs = alone && before && (await this.#lookAtAlone(alone, before));
    if (waitMs !== undefined) return waitMs;
    return this.#lookAtMember(joined);
  }

  async #lookAtMember(joined: Joined): Promise<number> {
    const { outcome } = joined;
    const { settings } = this.#context;
    const backup = await readBackup(settings);
    const member = await memberOf(settings, joined);
    await publishCluster(settings, outcome === 'joined' ? member?.endpoint : undefined);
    this.#showMember(member, outcome);
    if (member === undefined || outcome === 'standalone') {
      const isAlone = this.#context.board?.join === undefined;
      await publishStanding(settings, isAlone ? 'alone' : 'joining');
      return STANDALONE_MS;
    }
    if (backup !== undefined && (await readTrial(settings)).isRefused)
      return this.#lookAtRefused(member, backup);
    if (outcome === 'pending') return this.#lookAtPending(member, backup);
    return this.#lookAtJoined(member, backup);
  }

  /**
   * Looks at files that join no cluster. Returns the milliseconds until the next look, or undefined when they have
   * proved good.
   */
  async #lookAtAlone(document: NodeBootstrap, backup: Backup): Promise<number | undefined> {
    const { settings } = this.#context;
    const verdict = judgeAlone(await readTrial(settings), settings.rollbackSeconds);
    const pauseMs = Math.min(TRIAL_MS, settings.rollbackSeconds * 1000);
    if (verdict === undefined) return pauseMs;
    if (verdict === 'good') {
      await discardBackup(settings);
      return undefined;
    }
    const state = await readJoinState(settings);
    if (state === undefined) return pauseMs;
    const why = { code: 'KIOS_BOOTSTRAP_KUBELET', why: verdict.fault } as const;
    await rollBack(this.#context, state, document, backup, why);
    return 0;
  }

  async #afterRollBack(backup: Backup | undefined): Promise<void> {
    const state = await readJoinState(this.#context.settings);
    if (backup !== undefined && state?.phase === 'rolled-back')
      await finishRollBack(this.#context, state);
  }

  async #succeed(): Promise<void> {
    const { settings } = this.#context;
    await forgetFormerIdentity(settings);
    await discardBackup(settings);
  }

  /** Returns the seconds since kubelet was to run with the configuration. */
  async #trialSeconds(): Promise<number | undefined> {
    return (await readTrial(this.#context.settings)).seconds;
  }

  async #rollBackIfFailed({ document }: Member, backup: Backup | undefined): Promise<boolean> {
    const { settings } = this.#context;
    if (backup === undefined || document === undefined) return false;
    const why = trialFault(await readTrial(settings), settings.rollbackSeconds);
    const state = await readJoinState(settings);
    if (why === undefined || state === undefined) return false;
    await rollBack(this.#context, state, document, backup, notReady(why));
    return true;
  }

  /** Never accepts the configuration, even where it may not be rolled back. */
  async #lookAtRefused(member: Member, backup: Backup): Promise<number> {
    const isRolledBack = await this.#rollBackIfFailed(member, backup);
    return isRolledBack ? 0 : this.#context.settings.nodeCheckSeconds * 1000;
  }

  /** Only kubelet's program can authenticate as this node, so kubelet has to suffice that serves with it. */
  async #lookAtUnknown(member: Member, backup: Backup | undefined): Promise<number> {
    const { settings, log } = this.#context;
    log.debug({ ev: 'ready.unknown' });
    await publishStanding(settings, 'unknown');
    if (backup === undefined) return settings.nodeCheckSeconds * 1000;
    if ((await readTrial(settings)).hasServed) await this.#succeed();
    else if (await this.#rollBackIfFailed(member, backup)) return 0;
    return TRIAL_MS;
  }

  async #kube({ endpoint, ca }: Member, caller: Caller): Promise<KubeClient> {
    return openKube(apiOf(this.#context, endpoint), { ca, ...caller });
  }

  /** Has the node looked at with the next call, though it is not time yet. */
  lookSoon(): void {
    if (this.#nextLook !== undefined) this.#nextLook = 0;
  }

  #showMember(member: Member | undefined, outcome: Outcome): void {
    const { board } = this.#context;
    if (board === undefined) return;
    const isMember = member !== undefined && outcome !== 'standalone';
    board.requests = [];
    board.member = isMember
      ? { ...member, token: outcome === 'pending' ? member.token : undefined }
      : undefined;
  }

  /** Logs each undecided certificate request once. */
  #reportRequests(requests: readonly string[], seconds: number, signer: Signer): void {
    if (this.#context.board !== undefined) this.#context.board.requests = requests;
    for (const name of requests.filter((item) => !this.#reported.has(item))) {
      this.#reported = new Set([...this.#reported, name]);
      this.#context.log.warn({
        ev: 'csr.pending',
        name,
        signer,
        seconds: Math.round(seconds),
        remedy: `Run: kubectl certificate approve ${name}.`,
      });
    }
  }

  async #lookAtPending(member: Member, backup: Backup | undefined): Promise<number> {
    await publishStanding(this.#context.settings, 'joining');
    const limit = this.#context.settings.rollbackSeconds || PENDING_S;
    const waits = Math.min(PENDING_S, limit);
    const seconds = (await this.#trialSeconds()) ?? 0;
    if (seconds < waits) return (waits - seconds) * 1000;
    const open = await this.#openRequests(member);
    this.#reportRequests(open, seconds, SIGNERS.client);
    // An undecided request is no reason to roll back: the node has done all it can, and the approval may still come.
    const isRolledBack = open.length === 0 && (await this.#rollBackIfFailed(member, backup));
    return isRolledBack ? 0 : PENDING_MS;
  }

  async #openRequests(member: Member): Promise<readonly string[]> {
    const { token, name } = member;
    if (token === undefined) return [];
    return viewRequests(await this.#kube(member, { token }), SIGNERS.client, name);
  }

  async #lookAtJoined(member: Member, backup: Backup | undefined): Promise<number> {
    const { settings } = this.#context;
    const isTrial = backup !== undefined;
    const up = await bootSeconds();
    const hurry = await this.#hurry();
    // A node that had joined when this agent started is not looked at for a while.
    this.#nextLook ??= isTrial || hurry > 0 ? up : up + settings.nodeCheckSeconds;
    const due = this.#nextLook - hurry;
    if (!isTrial && up < due) return (due - up) * 1000;
    this.#nextLook = up + settings.nodeCheckSeconds;
    const caller = await readNodeCaller(settings, member.kubeletConf);
    if (caller === undefined) return this.#lookAtUnknown(member, backup);
    const kube = await this.#kube(member, caller);
    const look = await viewNode(kube, member.name, await kubeletSince(settings));
    await publishStanding(settings, look.view === 'ready' ? 'ready' : 'not-ready');
    await this.#act(member, kube, look, backup);
    if (isTrial && look.view !== 'ready') return TRIAL_MS;
    return (settings.nodeCheckSeconds - hurry) * 1000;
  }

  /** Returns by how many seconds looks come sooner: while a new version of the system is on trial, init needs them. */
  async #hurry(): Promise<number> {
    const { settings } = this.#context;
    const isOnTrial = await isSystemOnTrial(settings);
    return isOnTrial ? Math.max(settings.nodeCheckSeconds - SYSTEM_TRIAL_S, 0) : 0;
  }

  async #act(
    member: Member,
    kube: KubeClient,
    { view, object }: NodeLook,
    backup: Backup | undefined,
  ): Promise<void> {
    if (object !== undefined) await this.#conditions.keep(kube, member.name, object);
    if (object !== undefined) this.#wasSeen = true;
    if (view === 'ready') await this.#isWell(member, kube, backup !== undefined);
    // This agent's part is done. A rollback would end the very pods that provide the network.
    else if (view === 'no network') this.#noteNetwork();
    else await this.#isUnwell(member, view, backup);
  }

  async #isUnwell(member: Member, view: NodeView, backup: Backup | undefined): Promise<void> {
    if (view === 'unknown' && (await this.#followCa(member, false))) return;
    if (await this.#rollBackIfFailed(member, backup)) return;
    const isGone = view === 'absent' && (backup === undefined || this.#wasSeen);
    if (isGone) await this.#comeBack();
  }

  async #isWell(member: Member, kube: KubeClient, isTrial: boolean): Promise<void> {
    const { name, document } = member;
    if (isTrial) {
      // kubelet may have started without its drop-ins since this look began.
      if ((await readTrial(this.#context.settings)).isRefused) return;
      await this.#succeed();
      await reportJoin(this.#context, kube, name, await bootSeconds());
    }
    await this.#followCa(member, true);
    if (document?.kubelet?.config?.['serverTLSBootstrap'] !== true) return;
    const seconds = (await this.#trialSeconds()) ?? 0;
    if (seconds < PENDING_S) return;
    const open = await viewRequests(kube, SIGNERS.serving, name);
    this.#reportRequests(open, seconds, SIGNERS.serving);
  }

  #noteNetwork(): void {
    if (this.#isNetworkNoted) return;
    this.#isNetworkNoted = true;
    this.#context.log.info({ ev: 'network.wait', why: 'the cluster has no pod network yet' });
  }

  /** Restarts kubelet after its node was deleted, because kubelet registers it only at start. */
  async #comeBack(): Promise<void> {
    const { settings } = this.#context;
    const kubelet = await readKubelet(settings);
    const state = await readJoinState(settings);
    const age = (await bootSeconds()) - (kubelet?.startedBoot ?? 0);
    if (state === undefined || age < Math.min(REGISTERED_AFTER_S, settings.nodeCheckSeconds))
      return;
    this.#wasSeen = false;
    await this.#restart('the node was deleted from its cluster');
  }

  async #restart(why: string): Promise<void> {
    const { settings, log, signal } = this.#context;
    const state = await readJoinState(settings);
    if (state === undefined) return;
    const bootId = await readBootId(settings);
    const current = { ...state, bootId, ...ofBoot(state, bootId) };
    await restartKubelet(settings, log, signal, current, why);
  }

  /**
   * Follows a change of a CA that was found by its pin; one given in the document changes with the document. Returns
   * whether it changed.
   */
  async #followCa({ endpoint, ca: present, pins }: Member, isReached: boolean): Promise<boolean> {
    if (pins === undefined) return false;
    const api = apiOf(this.#context, endpoint);
    const ca = await this.#ca.next({ api, ca: present, pins }, isReached);
    if (ca === undefined) return false;
    const { settings, log } = this.#context;
    const file = { path: 'kubernetes/pki/ca.crt', content: ca.join(''), mode: 0o644 };
    await placeFiles(settings.etc, [file]);
    log.info({ ev: 'ca.changed', certificates: ca.length, console: true });
    await this.#restart('the CA of the cluster changed');
    return true;
  }
}
