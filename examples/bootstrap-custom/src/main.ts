/**
 * A bootstrap agent of one's own: joins the cluster that four files of the seed volume name: server, ca.crt, token, node. This file is
 * the whole of it; what it keeps to is docs/host-api.md. To build a node with it: `./kios build --bootstrap examples/bootstrap-custom`.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { request } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The pod has the host's /etc at /host/etc; a test has all of it in a folder. */
const ROOT = process.env['BOOTSTRAP_ROOT'] ?? '';
const KUBERNETES = `${ROOT}/host/etc/kubernetes`;
const CA = '/etc/kubernetes/pki/ca.crt';
const AGAIN_MS = 5000;

type Join = Readonly<Record<'server' | 'ca' | 'token' | 'node', string>>;

/** One JSON object a line; the console gets it too, for an operator who cannot reach the node yet. */
function log(lvl: 'info' | 'error', ev: string, fields: object = {}): void {
  const line = JSON.stringify({ t: new Date(), lvl, agent: 'bootstrap', ev, ...fields });
  process.stdout.write(`${line}\n`);
  const console = connect(`${ROOT}/run/kios/control/console.sock`);
  console.on('error', () => {}).end(`${line}\n`);
}

const readIfThere = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').catch(() => undefined);

const seed = async (name: string): Promise<string> =>
  (await readFile(`${ROOT}/run/kios/seed/cidata/${name}`, 'utf8')).trim();

async function readSeed(): Promise<Join> {
  const [server, ca] = [await seed('server'), `${await seed('ca.crt')}\n`];
  return { server, ca, token: await seed('token'), node: await seed('node') };
}

/** The cluster is the one of our CA, and the token lives; nothing is written before that is known. */
async function verify({ server, ca, token }: Join): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const headers = { authorization: `Bearer ${token}`, connection: 'close' };
  const call = request(new URL('/version', server), { ca, headers, agent: false, timeout: 5000 });
  call.on('timeout', () => call.destroy(new Error('no answer'))).on('error', reject);
  call.on('response', (response) => resolve(response.resume().statusCode)).end();
  if ((await promise) === 401) throw new Error('the cluster does not know the token');
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

/** Whole or not at all, whenever the power goes. */
async function write(file: string, content: string, mode: number): Promise<void> {
  await using handle = await open(`${file}.tmp`, 'w', mode);
  await handle.writeFile(content);
  await handle.sync();
  await rename(`${file}.tmp`, file);
}

/** The kubeconfig turns cluster mode on, so it comes behind what it needs; what a standalone kubelet would refuse comes last. */
async function configure(join: Join): Promise<void> {
  await write(`${ROOT}/host/etc/hostname`, `${join.node}\n`, 0o644);
  await write(`${KUBERNETES}/pki/ca.crt`, join.ca, 0o644);
  await write(`${KUBERNETES}/bootstrap-kubelet.conf`, kubeconfig(join), 0o600);
  await write(`${KUBERNETES}/kubelet.conf.d/20-cluster.conf`, OPEN_TO_CLUSTER, 0o644);
  connect(`${ROOT}/run/kios/control/restart-kubelet.sock`).end(Buffer.of(0x03));
  log('info', 'restart.sent');
}

/** kubelet.json says how kubelet was started: in cluster mode it needs nobody any more. */
async function joinOnce(): Promise<void> {
  const kubelet = await readIfThere(`${ROOT}/run/kios/kubelet.json`);
  if (kubelet?.includes('"cluster"') === true) return log('info', 'joined');
  const failure = await readSeed()
    .then(async (join) => verify(join).then(() => configure(join)))
    .catch((error: unknown) => ({ why: String(error) }));
  if (failure !== undefined) log('error', 'join.failed', failure);
  await sleep(AGAIN_MS);
  return joinOnce();
}

process.once('SIGTERM', () => process.exit(0));
// A static pod that ends is started again, so this one stays.
void joinOnce().then(() => setInterval(() => {}, 2 ** 30));
