import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { hostProcesses } from '../../src/checks/acceptance/host.ts';
import { bringUp, type UpNode } from '../../src/lab/bring-up.ts';
import { lookAtHost, runOnHost, startOnHost } from '../../src/lab/debug-pod.ts';
import { down } from '../../src/lab/down.ts';
import { scriptCommand } from '../../src/lab/guest-program.ts';
import { labMachine } from '../../src/lab/node.ts';
import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { hangMachine } from '../support/watchdog/debugger.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
/** The longest silence, a restart or the watchdog's time-out, and a boot, on an emulator beside another one. */
const STEP_MS = 15 * 60_000;
const LOOK = { timeout: STEP_MS, interval: 1000 } as const;

const IDENTITY = 'i6300ESB timer';
/** Init's own group, in a pod that sees the host's tree. */
const INIT_GROUP = '/sys/fs/cgroup/kios/init';
const SHUTDOWN = '/run/kios/control/shutdown.sock';
const REBOOT = 6;
const DEBUGGER = 'gdb.sock';

const eventually = async <Result>(check: () => Result | Promise<Result>): Promise<Result> =>
  vi.waitFor(check, LOOK);

async function next(events: () => readonly SeenEvent[], before: number): Promise<SeenEvent> {
  return eventually(() => {
    const event = events()[before];
    if (event === undefined) throw new Error('it has not been said yet');
    return event;
  });
}

await describeRecorded('watchdog', () => {
  const context: CommandContext = {
    progress: progressOn({ write: (text) => process.stdout.write(text) }),
    signal: new AbortController().signal,
    undo: new AsyncDisposableStack(),
    print: () => {},
  };
  const machine = labMachine();
  let up: UpNode;

  const seen = (ev: string): readonly SeenEvent[] =>
    up.node.console.events.filter((event) => event.agent === 'init' && event.ev === ev);
  const about = (ev: string, child: string): readonly SeenEvent[] =>
    seen(ev).filter(({ fields }) => fields['child'] === child);

  async function bootId(): Promise<string> {
    const path = 'jsonpath={.status.nodeInfo.bootID}';
    return up.kubectl.call(['get', 'node', up.nodeName, '-o', path]);
  }

  /** Waits until the node is Ready; after a boot only of another one than `before`. */
  const isBack = (before?: string): Promise<void> =>
    eventually(async () => {
      expect(await bootId()).not.toBe(before);
      expect(await up.kubectl.isReady(up.nodeName)).toBe(true);
    });

  /** Pods that stopped the program which would report them. */
  const forget = (pod: string): Promise<string> =>
    up.kubectl.call(['delete', 'pod', pod, '--force', '--grace-period=0', '--ignore-not-found']);

  async function pidOf(exe: string): Promise<number> {
    const facts = await lookAtHost(up.kubectl, up.nodeName);
    const found = hostProcesses(facts).find((each) => each.exe === exe);
    if (found === undefined) throw new Error(`${exe} does not run`);
    return found.pid;
  }

  async function signal(pid: number, name: 'SIGSTOP' | 'SIGQUIT'): Promise<string> {
    const command = await scriptCommand('kill', { pid, signal: name });
    return startOnHost(up.kubectl, { nodeName: up.nodeName, command, capabilities: ['KILL'] });
  }

  /** Hangs the machine, and returns what the next boot says about it. */
  async function hang(how: () => Promise<unknown>): Promise<Readonly<Record<string, unknown>>> {
    const [boots, tellings] = [seen('init.start').length, seen('lastrun').length];
    const before = await bootId();
    const began = Date.now();
    await how();
    await next(() => seen('init.start'), boots);
    const booted = Date.now();
    const { fields } = await next(() => seen('lastrun'), tellings);
    await isBack(before);
    const seconds = (end: number): number => Math.round((end - began) / 1000);
    context.progress.info(`booted after ${seconds(booted)} s, Ready after ${seconds(Date.now())} s: ${JSON.stringify(fields)}`); // prettier-ignore
    expect(seen('init.start')).toHaveLength(boots + 1);
    return fields;
  }

  beforeAll(async () => {
    await down(silent, { purge: true });
    up = await bringUp(context, machine, {
      memoryMiB: 2048,
      cpus: 2,
      // Without the chipset's own watchdog, which the kernel takes for one that the firmware has started: it feeds that
      // one too, and after 60 s of a hang it resets the machine first, without a word on why.
      devices: ['-device i6300esb', '-action watchdog=reset', '-global ICH9-LPC.enable_tco=off'],
    });
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    await context.undo.disposeAsync();
    await down(silent, { purge: true });
  }, 120_000);

  it('arms the watchdog and says nothing of a first run', { timeout: STEP_MS }, async () => {
    const [armed] = seen('watchdog.armed');
    expect(armed?.fields).toMatchObject({ identity: IDENTITY, seconds: 120 });
    const { fields } = await next(() => seen('lastrun'), 0);
    expect(fields).toMatchObject({ lvl: 'info', reason: 'unknown' });
  });

  it.each([
    ['kubelet', '/bin/kubelet'],
    ['containerd', '/bin/containerd'],
  ])('restarts a %s that hangs', { timeout: 3 * STEP_MS }, async (child, exe) => {
    const boots = seen('init.start').length;
    const [starts, answers] = [seen(`${child}.start`).length, about('program.answers', child).length]; // prettier-ignore
    const began = Date.now();
    const pod = await signal(await pidOf(exe), 'SIGSTOP');
    const hung = await next(() => about('program.hung', child), 0);
    expect(hung.fields).toMatchObject({ code: 'KIOS_INIT_HANG', restarts: 1 });
    await next(() => seen(`${child}.start`), starts);
    await next(() => about('program.answers', child), answers);
    await isBack();
    context.progress.info(`${child} is back after ${Math.round((Date.now() - began) / 1000)} s`);
    expect(about('child.exit', child).at(-1)?.fields).toMatchObject({ signal: 'SIGKILL' });
    expect(seen('init.start')).toHaveLength(boots);
    await forget(pod);
  });

  it('comes back from an init that hangs', { timeout: 3 * STEP_MS }, async () => {
    const command = await scriptCommand('freeze', { group: INIT_GROUP });
    const fields = await hang(() =>
      startOnHost(up.kubectl, { nodeName: up.nodeName, command, privileged: true }),
    );
    expect(fields).toMatchObject({ reason: 'hang', code: 'KIOS_INIT_LAST_HANG' });
    expect(fields['cause']).toContain('the kernel or init did not feed it');
  });

  it('comes back from a panic, with the kernel’s words', { timeout: 3 * STEP_MS }, async () => {
    // A Go program ends by this signal, and the kernel cannot go on without process 1.
    const fields = await hang(() => signal(1, 'SIGQUIT'));
    expect(fields).toMatchObject({ reason: 'panic', code: 'KIOS_INIT_LAST_PANIC' });
    expect(fields['cause']).toContain('Kernel panic - not syncing: Attempted to kill init!');
    expect(fields['file']).toMatch(/^\/lib\/kios\/data\/meta\/crash\/\d{8}T\d{6}-panic-\d+\.txt$/);
  });

  it('comes back from a kernel that hangs', { timeout: 3 * STEP_MS }, async () => {
    const fields = await hang(async () => {
      const gdbserver = `gdbserver unix:${DEBUGGER},server=on,wait=off`;
      await qmp(machine.dir, MACHINE_FILES.qmp, 'human-monitor-command', { 'command-line': gdbserver }); // prettier-ignore
      expect(await hangMachine(machine.dir, DEBUGGER)).toBe(2);
    });
    expect(fields).toMatchObject({ reason: 'hang', code: 'KIOS_INIT_LAST_HANG' });
  });

  it('knows a reset button from an ordered reboot', { timeout: 6 * STEP_MS }, async () => {
    const pressed = await hang(() => qmp(machine.dir, MACHINE_FILES.qmp, 'system_reset'));
    expect(pressed).toMatchObject({ reason: 'cut', code: 'KIOS_INIT_LAST_CUT' });
    const command = await scriptCommand('power', { socket: SHUTDOWN, order: REBOOT });
    const ordered = await hang(() =>
      startOnHost(up.kubectl, { nodeName: up.nodeName, command, sockets: [SHUTDOWN] }),
    );
    expect(ordered).toMatchObject({ lvl: 'info', reason: 'reboot' });
    expect(seen('program.lost')).toEqual([]);
  });

  it('tells pods why the last run ended', { timeout: STEP_MS }, async () => {
    const script = `process.stdout.write(require('node:fs').readFileSync('/proc/1/root/run/kios/last-run.json'))`;
    const printed = await runOnHost(up.kubectl, {
      nodeName: up.nodeName,
      command: ['/bin/bun', '-e', script],
      capabilities: ['SYS_PTRACE', 'DAC_READ_SEARCH'],
    });
    expect(JSON.parse(printed)).toMatchObject({ v: 1, reason: 'reboot' });
  });
});
