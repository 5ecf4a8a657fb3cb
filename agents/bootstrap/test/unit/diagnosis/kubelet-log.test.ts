import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { saidIn } from '../../../src/core/diagnosis/init-log.ts';
import { KubeletLog } from '../../../src/core/diagnosis/kubelet-log.ts';
import { textIn } from '../../../src/core/diagnosis/program-line.ts';

const file = path.join(
  import.meta.dirname,
  '../../../../../packages/host-api/vectors/program-lines.json',
);
const Vectors = v.array(v.object({ text: v.string(), line: v.string() }));
const vectors = v.parse(Vectors, JSON.parse(readFileSync(file, 'utf8')));

describe('a line of a program in a log of the host', () => {
  it.each(vectors)('has its text: $text', ({ text, line }) => {
    expect(textIn(line)).toBe(text);
  });

  it.each(['', 'a text alone', '{"t":"2026-11-22T01:02:03.004Z","ev":"start"}', '{"text":1}'])(
    'is not: %s',
    (line) => {
      expect(textIn(line)).toBeUndefined();
    },
  );
});

const head = 'E1129 00:00:01.000000     300 pod_workers.go:1338]';

/** A line of kubelet's about a pod that it could not start, as klog writes it. */
const failed = (reason: string, cause: string, pod = 'kube-system/dhcp-n'): string => {
  const err = `failed to "StartContainer" for "main" with ${reason}: ${JSON.stringify(cause)}`;
  return `${head} "Error syncing pod, skipping" err=${JSON.stringify(err)} pod="${pod}" podUID="u-1"`;
};

const pull = (cause: string): string =>
  failed('ErrImagePull', `failed to pull and unpack image "registry.example/a:1": ${cause}`);

const read = (...lines: readonly string[]): KubeletLog => {
  const log = new KubeletLog();
  for (const line of lines) log.line(line, 100);
  return log;
};

describe('kubelet’s log', () => {
  it.each([
    [
      failed(
        'CrashLoopBackOff',
        'back-off 20s restarting failed container=main pod=dhcp-n_kube-system(u-1)',
      ),
      'crashing',
      /main ends again/,
    ],
    [
      failed(
        'ErrImageNeverPull',
        'Container image "kios.invalid/a:1" is not present with pull policy of Never',
      ),
      'image missing',
      /kios\.invalid\/a:1.* not present/,
    ],
    [
      pull('failed to resolve reference "registry.example/a:1": registry.example/a:1: not found'),
      'image missing',
      /not found/,
    ],
    [
      pull(
        'failed to resolve reference "registry.example/a:1": unexpected status from HEAD request to https://registry.example/v2/a/manifests/1: 401 Unauthorized',
      ),
      'image refused',
      /401 Unauthorized/,
    ],
    [
      pull('pull access denied, repository does not exist or may require authorization'),
      'image refused',
      /denied/,
    ],
    [
      pull(
        'failed commit on ref "layer-sha256:4010403": unexpected commit digest sha256:401, expected sha256:403: failed precondition',
      ),
      'image corrupt',
      /unexpected commit digest/,
    ],
    [pull('failed to extract layer sha256:00: unexpected EOF'), 'image corrupt', /unexpected EOF/],
    [
      pull(
        'failed to do request: Head "https://registry.example/v2/a/manifests/1": dial tcp 192.0.2.9:443: i/o timeout',
      ),
      'registry unreached',
      /i\/o timeout/,
    ],
    [
      failed('RunContainerError', 'failed to create task: exec format error'),
      'image corrupt',
      /exec format/,
    ],
  ])('has the trouble of a pod: %s', (line, trouble, why) => {
    expect(read(line).pods(110)).toEqual([
      { pod: 'kube-system/dhcp-n', trouble, why: expect.stringMatching(why) as unknown },
    ]);
  });

  it.each([
    ['x509: certificate signed by unknown authority', 'registry unreached', /caBundle/],
    [
      'x509: certificate has expired or is not yet valid: current time …',
      'registry unreached',
      /clock/,
    ],
    ['http: server gave HTTP response to HTTPS client', 'registry unreached', /TLS/],
    ['lookup registry.example on 192.0.2.1:53: server misbehaving', 'registry unreached', /^$/],
    ['lookup registry.example on 192.0.2.1:53: no such host', 'registry unreached', /^$/],
    [
      'unexpected status from HEAD request to https://r/v2/a: 503 Service Unavailable',
      'registry unreached',
      /^$/,
    ],
    ['failed to do request: Head "https://r/v2/a": EOF', 'registry unreached', /^$/],
    ['dial tcp 192.0.2.9:401: connect: connection refused', 'registry unreached', /^$/],
    [
      'unexpected status from GET request to https://r/v2/a: 429 Too Many Requests\ntoomanyrequests: You have reached your pull rate limit',
      'image refused',
      /mirror/,
    ],
    ['unexpected status from GET request to https://r/v2/a: 403 Forbidden', 'image refused', /^$/],
    ['no match for platform in manifest', 'image missing', /^$/],
    [
      'unexpected status from GET request to https://r:403/v2/a: 404 Not Found',
      'image missing',
      /^$/,
    ],
    ['manifest unknown', 'image missing', /^$/],
    ['failed to copy: write /var/lib/containerd/a: no space left on device', 'no room', /^$/],
  ] as const)('tells a pull that failed by what helps: %s', (cause, trouble, remedy) => {
    const [told] = read(pull(cause)).pods(110);
    expect(told?.trouble).toBe(trouble);
    expect(told?.remedy ?? '').toMatch(remedy);
  });

  it.each([
    [
      'CreateContainerConfigError',
      'container has runAsNonRoot and image will run as root (pod: "dhcp-n_kube-system(u-1)", container: main)',
      'crashing',
      /^Correct the manifest/,
    ],
    ['CreateContainerConfigError', 'configmap "settings" not found', 'crashing', /^Correct/],
    [
      'ImageInspectError',
      'Failed to inspect image "": rpc error: code = Unknown desc = blob sha256:00: input/output error',
      'image corrupt',
      /^$/,
    ],
    [
      'CreateContainerError',
      'failed to reserve container name "main_dhcp-n_kube-system_u-1_1": name is reserved for "a1"',
      'crashing',
      /^$/,
    ],
    ['RunContainerError', 'context deadline exceeded', 'crashing', /^$/],
  ] as const)('has a container that cannot be made at the third try: %s: %s', (...vector) => {
    const [reason, cause, trouble, remedy] = vector;
    const log = read(failed(reason, cause));
    log.line(failed(reason, cause), 112);
    expect(log.pods(112)).toEqual([]);
    log.line(failed(reason, cause), 124);
    const [told] = log.pods(124);
    expect(told).toMatchObject({ pod: 'kube-system/dhcp-n', trouble, why: cause });
    expect(told?.remedy ?? '').toMatch(remedy);
  });

  it('counts tries of which kubelet was silent in between as new ones', () => {
    const line = failed('CreateContainerConfigError', 'secret "token" not found');
    const log = read(line);
    log.line(line, 150);
    expect(log.pods(150)).toEqual([]);
  });

  it.each([
    'services have not yet been read at least once, cannot construct envvars',
    'failed to sync secret cache: timed out waiting for the condition',
    'rpc error: code = Unavailable desc = connection error: dial unix /run/containerd/containerd.sock',
  ])('has nothing of a pod that waits for what is not there yet: %s', (cause) => {
    const log = new KubeletLog();
    for (const at of [100, 112, 124, 136])
      for (const reason of ['CreateContainerConfigError', 'ImageInspectError'])
        log.line(failed(reason, cause), at);
    expect(log.pods(136)).toEqual([]);
  });

  it('has nothing of a sandbox that waits for the network of pods', () => {
    const name = 'coredns-n_kube-system(u-2)';
    const cause = `failed to "CreatePodSandbox" for "${name}" with CreatePodSandboxError: "Failed to create sandbox for pod: cni plugin not initialized"`;
    const line = `${head} "Error syncing pod, skipping" err=${JSON.stringify(cause)} pod="kube-system/coredns-n" podUID="u-2"`;
    const log = new KubeletLog();
    for (const at of [100, 112, 124, 136]) log.line(line, at);
    expect(log.pods(136)).toEqual([]);
  });

  it('keeps the cause while kubelet only waits for its next try', () => {
    const log = read(pull('dial tcp: i/o timeout'));
    log.line(failed('ImagePullBackOff', 'Back-off pulling image "registry.example/a:1"'), 120);
    expect(log.pods(130)).toMatchObject([{ trouble: 'registry unreached', why: /timeout/ }]);
  });

  it('forgets a pod that kubelet complains about no more', () => {
    expect(read(pull('not found')).pods(141)).toEqual([]);
  });

  it('shows no secret that an address ends with', () => {
    const [{ why } = { why: '' }] = read(
      pull('Get "https://r.example/t?token=secret": not found'),
    ).pods(100);
    expect(why).toContain('?…');
    expect(why).not.toContain('secret');
  });

  it('takes the pod from behind a cause that names another', () => {
    const line = pull('not found pod="kube-system/other" podUID="x"');
    expect(read(line).pods(100)).toMatchObject([{ pod: 'kube-system/dhcp-n' }]);
  });

  it('reads a cause of several lines', () => {
    const log = read(
      `${head} "Error syncing pod, skipping" err=<`,
      '\tfailed to "StartContainer" for "main" with RunContainerError: exec format error',
      '\tmore',
      ' > pod="kube-system/dhcp-n" podUID="u-1"',
    );
    expect(log.pods(100)).toMatchObject([{ pod: 'kube-system/dhcp-n', trouble: 'image corrupt' }]);
  });

  it('says when pods have no network, containerd is silent, or the API server is', () => {
    const log = read(
      'I1129 0 kubelet.go:3262] "Container runtime network not ready" networkReady="…"',
      'E1129 0 kubelet.go:3248] "Container runtime sanity check failed" err="…"',
      'E1129 0 controller.go:201] "Failed to ensure lease exists, will retry" err="…" interval="7s"',
    );
    expect([log.lacksNetwork(110), log.lacksRuntime(110), log.lacksApi(110)]).toEqual([
      true,
      true,
      true,
    ]);
    expect([log.lacksNetwork(116), log.lacksRuntime(116), log.lacksApi(131)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('takes from old lines only what stays true', () => {
    const log = new KubeletLog();
    log.line('I1129 0 server.go:545] "Kubelet version" kubeletVersion="v1.36.3"', undefined);
    log.line(
      String.raw`I1129 0 reconciler_common.go:251] "operationExecutor.MountVolume started for volume \"etc\" (UniqueName: \"kubernetes.io/host-path/0f1e2d3c-etc\") pod \"dhcp-n\" (UID: \"0f1e2d3c\") " pod="kube-system/dhcp-n"`,
      undefined,
    );
    log.line(pull('not found'), undefined);
    expect([log.version, log.nameOf('0f1e2d3c'), log.nameOf('ffff0000'), log.pods(0)]).toEqual([
      'v1.36.3',
      'kube-system/dhcp-n',
      'ffff0000',
      [],
    ]);
  });

  it('names a pod without volumes', () => {
    const log = read('I1129 0 kubelet.go:1] "SyncLoop" pod="default/a" podUID="0f1e2d3c-0001"');
    expect(log.nameOf('0f1e2d3c-0001')).toBe('default/a');
  });

  it('says why kubelet ended', () => {
    const log = read(
      'E1129 0 run.go:72] "command failed" err="failed to load kubelet config: unknown field \\"lots\\""',
    );
    expect(log.lastEnd).toBe('failed to load kubelet config: unknown field "lots"');
  });

  it('says nothing by other lines', () => {
    const log = read(
      '',
      'E1129',
      `${head} "Error syncing pod, skipping" err="x" pod=`,
      failed('Other', 'x'),
    );
    expect([log.pods(100), log.lacksNetwork(100), log.version]).toEqual([[], false, undefined]);
  });
});

describe('init’s log', () => {
  it('has the faults of a boot that last', () => {
    const line = {
      t: '',
      ev: 'data.failed',
      code: 'KIOS_INIT_DATA',
      remedy: 'R.',
      cause: 'mount /dev/vda2: bad',
    };
    expect(saidIn(JSON.stringify(line))).toEqual({
      code: 'KIOS_INIT_DATA',
      cause: 'mount /dev/vda2: bad',
      remedy: 'R.',
    });
    expect(saidIn(JSON.stringify({ ...line, code: 'KIOS_INIT_SEED' }))).toBeUndefined();
    expect(saidIn('{"code":"KIOS_INIT_DATA"')).toBeUndefined();
  });
});
