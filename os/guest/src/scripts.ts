import * as v from 'valibot';

/** A program that reads files below `root`: empty on a node, a folder that stands for `/` in tests. */
const Rooted = v.object({ root: v.optional(v.string(), '') });

/** A program that reports to init's console `socket` under the name `agent`. */
const Reporter = v.object({ ...Rooted.entries, agent: v.string(), socket: v.string() });

export type Reporter = v.InferOutput<typeof Reporter>;

/** Init's console socket; pods have it at the same path. */
export const CONSOLE_SOCKET = '/run/kios/control/console.sock';

/** Events that the watching programs report. */
export const EVENTS = {
  watching: 'watching',
  seen: 'seen',
  /** The first of the watched pods runs, all of them run, and memory has come to rest. */
  firstPod: 'pods.first',
  allPods: 'pods.all',
  rest: 'pods.rest',
} as const;

/**
 * Parameters of the programs in this folder that pods run as text (`bun -e`), by file name. `main.ts` is not one of
 * them: its system calls need a native file beside it.
 */
export const SCRIPTS = {
  /** `group` is the folder of a control group. */
  freeze: v.object({ group: v.string() }),
  greet: v.object({ url: v.string() }),
  /** `runtime` is containerd's socket. */
  host: v.object({ ...Rooted.entries, runtime: v.string() }),
  kill: v.object({
    pid: v.number(),
    signal: v.optional(v.picklist(['SIGKILL', 'SIGQUIT', 'SIGSTOP']), 'SIGKILL'),
  }),
  'measure-memory': v.object({ ...Rooted.entries }),
  order: v.object({ socket: v.string(), order: v.number() }),
  owners: v.object({ files: v.array(v.string()) }),
  /** `fill` names a file that takes all free space of its file system first. */
  power: v.object({ socket: v.string(), order: v.number(), fill: v.optional(v.string()) }),
  serve: v.object({ port: v.number(), greeting: v.string() }),
  stay: v.object({ seconds: v.number() }),
  'watch-cable': v.object({ ...Reporter.entries, deadlineMs: v.number() }),
  'watch-devices': v.object({
    ...Reporter.entries,
    /** Sources of patterns of aliases, by the names under which the devices are reported. */
    devices: v.record(v.string(), v.string()),
    modules: v.array(v.string()),
    /** Events of the module loader to report, where they are about one of these modules. */
    events: v.array(v.string()),
    loads: v.array(v.string()),
    /** Source of the pattern of a device's alias. */
    arms: v.string(),
    /** A word that only the module loader's command line has. */
    loader: v.string(),
  }),
  'watch-idle': v.object({
    ...Rooted.entries,
    everySeconds: v.number(),
    /** How often it looks; all is printed after the last look. */
    looks: v.number(),
  }),
  'watch-pods': v.object({
    ...Reporter.entries,
    /** Name of the processes in the pods that it counts: one of the sandbox, and one of the container. */
    process: v.string(),
    pods: v.number(),
    everyMs: v.number(),
    /** Memory rests when what is in use has stayed within `restKiB` for so long. */
    restSeconds: v.number(),
    restKiB: v.number(),
  }),
  'watch-standalone': v.object({
    ...Reporter.entries,
    /** Source of the pattern of the codes with which bootstrap refuses a cluster. */
    refused: v.string(),
    watchSeconds: v.number(),
    /** Limit of the wait for a code in bootstrap's log. */
    longestSeconds: v.number(),
  }),
  /** `gzip` holds the bytes, compressed, in base64. */
  'write-device': v.object({ device: v.string(), gzip: v.string() }),
} as const;

/** Returns the parameters of the running program: JSON in the argument after its text. */
export const readParameters = <Schema extends v.GenericSchema>(
  schema: Schema,
): v.InferOutput<Schema> => v.parse(v.pipe(v.string(), v.parseJson(), schema), process.argv[1]);
