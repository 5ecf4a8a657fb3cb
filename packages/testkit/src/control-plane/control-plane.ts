import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { closeSync, copyFileSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTlsServer, request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { freePort } from '../free-port.ts';
import { makeCa, makeLeaf, openssl } from './make-certificates.ts';
import { find } from './programs.ts';

function makeServerCertificate(dir: string, ca: string): void {
  const san = 'IP:127.0.0.1,DNS:localhost';
  makeLeaf(dir, 'server', ca, { subject: '/CN=kube-apiserver', usage: 'serverAuth', san });
}

const CSR_ROLE = 'system:certificates.k8s.io:certificatesigningrequests';
/** The rights that kubeadm gives to joining nodes: name, role, group. */
const BINDINGS = [
  ['node-bootstrapper', 'system:node-bootstrapper', 'system:bootstrappers'],
  ['approve-bootstrap', `${CSR_ROLE}:nodeclient`, 'system:bootstrappers'],
  ['approve-rotation', `${CSR_ROLE}:selfnodeclient`, 'system:nodes'],
] as const;

export const pin = (pem: string): string => {
  const spki = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
};

interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** etcd, an API server and the controllers that a joining node needs, on loopback. */
export class ControlPlane implements AsyncDisposable {
  readonly #dir: string;
  readonly #children = new Map<string, ChildProcess>();
  #etcd = '';
  readonly port: number;
  /** The CA, or after a rotation both of them. */
  ca: string;
  /** A CA of another cluster. */
  readonly otherCa: string;

  private constructor(dir: string, port: number) {
    this.#dir = dir;
    this.port = port;
    this.ca = readFileSync(path.join(dir, 'ca.crt'), 'utf8');
    this.otherCa = readFileSync(path.join(dir, 'other.crt'), 'utf8');
  }

  /** `signingSeconds`: the validity of the certificates it signs. */
  static async start(signingSeconds = 3600): Promise<ControlPlane> {
    const dir = await mkdtemp(path.join(tmpdir(), 'kios-cluster-'));
    makeCa(dir, 'ca');
    makeCa(dir, 'other');
    makeServerCertificate(dir, 'ca');
    copyFileSync(path.join(dir, 'ca.crt'), path.join(dir, 'clients.crt'));
    openssl(dir, 'genrsa', '-out', 'sa.key', '2048');
    writeFileSync(path.join(dir, 'tokens.csv'), 'admin-token,admin,admin,system:masters\n');
    const plane = new ControlPlane(dir, await freePort());
    await plane.#startEtcd();
    await plane.startServer();
    plane.#startControllers(signingSeconds);
    return plane;
  }

  get endpoint(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  #run(name: string, flags: Readonly<Record<string, string>>): void {
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const log = openSync(path.join(this.#dir, `${name}.log`), 'a');
    const stdio: ['ignore', number, number] = ['ignore', log, log];
    this.#children.set(name, spawn(find(name) ?? name, args, { cwd: this.#dir, stdio }));
    closeSync(log);
  }

  async #startEtcd(): Promise<void> {
    const [client, peer] = [await freePort(), await freePort()];
    const etcd = `http://127.0.0.1:${client}`;
    const peers = `http://127.0.0.1:${peer}`;
    this.#run('etcd', {
      'data-dir': 'etcd',
      'unsafe-no-fsync': 'true',
      'listen-client-urls': etcd,
      'advertise-client-urls': etcd,
      'listen-peer-urls': peers,
      'initial-advertise-peer-urls': peers,
      'initial-cluster': `default=${peers}`,
    });
    this.#etcd = etcd;
  }

  /** Starts the API server, for the first time or again, with more flags, and waits until it serves. */
  async startServer(flags: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#run('kube-apiserver', {
      'etcd-servers': this.#etcd,
      'bind-address': '127.0.0.1',
      'secure-port': `${this.port}`,
      'tls-cert-file': 'server.crt',
      'tls-private-key-file': 'server.key',
      'token-auth-file': 'tokens.csv',
      'enable-bootstrap-token-auth': 'true',
      'client-ca-file': 'clients.crt',
      'authorization-mode': 'Node,RBAC',
      'service-account-key-file': 'sa.key',
      'service-account-signing-key-file': 'sa.key',
      'service-account-issuer': 'https://kubernetes',
      'cert-dir': 'generated',
      ...flags,
    });
    for (let tries = 0; ; tries++) {
      const status = await this.call('GET', '/readyz').catch(() => 0);
      if (status === 200) return;
      if (tries > 600) throw new Error(`API server not ready; see ${this.#dir}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Ends the API server, like an outage. */
  async stopServer(): Promise<void> {
    await this.#stop('kube-apiserver');
  }

  /** Makes a new CA; the API server, which keeps its certificate, accepts clients of both. */
  announceCa(): void {
    makeCa(this.#dir, 'ca2');
    this.ca += this.newCa;
    writeFileSync(path.join(this.#dir, 'clients.crt'), this.ca);
  }

  /** The CA that `announceCa` has made. */
  get newCa(): string {
    return readFileSync(path.join(this.#dir, 'ca2.crt'), 'utf8');
  }

  /** Restarts the API server with a certificate of the new CA. */
  async rotateCa(): Promise<void> {
    makeServerCertificate(this.#dir, 'ca2');
    await this.stopServer();
    await this.startServer();
  }

  /** Returns certificate and key of a client, PEM. */
  clientCertificate(subject: string): { readonly cert: string; readonly key: string } {
    makeLeaf(this.#dir, 'client', 'ca', { subject, usage: 'clientAuth' });
    const read = (name: string): string => readFileSync(path.join(this.#dir, name), 'utf8');
    return { cert: read('client.crt'), key: read('client.key') };
  }

  #startControllers(signingSeconds: number): void {
    const cluster = { server: this.endpoint, 'certificate-authority': `${this.#dir}/clients.crt` };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: 'admin-token' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(path.join(this.#dir, 'admin.conf'), JSON.stringify(config));
    this.#run('kube-controller-manager', {
      kubeconfig: 'admin.conf',
      'leader-elect': 'false',
      'secure-port': '0',
      'cluster-signing-cert-file': 'ca.crt',
      'cluster-signing-key-file': 'ca.key',
      'cluster-signing-duration': `${signingSeconds}s`,
      controllers: [
        'bootstrap-signer-controller',
        'token-cleaner-controller',
        'certificatesigningrequest-approving-controller',
        'certificatesigningrequest-signing-controller',
      ].join(','),
    });
  }

  /** Opens another listener with this cluster's serving certificate, which does not cover its address. */
  async serveAt(address: string): Promise<AsyncDisposable & { endpoint: string }> {
    const read = (name: string): string => readFileSync(path.join(this.#dir, name), 'utf8');
    const server = createTlsServer(
      { key: read('server.key'), cert: read('server.crt') },
      (_request, response) => void response.end('{}'),
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, address, resolve);
    await promise;
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no port');
    return {
      endpoint: `https://${address}:${bound.port}`,
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        server.close();
        await Promise.resolve();
      },
    };
  }

  /** Calls the API as administrator and returns the status. */
  async call(method: string, where: string, body?: unknown): Promise<number> {
    return (await this.ask(method, where, body)).status;
  }

  /** Calls the API, by default as administrator. A PATCH is a merge patch. */
  async ask(
    method: string,
    where: string,
    body?: unknown,
    token = 'admin-token',
  ): Promise<ApiAnswer> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const text = body === undefined ? '' : JSON.stringify(body);
    const { promise, resolve, reject } = Promise.withResolvers<ApiAnswer>();
    const call = request(`${this.endpoint}${where}`, {
      method,
      agent: false,
      ca: this.ca,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': type,
        // Node says no length of a DELETE's body by itself, and the server takes it for the next request then.
        'content-length': Buffer.byteLength(text),
      },
    });
    call.on('error', reject).on('response', (response) => {
      let answer = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: answer }));
    });
    call.end(text);
    return promise;
  }

  /** Calls the API as administrator, and fails unless it does what is asked. Returns what it says. */
  async must(method: string, where: string, body?: unknown): Promise<string> {
    const answer = await this.ask(method, where, body);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${where}: ${answer.status} ${answer.body}`);
  }

  /** Lets holders of a token request a node's certificate and have it approved, like kubeadm. */
  async letNodesJoin(): Promise<void> {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole' };
    for (const [name, role, group] of BINDINGS)
      await this.#create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
        metadata: { name },
        roleRef: { ...roleRef, name: role },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
      });
  }

  /** Publishes cluster-info readable for everybody, like kubeadm. */
  async publishClusterInfo(ca: string = this.ca): Promise<void> {
    const data = Buffer.from(ca).toString('base64');
    const cluster = { 'certificate-authority-data': data, server: this.endpoint };
    const kubeconfig = JSON.stringify({ clusters: [{ name: '', cluster }], kind: 'Config' });
    const meta = { name: 'cluster-info', namespace: 'kube-public' };
    const namespace = '/api/v1/namespaces/kube-public';
    await this.#namespace();
    await this.call('DELETE', `${namespace}/configmaps/cluster-info`);
    await this.#create(`${namespace}/configmaps`, { metadata: meta, data: { kubeconfig } });
    const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/kube-public';
    const rule = {
      apiGroups: [''],
      resources: ['configmaps'],
      resourceNames: ['cluster-info'],
      verbs: ['get'],
    };
    await this.call('POST', `${rbac}/roles`, { metadata: { name: 'info' }, rules: [rule] });
    await this.call('POST', `${rbac}/rolebindings`, {
      metadata: { name: 'info' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'info' },
      subjects: [{ kind: 'User', name: 'system:anonymous', apiGroup: 'rbac.authorization.k8s.io' }],
    });
  }

  /** Waits for the namespace kube-public, which the API server creates a moment after it is ready. */
  async #namespace(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if ((await this.call('GET', '/api/v1/namespaces/kube-public')) === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('no namespace kube-public');
  }

  async #create(where: string, body: unknown): Promise<void> {
    const status = await this.call('POST', where, body);
    if (status !== 201) throw new Error(`POST ${where}: ${status}`);
  }

  async createToken(
    token: string,
    expires?: Date,
    usages: readonly ('signing' | 'authentication')[] = ['signing', 'authentication'],
  ): Promise<void> {
    const [id = '', secret = ''] = token.split('.');
    await this.#create('/api/v1/namespaces/kube-system/secrets', {
      metadata: { name: `bootstrap-token-${id}` },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': id,
        'token-secret': secret,
        ...Object.fromEntries(usages.map((usage) => [`usage-bootstrap-${usage}`, 'true'])),
        ...(expires === undefined ? {} : { expiration: expires.toISOString() }),
      },
    });
  }

  async hasToken(token: string): Promise<boolean> {
    const name = `bootstrap-token-${token.split('.')[0]}`;
    return (await this.call('GET', `/api/v1/namespaces/kube-system/secrets/${name}`)) === 200;
  }

  async deleteToken(token: string): Promise<void> {
    const name = `bootstrap-token-${token.split('.')[0]}`;
    await this.call('DELETE', `/api/v1/namespaces/kube-system/secrets/${name}`);
  }

  /** Approves a request like `kubectl certificate approve`. */
  async approve(request: string): Promise<void> {
    const where = `/apis/certificates.k8s.io/v1/certificatesigningrequests/${request}`;
    const { body } = await this.ask('GET', where);
    const found: unknown = JSON.parse(body);
    const approved = { type: 'Approved', status: 'True', reason: 'Test', message: 'by hand' };
    const status = { conditions: [approved] };
    const answer = await this.call(
      'PUT',
      `${where}/approval`,
      Object.assign({}, found, { status }),
    );
    if (answer !== 200) throw new Error(`approve ${request}: ${answer}`);
  }

  async #stop(name: string): Promise<void> {
    const child = this.#children.get(name);
    this.#children.delete(name);
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => void child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#children.keys()].map(async (name) => this.#stop(name)));
    await rm(this.#dir, { recursive: true, force: true });
  }
}
