import { quoted, shorten, troubleOf } from './pod-trouble.ts';
import type { PodSign } from './signs.ts';

/** kubelet says again what it cannot do after pauses of at most a quarter of a minute while it tries. */
const POD_SECONDS = 40;
/** It looks at the runtime every 5 s. */
const RUNTIME_SECONDS = 15;
/** It writes its lease every 10 s. */
const API_SECONDS = 30;
/** kubelet names each pod with its UID when it starts; pods that are gone are forgotten, the oldest first. */
const MOST_NAMES = 512;
/** A value with line breaks follows in lines of its own. */
const MOST_LINES = 20;

const FAILED_SYNC = '"Error syncing pod, skipping" err=';
const API_TROUBLE =
  /Failed to (?:update|ensure) lease|(?:Error updating|Unable to update|Error getting the current) node|Unable to register node|Failed to watch|signed certificate from the control plane|Unauthorized/;

/** A pod and what kubelet says of it, with the second of CLOCK_BOOTTIME at which it was read. */
interface Complaint extends PodSign {
  readonly at: number;
  /** That of the first of them without a pause, and the seconds for which they must go on. */
  readonly since: number;
  readonly patience?: number;
}

const isAlive = (at: number | undefined, up: number, seconds: number): boolean =>
  at !== undefined && up - at <= seconds;

/** Reads kubelet's log: nothing else says these things on a node whose API server is not reached. */
export class KubeletLog {
  /** kubelet's version, once it has said it. */
  version: string | undefined;
  /** Why kubelet ended last. */
  lastEnd: string | undefined;
  readonly #pods = new Map<string, Complaint>();
  readonly #names = new Map<string, string>();
  #network: number | undefined;
  #runtime: number | undefined;
  #api: number | undefined;
  #unfinished: string[] = [];

  /** Takes a line that was written lately; of an old one (`up` is undefined) only what stays true counts. */
  line(text: string, up: number | undefined): void {
    const whole = this.#whole(text);
    if (whole === undefined) return;
    this.#learn(whole);
    if (up !== undefined) this.#hear(whole, up);
  }

  /** Returns the pods that kubelet could not start lately. */
  pods(up: number): readonly PodSign[] {
    return [...this.#pods.values()]
      .filter(({ at }) => isAlive(at, up, POD_SECONDS))
      .filter(({ at, since, patience = 0 }) => at - since >= patience)
      .map(({ pod, trouble, why, remedy }) => ({
        pod,
        trouble,
        why,
        ...(remedy === undefined ? {} : { remedy }),
      }));
  }

  lacksNetwork(up: number): boolean {
    return isAlive(this.#network, up, RUNTIME_SECONDS);
  }

  lacksRuntime(up: number): boolean {
    return isAlive(this.#runtime, up, RUNTIME_SECONDS);
  }

  /** Returns whether kubelet had trouble with the API server lately. */
  lacksApi(up: number): boolean {
    return isAlive(this.#api, up, API_SECONDS);
  }

  nameOf(uid: string): string {
    return this.#names.get(uid) ?? uid;
  }

  /** Puts a message of several lines together (klog: `err=<`, indented lines, ` >`). */
  #whole(text: string): string | undefined {
    const isMore = this.#unfinished.length > 0;
    if (!isMore && !text.endsWith('=<')) return text;
    this.#unfinished.push(text.trim());
    const isOver = text.startsWith(' >') || this.#unfinished.length >= MOST_LINES;
    if (isMore && isOver) {
      const [first = '', ...more] = this.#unfinished;
      this.#unfinished = [];
      const rest = (more.pop() ?? '').replace(/^>/, '');
      return `${first.slice(0, -1)}${JSON.stringify(more.join(' '))}${rest}`;
    }
    return undefined;
  }

  /** Learns what stays true. */
  #learn(line: string): void {
    this.version = /"Kubelet version" kubeletVersion="([^"]+)"/.exec(line)?.[1] ?? this.version;
    const end = /"command failed" err=(".*)/.exec(line)?.[1];
    if (end !== undefined) this.lastEnd = shorten(quoted(end));
    this.#learnName(line);
  }

  #learnName(line: string): void {
    const [, uid] = /(?:\(UID: \\?"| podUID=")([0-9a-f-]{8,64})\\?"/.exec(line) ?? [];
    const [, pod] = / pod="([^"]+)"/.exec(line) ?? [];
    if (uid === undefined || pod === undefined || this.#names.has(uid)) return;
    this.#names.set(uid, pod);
    const [oldest] = this.#names.keys();
    if (this.#names.size > MOST_NAMES && oldest !== undefined) this.#names.delete(oldest);
  }

  #hear(line: string, up: number): void {
    if (line.includes('"Container runtime network not ready"')) this.#network = up;
    if (/"Container runtime (?:sanity check failed|not ready)"/.test(line)) this.#runtime = up;
    if (API_TROUBLE.test(line)) this.#api = up;
    const at = line.indexOf(FAILED_SYNC);
    if (at >= 0) this.#complain(line.slice(at + FAILED_SYNC.length), up);
  }

  #complain(rest: string, up: number): void {
    // A registry may have written a part of the cause, so the pod is read behind it.
    const cause = quoted(rest);
    const [, pod] = / pod="([^"]+)" podUID=/.exec(rest.slice(rest.lastIndexOf(' pod="'))) ?? [];
    if (pod === undefined) return;
    const told = troubleOf(cause, this.#pods.get(pod));
    for (const [other, { at }] of this.#pods)
      if (!isAlive(at, up, POD_SECONDS)) this.#pods.delete(other);
    const since = this.#pods.get(pod)?.since ?? up;
    if (told !== undefined) this.#pods.set(pod, { pod, ...told, at: up, since });
  }
}
