import path from 'node:path';

import { readIfThere } from '@kios/agent';
import type { Lease } from '@kios/node-state';
import * as v from 'valibot';

import { NodeObject } from '../../core/cluster/api-objects.ts';
import type { ApiSign, Asked } from '../../core/diagnosis/signs.ts';
import type { Settings } from '../../core/settings/settings.ts';
import type { ApiServer } from '../cluster/api-server.ts';
import { readNodeCaller } from '../cluster/kube-auth.ts';
import { readKubelet } from '../node/host.ts';
import { askApi } from './ask-api.ts';
import { askGateway, askNameServers } from './ask-network.ts';
import type { Board, Membered } from './board.ts';

/** The pace of probes on a healthy node: two in a row take less than a minute. */
const PROBE_SECONDS = 20;
/** The pace of requests to the API server on a member. kubelet's log tells of trouble sooner, but not of a namesake. */
const MEMBER_SECONDS = 25;
const VERSION_SECONDS = 1800;
/** kubelet overwrites the status that its machine had under another identity when it starts. */
const SETTLED_SECONDS = 30;
/** Two kubelets of one name overwrite each other every 10 s. */
const FOREIGN_SECONDS = 60;

export interface ProbePorts {
  readonly settings: Settings;
  readonly board: Board;
  readonly signal: AbortSignal;
  readonly openApi: (endpoint: string) => ApiServer;
}

const Version = v.object({ gitVersion: v.string() });

function parse<const Schema extends v.GenericSchema>(
  schema: Schema,
  body: string,
): v.InferOutput<Schema> | undefined {
  try {
    return v.parse(schema, JSON.parse(body));
  } catch {
    return undefined;
  }
}

/** Returns whether a machine is not this one; false where either has no name. */
async function isAnother(machine: string | undefined, settings: Settings): Promise<boolean> {
  if (!machine) return false;
  const own = (await readIfThere(path.join(settings.etc, 'machine-id')))?.trim();
  return Boolean(own) && machine !== own;
}

/** What was asked of the network last. */
export class NetworkProbes {
  gateway: Asked | undefined;
  nameServers: readonly Asked[] = [];
  api: ApiSign | undefined;
  readonly #ports: ProbePorts;
  #probedAt = Number.NEGATIVE_INFINITY;
  #apiAt = Number.NEGATIVE_INFINITY;
  #version: { readonly text: string; readonly at: number } | undefined;
  #foreignAt: number | undefined;

  constructor(ports: ProbePorts) {
    this.#ports = ports;
  }

  /** Asks what is due. `isTrouble`: there is a sign of a fault, so everything is. */
  async look(lease: Lease | undefined, up: number, isTrouble: boolean): Promise<void> {
    if (!isTrouble && up - this.#probedAt < PROBE_SECONDS) return;
    this.#probedAt = up;
    const { settings, signal } = this.#ports;
    const [gateway, nameServers] = await Promise.all([
      lease === undefined ? undefined : askGateway(lease, settings.procNet, signal),
      askNameServers(path.join(settings.run, 'net/resolv.conf'), signal),
      this.#askApi(up, isTrouble),
    ]);
    this.gateway = gateway;
    this.nameServers = nameServers;
  }

  /** Returns whether another machine wrote to this node's object lately. */
  isNameTaken(up: number): boolean {
    return this.#foreignAt !== undefined && up - this.#foreignAt <= FOREIGN_SECONDS;
  }

  async #askApi(up: number, isTrouble: boolean): Promise<void> {
    const { member, endpoint } = this.#ports.board;
    if (member !== undefined) {
      if (!isTrouble && this.#isFresh(member, up)) return;
      this.#apiAt = up;
      this.api = await this.#askAsMember(member, up);
      return;
    }
    // Nothing vouches for this server yet: whether it is reached is all that counts.
    this.api =
      endpoint === undefined ? undefined : await this.#askVersion(endpoint, { ca: undefined });
  }

  /** Returns whether a member was answered of late. One that still shows its token is not: that may die. */
  #isFresh({ endpoint, token }: Membered, up: number): boolean {
    const isSame = this.api?.endpoint === endpoint && token === undefined;
    return isSame && up - this.#apiAt < MEMBER_SECONDS;
  }

  async #askVersion(
    endpoint: string,
    access: { readonly ca: readonly string[] | undefined; readonly token?: string },
  ): Promise<ApiSign> {
    const { openApi, settings } = this.#ports;
    const resolvConf = path.join(settings.run, 'net/resolv.conf');
    const request = { path: '/version', ...access };
    const { reach, answer } = await askApi({
      api: openApi(endpoint),
      endpoint,
      resolvConf,
      request,
    });
    const version = answer && parse(Version, answer.body)?.gitVersion;
    if (reach.kind !== 'reached' || version === undefined) return { endpoint, reach };
    return { endpoint, reach: { ...reach, version } };
  }

  async #askAsMember(member: Membered, up: number): Promise<ApiSign> {
    const { settings, openApi } = this.#ports;
    const { endpoint, ca, name, kubeletConf, token } = member;
    // On a disk that has died it cannot be read.
    const caller = await readNodeCaller(settings, kubeletConf).catch(() => undefined);
    if (caller === undefined || token !== undefined)
      return this.#askVersion(endpoint, { ca, ...(token === undefined ? {} : { token }) });
    const resolvConf = path.join(settings.run, 'net/resolv.conf');
    const request = { path: `/api/v1/nodes/${encodeURIComponent(name)}`, ca, ...caller };
    const { reach, answer } = await askApi({
      api: openApi(endpoint),
      endpoint,
      resolvConf,
      request,
    });
    if (answer !== undefined) await this.#compare(answer.body, up);
    if (reach.kind !== 'reached') return { endpoint, reach };
    const version = await this.#knownVersion(endpoint, ca, up);
    return { endpoint, reach: { ...reach, ...(version === undefined ? {} : { version }) } };
  }

  async #knownVersion(
    endpoint: string,
    ca: readonly string[],
    up: number,
  ): Promise<string | undefined> {
    if (this.#version === undefined || up - this.#version.at > VERSION_SECONDS) {
      const { reach } = await this.#askVersion(endpoint, { ca });
      const text = reach.kind === 'reached' ? reach.version : undefined;
      if (text !== undefined) this.#version = { text, at: up };
    }
    return this.#version?.text;
  }

  /** Keeps the time at which the Node's status has another machine, which this kubelet would have overwritten. */
  async #compare(body: string, up: number): Promise<void> {
    const { settings } = this.#ports;
    const machine = parse(NodeObject, body)?.status?.nodeInfo?.machineID;
    if (!(await isAnother(machine, settings))) return;
    const kubelet = await readKubelet(settings).catch(() => undefined);
    const isSettled = kubelet?.mode === 'cluster' && up - kubelet.startedBoot > SETTLED_SECONDS;
    if (isSettled) this.#foreignAt = up;
  }
}
