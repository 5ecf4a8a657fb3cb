import type { Kubectl } from '../../lab/kubectl.ts';
import { type Assertion, demand, type Subject } from './assertion.ts';

/** The logs of the host, each with what is in it on every node. */
const LOGS = {
  kernel: 'Linux version ',
  init: '"ev":"init.start"',
  containerd: 'containerd successfully booted',
  kubelet: 'Kubelet version',
} as const;

/** A line as kubelet shows it: time, node, log and text. */
const SHOWN =
  /^\w{3} \d\d \d\d:\d\d:\d\d\.\d{6} (?<node>\S+) (?<log>kernel|init|containerd|kubelet): /;
/** A bootstrap token of Kubernetes with both of its parts. */
const TOKEN = /\b[a-z0-9]{6}\.[a-z0-9]{16}\b/;

/** Asks kubelet for logs by these parameters, as whoever may get nodes/log (or nodes/proxy). */
export const askLogs = (
  kubectl: Kubectl,
  nodeName: string,
  parameters: Readonly<Record<string, string>>,
): Promise<string> => {
  const query = new URLSearchParams(parameters).toString();
  return kubectl.call(['get', '--raw', `/api/v1/nodes/${nodeName}/proxy/logs/?${query}`]);
};

const ask = ({ kubectl, nodeName }: Subject, parameters: Readonly<Record<string, string>>) =>
  askLogs(kubectl, nodeName, parameters);

export const LOG_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'kubelet shows the logs of kernel, init, containerd and kubelet from their first line, with no token in them',
    check: async (subject) => {
      const counts: string[] = [];
      for (const [log, text] of Object.entries(LOGS)) {
        const lines = (await ask(subject, { query: log, boot: '0' })).trimEnd().split('\n');
        const other = lines.find((line) => {
          const { node, log: named } = SHOWN.exec(line)?.groups ?? {};
          return node !== subject.nodeName || named !== log;
        });
        demand(other === undefined, `a line of ${log} has another form: ${other?.slice(0, 200)}`);
        demand(
          lines.some((line) => line.includes(text)),
          `${log} has no line with ${text}`,
        );
        const told = lines.find((line) => TOKEN.test(line));
        demand(told === undefined, `${log} tells a token: ${told?.replace(TOKEN, '…')}`);
        counts.push(`${lines.length} of ${log}`);
      }
      return counts.join(', ');
    },
  },
  {
    name: 'the last lines of a log, and those that match, are what kubelet asks init for',
    check: async (subject) => {
      const query = { query: 'init', boot: '0', pattern: 'kubelet\\.ready', tailLines: '1' };
      const lines = (await ask(subject, query)).trimEnd().split('\n');
      demand(lines.length === 1 && lines[0]?.includes('"ev":"kubelet.ready"') === true, lines.join(' | ').slice(0, 300)); // prettier-ignore
      return lines[0].slice(0, 100);
    },
  },
  {
    name: 'the same logs are files below /var/log, with both clocks in each line',
    check: async (subject) => {
      const text = await ask(subject, { query: 'kios/kernel.log' });
      const faulty = text
        .trimEnd()
        .split('\n')
        .find(
          (line) => !/^\{"t":"[^"]+Z","up":[\d.]+,"lvl":"\w+","agent":"kernel","text":"/.test(line),
        );
      demand(faulty === undefined, `a line is ${faulty?.slice(0, 200)}`);
      return `${text.length} bytes`;
    },
  },
];

/** Its disk was full when the node stopped, so that only what was there before can be kept. */
export const LOGS_OF_THE_BOOT_BEFORE: Assertion = {
  name: 'after the reboot the logs of the boot before are there',
  check: async (subject) => {
    const before = await ask(subject, { query: 'init', boot: '-1' });
    demand(before.includes(LOGS.init), before.slice(0, 300));
    const starts = before.split('\n').filter((line) => line.includes(LOGS.init));
    demand(starts.length === 1, `they are of ${starts.length} boots`);
    return `${before.split('\n').length} lines`;
  },
};
