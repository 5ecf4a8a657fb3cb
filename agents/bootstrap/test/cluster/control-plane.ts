import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTlsServer, request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

const FOLDERS = (process.env['KIOS_CONTROL_PLANE_BIN'] ?? '').split(':').filter(Boolean);
const PROGRAMS = ['etcd', 'kube-apiserver', 'kube-controller-manager'];

const find = (program: string): string | undefined =>
  FOLDERS.map((folder) => path.join(folder, program)).find((file) => existsSync(file));

/** Why these tests cannot run here; undefined when they can. */
export function missing(): string | undefined {
  const absent = PROGRAMS.filter((name) => find(name) === undefined);
  if (absent.length === 0) return undefined;
  const why = `KIOS_CONTROL_PLANE_BIN has no ${absent.join(', ')}`;
  if (process.env['KIOS_REQUIRE_CLUSTER'] === '1') throw new Error(why);
  return why;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function openssl(dir: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
}

function makeCa(dir: string, name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-days', '10'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(dir, 'req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.crt`, ...subject);
}

function makeServerCertificate(dir: string, ca: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const san = 'subjectAltName=IP:127.0.0.1,DNS:localhost';
  const issuer = ['-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-days', '10'];
  const out = ['-keyout', 'server.key', '-out', 'server.crt', '-subj', '/CN=kube-apiserver'];
  openssl(dir, 'req', '-x509', ...key, ...out, '-addext', san, ...issuer);
  openssl(dir, 'genrsa', '-out', 'sa.key', '2048');
}

export const pin = (pem: string): string => {
  const spki = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
};

/** etcd, an API server and the controllers that matter to a joining node, on loopback. */
export class ControlPlane implements AsyncDisposable {
  readonly #dir: string;
  readonly #children: ChildProcess[] = [];
  readonly port: number;
  readonly ca: string;
  /** A CA that has nothing to do with this cluster. */
  readonly otherCa: string;

  private constructor(dir: string, port: number) {
    this.#dir = dir;
    this.port = port;
    this.ca = readFileSync(path.join(dir, 'ca.crt'), 'utf8');
    this.otherCa = readFileSync(path.join(dir, 'other.crt'), 'utf8');
  }

  static async start(): Promise<ControlPlane> {
    const dir = await mkdtemp(path.join(tmpdir(), 'kios-cluster-'));
    makeCa(dir, 'ca');
    makeCa(dir, 'other');
    makeServerCertificate(dir, 'ca');
    writeFileSync(path.join(dir, 'tokens.csv'), 'admin-token,admin,admin,system:masters\n');
    const plane = new ControlPlane(dir, await freePort());
    await plane.#startServer();
    plane.#startControllers();
    return plane;
  }

  get endpoint(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  #run(name: string, flags: Readonly<Record<string, string>>): void {
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const log = openSync(path.join(this.#dir, `${name}.log`), 'w');
    const stdio: ['ignore', number, number] = ['ignore', log, log];
    this.#children.push(spawn(find(name) ?? name, args, { cwd: this.#dir, stdio }));
    closeSync(log);
  }

  async #startServer(): Promise<void> {
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
    this.#run('kube-apiserver', {
      'etcd-servers': etcd,
      'bind-address': '127.0.0.1',
      'secure-port': `${this.port}`,
      'tls-cert-file': 'server.crt',
      'tls-private-key-file': 'server.key',
      'token-auth-file': 'tokens.csv',
      'enable-bootstrap-token-auth': 'true',
      'client-ca-file': 'ca.crt',
      'authorization-mode': 'Node,RBAC',
      'service-account-key-file': 'sa.key',
      'service-account-signing-key-file': 'sa.key',
      'service-account-issuer': 'https://kubernetes',
      'cert-dir': 'generated',
    });
    for (let tries = 0; ; tries++) {
      const status = await this.call('GET', '/readyz').catch(() => 0);
      if (status === 200) return;
      if (tries > 600) throw new Error(`API server not ready; see ${this.#dir}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #startControllers(): void {
    const cluster = { server: this.endpoint, 'certificate-authority': `${this.#dir}/ca.crt` };
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
      controllers: 'bootstrap-signer-controller,token-cleaner-controller',
    });
  }

  /** Another listener with this cluster's serving certificate, which is not for that address. */
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

  /** One call as administrator; answers the status. */
  async call(method: string, where: string, body?: unknown): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const call = request(`${this.endpoint}${where}`, {
      method,
      agent: false,
      ca: this.ca,
      headers: { authorization: 'Bearer admin-token', 'content-type': 'application/json' },
    });
    call.on('error', reject).on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  /** Publishes cluster-info as kubeadm does, readable for everybody. */
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

  /** The API server makes kube-public by itself, a moment after it is ready. */
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

  async createToken(token: string, usages = ['signing', 'authentication']): Promise<void> {
    const [id = '', secret = ''] = token.split('.');
    const enabled: Readonly<Record<string, string>> = Object.fromEntries(
      usages.map((usage) => [`usage-bootstrap-${usage}`, 'true']),
    );
    await this.#create('/api/v1/namespaces/kube-system/secrets', {
      metadata: { name: `bootstrap-token-${id}` },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': id,
        'token-secret': secret,
        ...enabled,
      },
    });
  }

  async deleteToken(token: string): Promise<void> {
    const name = `bootstrap-token-${token.split('.')[0]}`;
    await this.call('DELETE', `/api/v1/namespaces/kube-system/secrets/${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ends = this.#children.map(
      (child) => new Promise((resolve) => void child.once('exit', resolve)),
    );
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(ends);
    await rm(this.#dir, { recursive: true, force: true });
  }
}
