import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { Netns } from '@kios/testkit';

import { AgentProcess } from './agent-process.ts';
import { Api } from './api.ts';
import { NodeFolder } from './node-folder.ts';
import { type Call, parseTrace } from './strace.ts';

/** The calls that can change a disk, and the two that send the byte. */
const CALLS = ['mkdir', 'openat', 'write', 'fchmod', 'fsync', 'rename', 'unlink', 'connect'];
/** All files that a document can change. */
export const SET = [
  'etc/kubernetes/pki/ca.crt',
  'etc/kubernetes/node-labels',
  'etc/kubernetes/node-ip',
  'etc/hostname',
  'etc/kubernetes/kubelet.conf.d/10-kios.conf',
  'etc/kubernetes/kubelet.conf.d/20-cluster.conf',
  'etc/kubernetes/kubelet.conf.d/50-user.conf',
  'etc/kubernetes/kubelet.conf',
  'etc/kubernetes/bootstrap-kubelet.conf',
] as const;
export type FileSet = Readonly<Record<string, string | undefined>>;

export const readSet = (node: NodeFolder): FileSet =>
  Object.fromEntries(SET.map((file) => [file, node.read(file)]));

export async function tempFiles(node: NodeFolder): Promise<readonly string[]> {
  const files = await readdir(node.root, { recursive: true });
  return files.filter((file) => file.endsWith('.tmp') && !file.startsWith('run/'));
}

/** An API server in its own namespace, and two documents for it that differ in all fields they can. */
export class Setting implements AsyncDisposable {
  readonly netns: Netns;
  readonly documents: { readonly old: string; readonly new: string };

  private constructor(netns: Netns, documents: Setting['documents']) {
    this.netns = netns;
    this.documents = documents;
  }

  static async open(): Promise<Setting> {
    const netns = await Netns.open('crash');
    const api = await Api.start(netns);
    const document = (ca: string, token: string, node: unknown, kubelet: unknown): string =>
      JSON.stringify({
        apiVersion: 'kios.dev/v1',
        kind: 'NodeBootstrap',
        cluster: { endpoint: api.endpoint, caBundle: ca },
        auth: { bootstrapToken: token },
        node,
        kubelet: { config: kubelet },
      });
    return new Setting(netns, {
      old: document(api.ca, 'abcdef.0123456789abcdef', { labels: { rack: 'a' } }, {}),
      new: document(
        `${api.ca}${api.unusedCa}`,
        'fedcba.fedcba9876543210',
        {
          name: 'node-2',
          ip: '10.0.2.99',
          labels: { rack: 'b' },
          taints: [{ key: 'x', effect: 'NoSchedule' }],
        },
        { maxPods: 7 },
      ),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.netns[Symbol.asyncDispose]();
  }
}

export interface Start {
  readonly name: string;
  readonly folder: string;
}

/** The runs of one runtime: their starts, their ends and their calls. */
export class Story {
  readonly setting: Setting;
  readonly program: string;
  readonly #folder: string;

  constructor(setting: Setting, program: string) {
    this.setting = setting;
    this.program = program;
    this.#folder = setting.netns.folder;
  }

  async run(node: NodeFolder, by: readonly string[] = []): Promise<AgentProcess> {
    const agent = new AgentProcess({
      program: this.program,
      node,
      verb: 'join',
      by: ['ip', 'netns', 'exec', this.setting.netns.name, ...by],
      // One thread for all files, so that the calls of the write phase have one count.
      env: { UV_THREADPOOL_SIZE: '1' },
    });
    await agent.exit;
    return agent;
  }

  async makeNode(document: keyof Setting['documents'], start?: Start): Promise<NodeFolder> {
    const node = await NodeFolder.make();
    if (start !== undefined) cpSync(start.folder, node.root, { recursive: true });
    node.seed(this.setting.documents[document]);
    node.lease();
    return node;
  }

  /** Returns the disk after a join by the old document. */
  async joined(): Promise<Start> {
    const folder = path.join(this.#folder, 'joined');
    await using node = await this.makeNode('old');
    await this.run(node);
    for (const part of ['etc', 'var']) {
      mkdirSync(path.join(folder, part), { recursive: true });
      cpSync(path.join(node.root, part), path.join(folder, part), { recursive: true });
    }
    return { name: 'a joined node with a new document', folder };
  }

  /** Returns the files of a start, or those after an undisturbed run with a document. */
  async sample(start: Start | undefined, document?: keyof Setting['documents']): Promise<FileSet> {
    await using node = await this.makeNode(document ?? 'new', start);
    if (document === undefined) return readSet(node);
    const agent = await this.run(node);
    if (agent.errors !== '') throw new Error(agent.errors);
    return readSet(node);
  }

  /** Returns the calls of the write phase, each with its number among those of its name and thread. */
  async targets(start: Start | undefined): Promise<readonly (Call & { readonly nth: number })[]> {
    await using node = await this.makeNode('new', start);
    const trace = path.join(this.#folder, 'reference');
    await this.run(node, strace(trace, CALLS));
    const counts = new Map<string, number>();
    const calls = parseTrace(readFileSync(trace, 'utf8'), node.root).map((call) => {
      const key = `${call.thread} ${call.name}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return { ...call, nth: counts.get(key) ?? 0 };
    });
    const begin = calls.findIndex(
      ({ name, text }) => name === 'openat' && /state\.json\.tmp/.test(text),
    );
    if (begin < 0) throw new Error(`no write phase in ${trace}`);
    return calls
      .slice(begin)
      .filter(({ text }) => /(?:\/(?:etc|var)\/|control\.sock)/.test(text.replace(/^[^"<]*/, '')))
      .filter(({ text }) => !text.includes('/run/'));
  }

  /** Kills the agent at its nth call of that name and returns the call; undefined when the agent ended before. */
  async killAt(
    node: NodeFolder,
    { name, nth }: { name: string; nth: number },
  ): Promise<Call | undefined> {
    const trace = path.join(this.#folder, 'killed');
    const inject = ['-e', `inject=${name}:signal=KILL:when=${nth}`];
    await this.run(node, [...strace(trace, [name]), ...inject]);
    const text = readFileSync(trace, 'utf8');
    if (!text.includes('killed by SIGKILL')) return undefined;
    const calls = parseTrace(text, node.root);
    const perThread = new Map<string, Call[]>();
    for (const call of calls)
      perThread.set(call.thread, [...(perThread.get(call.thread) ?? []), call]);
    return [...perThread.values()].find((made) => made.length === nth)?.at(-1);
  }
}

const strace = (file: string, calls: readonly string[]): readonly string[] => [
  'strace', '-f', '-q', '-y', '-s', '64', '-o', file, '-e', `trace=${calls.join(',')}`,
]; // prettier-ignore

export const describeCall = ({ name, text }: Call): string => `${name}(${text}`;
