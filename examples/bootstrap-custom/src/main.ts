/**
 * A custom bootstrap agent. It joins the cluster that four files on the seed volume describe: server, ca.crt, token,
 * node. This file is all of it; the contract with the node is docs/host-api.md. Build a node with it: `./kios build
 * --bootstrap examples/bootstrap-custom`.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Prefix of all paths, set by tests. In the pod the host's /etc is at /host/etc. */
const ROOT = process.env['BOOTSTRAP_ROOT'] ?? '';
const KUBERNETES = `${ROOT}/host/etc/kubernetes`;
const CA = '/etc/kubernetes/pki/ca.crt';
const RETRY_MS = 5000;
/** How often kubelet is looked at after the request, before another one: a busy machine takes long to restart it. */
const LOOKS = 24;

type Join = Readonly<Record<'server' | 'ca' | 'token' | 'node', string>>;

/** Logs one JSON object per line, also to the console, for an operator who cannot reach the node yet. */
function log(lvl: 'info' | 'error', ev: string, fields: object = {}): void {
  const line = JSON.stringify({ t: new Date(), lvl, agent: 'bootstrap', ev, ...fields });
  process.stdout.write(`${line}\n`);
  const console = connect(`${ROOT}/run/kios/control/console.sock`);
  console.on('error', () => {}).end(`${line}\n`);
}

const seed = async (name: string): Promise<string> =>
  (await readFile(`${ROOT}/run/kios/seed/cidata/${name}`, 'utf8')).trim();

async function readSeed(): Promise<Join> {
  const [server, ca] = [await seed('server'), `${await seed('ca.crt')}\n`];
  return { server, ca, token: await seed('token'), node: await seed('node') };
}

/** Fails unless the cluster has the given CA and accepts the token. Nothing is written before. */
async function verify({ server, ca, token }: Join): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const headers = { authorization: `Bearer ${token}`, connection: 'close' };
  const call = request(new URL('/version', server), { ca, headers, agent: false, timeout: 5000 });
  call
    .on('timeout', () => call.destroy(new Error('the API server does not reply')))
    .on('error', reject);
  call.on('response', (response) => resolve(response.resume().statusCode)).end();
  if ((await promise) === 401) throw new Error('the cluster rejects the token');
}

const kubeconfig = ({ server, token }: Join): string => `apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: "${server}", certificate-authority: ${CA} } }]
users: [{ name: u, user: { token: ${token} } }]
contexts: [{ name: x, context: { cluster: c, user: u } }]
current-context: x
`;

const OPEN_TO_CLUSTER = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
enableServer: true
authentication: { webhook: { enabled: true }, x509: { clientCAFile: ${CA} } }
authorization: { mode: Webhook }
`;

/** Writes a file atomically, so that a power cut leaves the old or the new content. */
async function write(file: string, content: string, mode: number): Promise<void> {
  await using handle = await open(`${file}.tmp`, 'w', mode);
  await handle.writeFile(content);
  await handle.sync();
  await rename(`${file}.tmp`, file);
}

/** Writes kubelet's files: the kubeconfig turns on cluster mode, and a standalone kubelet would reject the last one. */
async function configure(join: Join): Promise<void> {
  await write(`${ROOT}/host/etc/hostname`, `${join.node}\n`, 0o644);
  await write(`${KUBERNETES}/pki/ca.crt`, join.ca, 0o644);
  await write(`${KUBERNETES}/bootstrap-kubelet.conf`, kubeconfig(join), 0o600);
  await write(`${KUBERNETES}/kubelet.conf.d/20-cluster.conf`, OPEN_TO_CLUSTER, 0o644);
  connect(`${ROOT}/run/kios/control/restart-kubelet.sock`).end(Buffer.of(0x03));
  log('info', 'restart.sent');
}

const isJoined = async (): Promise<boolean> =>
  /"cluster"/.test(await readFile(`${ROOT}/run/kios/kubelet.json`, 'utf8').catch(() => ''));

/** Joins unless kubelet.json says that kubelet already runs in cluster mode; tries again after a failure. */
async function joinOnce(): Promise<void> {
  if (await isJoined()) return log('info', 'joined');
  const failure = await readSeed()
    .then(async (join) => verify(join).then(() => configure(join)))
    .catch((error: unknown) => ({ why: String(error) }));
  if (failure !== undefined) log('error', 'join.failed', failure);
  for (let looks = failure === undefined ? LOOKS : 1; looks > 0 && !(await isJoined()); looks -= 1)
    await sleep(RETRY_MS);
  return joinOnce();
}

process.once('SIGTERM', () => process.exit(0));
// Stays alive, because a static pod that ends is started again.
void joinOnce().then(() => setInterval(() => {}, 2 ** 30));
