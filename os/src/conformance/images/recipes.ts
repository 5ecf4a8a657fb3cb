import path from 'node:path';

import type { ImageSpec } from '../../build/formats/oci.ts';
import { Tree } from '../../build/formats/tree.ts';
import { addFolder, storedFile } from '../../build/image/stored-files.ts';
import type { BuiltProgram } from '../../build/sources/upstream/build.ts';
import { COMPONENTS, componentDir } from '../../build/sources/upstream/components.ts';
import { ensureGo } from '../../build/sources/upstream/go-toolchain.ts';
import { buildPause } from '../../build/sources/upstream/pause.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { type Bases, openBases, OWN, withUsers } from './base.ts';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The user and the group that upstream's image of agnhost makes. */
const AGNHOST_USERS = {
  passwd: 'user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n',
  group: 'user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n',
};

/** An image to make. */
export interface Recipe {
  /** `REPOSITORY:TAG`; the first names it. */
  readonly names: readonly string[];
  /** One for each layer, the lowest first. Images share layers of the same tree. */
  readonly trees: readonly Tree[];
  readonly image: Omit<ImageSpec, 'name' | 'layers'>;
}

/** Returns the folder of Kubernetes' sources, from which some images take files. */
async function sources(progress: Progress): Promise<string> {
  const component = COMPONENTS.find(({ dir }) => dir === 'conformance')!;
  const go = await ensureGo(progress);
  const env = { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GOWORK: 'off' };
  const args = ['list', '-m', '-f', '{{.Dir}}', component.module];
  return (await run(go, args, { cwd: componentDir(component), env })).trim();
}

const noArguments = (command: readonly string[], user?: string): Recipe['image'] => ({
  entrypoint: [],
  command,
  env: [PATH],
  ...(user === undefined ? {} : { user }),
});

/** Serves the folder that tests expect. */
const NGINX_CONF = `user nobody nogroup;
worker_processes 1;
error_log /dev/stderr;
pid /tmp/nginx.pid;
events {}
http {
  access_log /dev/stdout;
  server { listen 80; listen [::]:80; root /usr/share/nginx/html; }
}
`;

const TINYPROXY_CONF = 'Port 8888\nMaxClients 500\nTimeout 3600\n';

/** Images of Kubernetes' add-ons that a cluster needs for its tests, by what runs in them. */
export const ADD_ONS = {
  kubeProxy: 'kube-proxy:built',
  coreDns: 'coredns/coredns:built',
  egress: 'kios/egress:built',
} as const;

/** Starts one program, which takes a pod's arguments. */
const started = (file: string): Recipe['image'] => ({ entrypoint: [file], env: [PATH] });

const e2e = (name: string): string => `e2e-test-images/${name}`;

/** What images are made of. */
export interface Kitchen {
  readonly bases: Bases;
  readonly program: (name: string) => ReturnType<typeof storedFile>;
  /** Folder of the sources of upstream's images. */
  readonly from: string;
}

export async function openKitchen(
  programs: ReadonlyMap<string, BuiltProgram>,
  arch: Arch,
  progress: Progress,
): Promise<Kitchen> {
  return {
    bases: await openBases(arch, progress),
    program: (name) => storedFile(programs.get(name)?.path ?? name),
    from: path.join(await sources(progress), 'test/images'),
  };
}

/** A tree of one program. */
const alone = ({ program }: Kitchen, place: string, name: string): Tree =>
  new Tree().file(place, 0o755, program(name), OWN);

/** What agnhost has besides the tools. */
function agnhost({ program, from }: Kitchen): Tree {
  const tree = withUsers(new Tree(), AGNHOST_USERS);
  for (const name of ['localhost.crt', 'localhost.key'])
    tree.file(`/${name}`, 0o644, storedFile(path.join(from, 'agnhost/porter', name)), OWN);
  return tree
    .directory('/uploads')
    .directory('/home/user-defined-in-image')
    .file('/agnhost', 0o755, program('agnhost'), OWN)
    .symlink('/agnhost-2', 'agnhost');
}

async function pet(from: string, name: string, below: readonly Tree[]): Promise<Recipe> {
  const html = new Tree();
  await addFolder(html, '/', path.join(from, name, 'html'), OWN);
  const image = { entrypoint: ['/agnhost'], command: ['test-webserver'], env: [PATH] };
  return { names: [e2e(`${name}:1.8`)], trees: [...below, html], image };
}

const nginx = async ({ bases }: Kitchen): Promise<Tree> =>
  (await bases.nginx())
    .directory('/var/lib/nginx')
    .directory('/var/log/nginx')
    .text('/etc/nginx/nginx.conf', NGINX_CONF, OWN)
    .text('/usr/share/nginx/html/index.html', '<h1>Welcome to nginx!</h1>\n', OWN);

/** The image of every pod's first container, as upstream's. */
export async function pauseRecipe(arch: Arch, progress: Progress): Promise<Recipe> {
  const { path: file } = await buildPause(arch, progress);
  const tree = new Tree().file('/pause', 0o755, storedFile(file), OWN);
  return { names: ['pause:3.10.2'], trees: [tree], image: { entrypoint: ['/pause'], env: [] } };
}

/** Images that are a program and nothing else. */
async function plain(kitchen: Kitchen): Promise<Recipe[]> {
  const { bases, program } = kitchen;
  const nonewprivs = bases.busybox().file('/usr/local/bin/nnp', 0o6755, program('nonewprivs'), OWN);
  const etcd = alone(kitchen, '/usr/local/bin/etcd', 'etcd').directory('/tmp', 0o1777);
  return [
    { names: [e2e('busybox:1.37.0-1'), e2e('busybox:1.36.1-1')], trees: [await bases.shell()], image: noArguments(['sh']) },
    { names: [e2e('nonroot:1.5')], trees: [bases.busybox()], image: noArguments(['sh'], '1234') },
    { names: [e2e('nonewprivs:1.4')], trees: [nonewprivs], image: noArguments(['nnp']) },
    { names: [e2e('sample-apiserver:1.29.2')], trees: [alone(kitchen, '/sample-apiserver', 'sample-apiserver')], image: started('/sample-apiserver') },
    { names: ['etcd:3.6.8-0'], trees: [etcd], image: noArguments(['/usr/local/bin/etcd']) },
    { names: [ADD_ONS.coreDns], trees: [alone(kitchen, '/coredns', 'coredns')], image: started('/coredns') },
  ]; // prettier-ignore
}

/** Returns all but `pause`; `fill` completes agnhost, whose registry has an image. */
export async function recipes(kitchen: Kitchen, fill: (agnhost: Tree) => void): Promise<Recipe[]> {
  const { bases, program } = kitchen;
  const tools = await bases.tools();
  const above = agnhost(kitchen);
  fill(above);
  const host = [tools, above];
  const proxy = (await bases.nft()).file('/usr/local/bin/kube-proxy', 0o755, program('kube-proxy'), OWN); // prettier-ignore
  const egress = (await bases.tinyproxy()).text('/etc/tinyproxy.conf', TINYPROXY_CONF, OWN);
  const agnhostImage = { entrypoint: ['/agnhost'], command: ['pause'], env: [PATH] };
  return [
    { names: [e2e('agnhost:2.63.0'), e2e('agnhost:2.55')], trees: host, image: agnhostImage },
    await pet(kitchen.from, 'kitten', host),
    await pet(kitchen.from, 'nautilus', host),
    ...(await plain(kitchen)),
    { names: [e2e('nginx:1.15-4'), e2e('nginx:1.27-0')], trees: [await nginx(kitchen)], image: noArguments(['nginx', '-g', 'daemon off;']) },
    { names: [e2e('glibc-dns-testing:2.0.0')], trees: [tools], image: noArguments(['sh']) },
    { names: [ADD_ONS.kubeProxy], trees: [proxy], image: noArguments(['kube-proxy']) },
    { names: [ADD_ONS.egress], trees: [egress], image: noArguments(['tinyproxy', '-d', '-c', '/etc/tinyproxy.conf']) },
  ]; // prettier-ignore
}
