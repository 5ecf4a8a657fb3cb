import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { type ImageSpec, makeImage, type OciImage } from '../../build/formats/oci.ts';
import { Tree } from '../../build/formats/tree.ts';
import { writeLayer, writeLayout } from '../../build/image/oci-layout.ts';
import { addFolder, storedFile } from '../../build/image/stored-files.ts';
import { type BuiltProgram, buildUpstream } from '../../build/sources/upstream/build.ts';
import {
  COMPONENTS,
  componentDir,
  CONFORMANCE_PROGRAMS,
} from '../../build/sources/upstream/components.ts';
import { ensureGo } from '../../build/sources/upstream/go-toolchain.ts';
import { buildPause } from '../../build/sources/upstream/pause.ts';
import { cached, cacheKey } from '../../workstation/cache.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { openBases, OWN } from './base.ts';

/** Increased when a recipe below changes, so that the cache forgets what it made. */
const RECIPES = 2;
/** The seconds that all files of these images have; a test reads none. */
const TIME = 1_700_000_000;
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The user and the group that upstream's image of agnhost makes. */
const AGNHOST_USERS = {
  passwd: 'user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n',
  group: 'user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n',
};

/** Images of Kubernetes' tests in an OCI layout, and which of its manifests each name means. */
export interface TestImages {
  readonly layout: string;
  /** Digest by `REPOSITORY:TAG`, without the registry. */
  readonly tags: ReadonlyMap<string, string>;
}

interface Recipe {
  /** `REPOSITORY:TAG`; the first names it. */
  readonly names: readonly string[];
  readonly tree: Tree;
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

const e2e = (name: string): string => `e2e-test-images/${name}`;

async function recipes(
  programs: ReadonlyMap<string, BuiltProgram>,
  arch: Arch,
  progress: Progress,
): Promise<Recipe[]> {
  const program = (name: string) => storedFile(programs.get(name)?.path ?? name);
  const base = await openBases(arch, progress);
  const from = path.join(await sources(progress), 'test/images');
  const agnhost = async (): Promise<Tree> => {
    const tree = await base.tools(AGNHOST_USERS);
    for (const name of ['localhost.crt', 'localhost.key'])
      tree.file(`/${name}`, 0o644, storedFile(path.join(from, 'agnhost/porter', name)), OWN);
    return tree
      .directory('/uploads')
      .directory('/home/user-defined-in-image')
      .file('/agnhost', 0o755, program('agnhost'), OWN)
      .symlink('/agnhost-2', 'agnhost');
  };
  const pet = async (name: string): Promise<Tree> => {
    const tree = await agnhost();
    await addFolder(tree, '/', path.join(from, name, 'html'), OWN);
    return tree;
  };
  const agnhostImage = { entrypoint: ['/agnhost'], command: ['pause'], env: [PATH] };
  const petImage = { entrypoint: ['/agnhost'], command: ['test-webserver'], env: [PATH] };
  const nonewprivs = base.busybox().file('/usr/local/bin/nnp', 0o6755, program('nonewprivs'), OWN);
  const nginx = (await base.nginx())
    .directory('/var/lib/nginx')
    .directory('/var/log/nginx')
    .text('/etc/nginx/nginx.conf', NGINX_CONF, OWN)
    .text('/usr/share/nginx/html/index.html', '<h1>Welcome to nginx!</h1>\n', OWN);
  const proxy = (await base.tinyproxy()).text('/etc/tinyproxy.conf', TINYPROXY_CONF, OWN);
  const alone = (place: string, name: string): Tree =>
    new Tree().file(place, 0o755, program(name), OWN);
  const { path: pause } = await buildPause(arch, progress);
  return [
    { names: [e2e('agnhost:2.63.0'), e2e('agnhost:2.55')], tree: await agnhost(), image: agnhostImage },
    { names: [e2e('busybox:1.37.0-1'), e2e('busybox:1.36.1-1')], tree: base.busybox(), image: noArguments(['sh']) },
    { names: [e2e('nonroot:1.5')], tree: base.busybox(), image: noArguments(['sh'], '1234') },
    { names: [e2e('nonewprivs:1.4')], tree: nonewprivs, image: noArguments(['nnp']) },
    { names: [e2e('kitten:1.8')], tree: await pet('kitten'), image: petImage },
    { names: [e2e('nautilus:1.8')], tree: await pet('nautilus'), image: petImage },
    { names: [e2e('nginx:1.15-4'), e2e('nginx:1.27-0')], tree: nginx, image: noArguments(['nginx', '-g', 'daemon off;']) },
    { names: [e2e('glibc-dns-testing:2.0.0')], tree: await base.tools(), image: noArguments(['sh']) },
    { names: [e2e('sample-apiserver:1.29.2')], tree: alone('/sample-apiserver', 'sample-apiserver'), image: { entrypoint: ['/sample-apiserver'], env: [] } },
    { names: ['etcd:3.6.8-0'], tree: alone('/usr/local/bin/etcd', 'etcd').directory('/tmp', 0o1777), image: noArguments(['/usr/local/bin/etcd']) },
    { names: [ADD_ONS.kubeProxy], tree: (await base.nft()).file('/usr/local/bin/kube-proxy', 0o755, program('kube-proxy'), OWN), image: noArguments(['kube-proxy']) },
    { names: [ADD_ONS.coreDns], tree: alone('/coredns', 'coredns'), image: { entrypoint: ['/coredns'], env: [] } },
    { names: [ADD_ONS.egress], tree: proxy, image: noArguments(['tinyproxy', '-d', '-c', '/etc/tinyproxy.conf']) },
    { names: ['pause:3.10.2'], tree: new Tree().file('/pause', 0o755, storedFile(pause), OWN), image: { entrypoint: ['/pause'], env: [] } },
  ]; // prettier-ignore
}

async function make(
  layout: string,
  programs: ReadonlyMap<string, BuiltProgram>,
  arch: Arch,
  progress: Progress,
): Promise<void> {
  const images: OciImage[] = [];
  for (const { names, tree, image } of await recipes(programs, arch, progress)) {
    const layers = [await writeLayer(layout, tree, TIME)];
    for (const name of names) images.push(makeImage({ name, layers, ...image }, arch, TIME));
  }
  await writeLayout(layout, images, arch);
}

/** The part of a layout's index that is read (OCI image-spec v1.1, image-layout.md). */
const Index = v.object({
  manifests: v.array(
    v.object({
      digest: v.string(),
      annotations: v.object({ 'io.containerd.image.name': v.string() }),
    }),
  ),
});

/** Makes the images that Kubernetes' tests run, or takes them from the cache. */
export async function testImages(arch: Arch, progress: Progress): Promise<TestImages> {
  const programs = await buildUpstream(CONFORMANCE_PROGRAMS, arch, progress);
  const digests = [...programs.values()].map(({ sha256 }) => sha256);
  const layout = await cached('test-images', cacheKey(RECIPES, arch, digests), (into) =>
    progress.task('images of Kubernetes’ tests', () => make(into, programs, arch, progress)),
  );
  const text = await readFile(path.join(layout, 'index.json'), 'utf8');
  const { manifests } = v.parse(v.pipe(v.string(), v.parseJson(), Index), text);
  const tags = manifests.map(
    ({ digest, annotations }) => [annotations['io.containerd.image.name'], digest] as const,
  );
  return { layout, tags: new Map(tags) };
}
