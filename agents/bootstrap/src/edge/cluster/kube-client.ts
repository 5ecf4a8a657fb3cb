import { describe } from '@kios/errors';
import {
  ApiException,
  CertificatesV1Api,
  CoreV1Api,
  type CoreV1Event,
  createConfiguration,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  type V1CertificateSigningRequest,
  wrapHttpLibrary,
} from '@kubernetes/client-node';
import * as v from 'valibot';

import { NodeObject } from '../../core/cluster/api-objects.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import type { ApiRequest, ApiServer, ClientPair } from './api-server.ts';
import { StatusError } from './status-error.ts';

/** Who a request comes from. */
export interface Caller {
  readonly client?: ClientPair;
  readonly token?: string;
}

/** How the API server is verified, and who calls it. */
export interface Access extends Caller, Pick<ApiRequest, 'timeoutMs'> {
  /** PEM certificates to trust; `undefined` trusts any server. */
  readonly ca: readonly string[] | undefined;
}

/** The library requires an absolute address, although the transport has the endpoint. */
const SERVER = new ServerConfiguration('https://kubernetes', {});
/** Always JSON, so that the library does not accept any other answer as text. */
const HEADERS = { 'content-type': 'application/json' };

/** An object of this name is there. */
const CONFLICT = 409;

const ConfigMap = v.object({ data: v.record(v.string(), v.string()) });

async function send(
  api: ApiServer,
  access: Access,
  request: RequestContext,
): Promise<ResponseContext> {
  const { pathname, search } = new URL(request.getUrl());
  const sent = request.getBody();
  const body = typeof sent === 'string' ? { body: sent } : {};
  const answer = await api.get({ path: `${pathname}${search}`, ...access, ...body });
  return new ResponseContext(answer.status, HEADERS, {
    text: async () => Promise.resolve(answer.body),
    binary: async () => Promise.resolve(Buffer.from(answer.body)),
    stream: () => null,
  });
}

const unreadable = (why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_UNREACHABLE', `read the API server's answer: ${why}`);

/**
 * Converts errors to ours. The library does not check answers: a wrong one becomes a SyntaxError, a TypeError or null.
 */
async function asOurs<T extends object>(call: Promise<T>): Promise<T> {
  let answer: T | null;
  try {
    answer = await call;
  } catch (cause) {
    if (cause instanceof ApiException) throw new StatusError(cause.code);
    if (cause instanceof SyntaxError || cause instanceof TypeError) throw unreadable(cause.message);
    throw cause;
  }
  if (answer === null) throw unreadable('it is null');
  return answer;
}

const pathOf = (node: string): string => `/api/v1/nodes/${encodeURIComponent(node)}`;

function parseNode(body: string): NodeObject {
  try {
    return v.parse(NodeObject, JSON.parse(body));
  } catch (error) {
    throw unreadable(describe(error));
  }
}

/** This agent's calls: the typed APIs of the Kubernetes library on our own transport. Load it with `openKube`. */
export class KubeClient {
  readonly #api: ApiServer;
  readonly #access: Access;
  readonly #core: CoreV1Api;
  readonly #certificates: CertificatesV1Api;

  constructor(api: ApiServer, access: Access) {
    this.#api = api;
    this.#access = access;
    const configuration = createConfiguration({
      baseServer: SERVER,
      httpApi: wrapHttpLibrary({ send: async (request) => send(api, access, request) }),
    });
    this.#core = new CoreV1Api(configuration);
    this.#certificates = new CertificatesV1Api(configuration);
  }

  /**
   * Sends a request by itself. Where few fields of the answer or none are read, the library's call would only cost
   * memory, for the models of all others.
   */
  async #ask(wanted: Pick<ApiRequest, 'path' | 'patch'>): Promise<string> {
    const { status, body } = await this.#api.get({ ...this.#access, ...wanted });
    if (status !== 200) throw new StatusError(status);
    return body;
  }

  async version(): Promise<void> {
    await this.#ask({ path: '/version' });
  }

  async node(name: string): Promise<NodeObject> {
    return parseNode(await this.#ask({ path: pathOf(name) }));
  }

  /** Reads the entries of `kube-public/cluster-info`, and checks them, because they may come from any server. */
  async clusterInfo(): Promise<v.InferOutput<typeof ConfigMap>['data']> {
    const wanted = { name: 'cluster-info', namespace: 'kube-public' };
    const configMap = v.safeParse(
      ConfigMap,
      await asOurs(this.#core.readNamespacedConfigMap(wanted)),
    );
    if (!configMap.success) throw unreadable('it is not a ConfigMap');
    return configMap.output.data;
  }

  async requests(signerName: string): Promise<readonly V1CertificateSigningRequest[]> {
    const fieldSelector = `spec.signerName=${signerName}`;
    const list = await asOurs(this.#certificates.listCertificateSigningRequest({ fieldSelector }));
    // An empty list may be null on the wire, although its type excludes that.
    return list.items ?? [];
  }

  /** Asks for a certificate; one of this name that is there already stays as it is. */
  async createRequest(body: V1CertificateSigningRequest): Promise<void> {
    try {
      await asOurs(this.#certificates.createCertificateSigningRequest({ body }));
    } catch (error) {
      if (!(error instanceof StatusError && error.status === CONFLICT)) throw error;
    }
  }

  async request(name: string): Promise<V1CertificateSigningRequest> {
    return asOurs(this.#certificates.readCertificateSigningRequest({ name }));
  }

  /** Merges conditions into those of the node, each by its type. */
  async addConditions(name: string, conditions: readonly object[]): Promise<void> {
    const path = `${pathOf(name)}/status`;
    await this.#ask({ path, patch: JSON.stringify({ status: { conditions } }) });
  }

  async post(event: CoreV1Event): Promise<void> {
    await asOurs(this.#core.createNamespacedEvent({ namespace: 'default', body: event }));
  }
}
