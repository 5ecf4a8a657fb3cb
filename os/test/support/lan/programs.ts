import { imageName } from '../../../src/build/shipped.ts';

export const PORT = 8080;

/** Runtime of the agents, which every node has. */
const IMAGE = imageName('dhcp');
const BUN = '/bin/bun';

/**
 * Tells who serves: its name, boot and links. At `/?url=…` it tells what it got itself from there, looking names up as
 * its network says. It runs in pods, on hosts and on the workstation.
 */
export const SERVE = `
const { hostname, networkInterfaces } = require('node:os');
const boot = require('node:fs').readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const get = async (text) => {
  const url = new URL(text);
  if (/[a-z]/.test(url.hostname)) [url.hostname] = await require('node:dns').promises.resolve4(url.hostname);
  return (await fetch(url, { signal: AbortSignal.timeout(5000) })).text();
};
require('node:http').createServer(async (request, response) => {
  const url = new URL(request.url, 'http://self').searchParams.get('url');
  const itself = () => JSON.stringify({ name: hostname(), boot, links: networkInterfaces() });
  try {
    response.end(url === null ? itself() : await get(url));
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
}).listen(${PORT}, '0.0.0.0', () => console.log('serves'));
`;

/** Prints what a URL replies. Fails when that is no success. */
export const FETCH = `
const response = await fetch(process.argv.at(-1), { signal: AbortSignal.timeout(15000) });
const text = await response.text();
if (!response.ok) throw new Error(text);
process.stdout.write(text);
`;

/** Prints the host's links, and the settings of the bridge \`br0\`. */
export const LOOK = `
const { readdirSync, readFileSync } = require('node:fs');
const read = (file) => { try { return readFileSync(file, 'utf8').trim(); } catch { return undefined; } };
const bridge = '/sys/class/net/br0/';
console.log(JSON.stringify({
  links: require('node:os').networkInterfaces(),
  mac: read(bridge + 'address'),
  ports: readdirSync(bridge + 'brif').map((name) => [name, read('/sys/class/net/' + name + '/address')]),
  stp: read(bridge + 'bridge/stp_state'),
  forwardDelay: read(bridge + 'bridge/forward_delay'),
  filtered: read('/proc/sys/net/bridge/bridge-nf-call-iptables') ?? '0',
}));
`;

/** Kills the DHCP agent at once. */
export const KILL_DHCP = `
const { readdirSync, readFileSync } = require('node:fs');
const words = (pid) => { try { return readFileSync('/proc/' + pid + '/cmdline', 'latin1').split('\\0'); } catch { return []; } };
const found = readdirSync('/proc').filter((pid) => /^[0-9]+$/.test(pid) && words(pid).includes('run') && words(pid).includes('--sysctls=/run/kios/ipv6'));
if (found.length !== 1) throw new Error('there are ' + found.length + ' agents');
process.kill(Number(found[0]), 'SIGKILL');
`;

/** Returns the command that runs a program as text. */
export const commandFor = (program: string): string[] => [BUN, '-e', program];

/** Returns a pod that serves: on \`node\`, in the pods' network, or else in that of the host that has it as a file. */
export const servingPod = (name: string, node?: string): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels: { app: name } },
  spec: {
    ...(node === undefined ? { hostNetwork: true } : { nodeName: node }),
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'serve',
        image: IMAGE,
        imagePullPolicy: 'Never',
        command: commandFor(SERVE),
        env: [{ name: 'HOME', value: '/tmp' }],
        resources: { limits: { memory: '128Mi' } },
        readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 2 },
      },
    ],
  },
});
