import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeQuestion, isReplyTo } from '../../../src/core/diagnosis/dns.ts';
import { Risen } from '../../../src/core/diagnosis/risen.ts';
import { eventsIn, mountAt, neighbourIn, rowOf } from '../../../src/core/diagnosis/tables.ts';

const ARP = `IP address       HW type     Flags       HW address            Mask     Device
10.0.2.2         0x1         0x2         52:55:0a:00:02:02     *        eth0
10.0.2.3         0x1         0x0         00:00:00:00:00:00     *        eth0
10.0.2.2         0x1         0x0         00:00:00:00:00:00     *        eth1
`;

const MOUNTS = `640 500 254:2 /data/kios/bootstrap /var/lib/kios/bootstrap rw,relatime - ext4 /dev/vda2 rw,errors=remount-ro
641 500 254:2 /data/x /var/lib/with\\040space ro,relatime - ext4 /dev/vda2 ro
642 500 0:30 / /host/etc rw - overlay overlay rw
`;

describe('the kernel’s tables', () => {
  it.each([
    ['10.0.2.2', 'eth0', '52:55:0a:00:02:02'],
    ['10.0.2.2', 'eth1', ''],
    ['10.0.2.3', 'eth0', ''],
    ['10.0.2.9', 'eth0', undefined],
  ])('know the neighbour %s on %s', (address, link, mac) => {
    expect(neighbourIn(ARP, address, link)).toBe(mac);
  });

  it('know the file system at a place', () => {
    expect(mountAt(MOUNTS, '/var/lib/kios/bootstrap')).toEqual({
      device: '/dev/vda2',
      type: 'ext4',
      isReadOnly: false,
    });
    expect(mountAt(MOUNTS, '/var/lib/with space')?.isReadOnly).toBe(true);
    expect(mountAt(MOUNTS, '/nowhere')).toBeUndefined();
  });

  it('know counters', () => {
    const events = 'low 0\nhigh 0\nmax 12\noom 2\noom_kill 3\n';
    expect([rowOf(events, 'oom_kill'), rowOf(events, 'max'), rowOf('', 'max')]).toEqual([3, 12, 0]);
    const metrics = `# TYPE kios_dhcp_events_total counter
kios_dhcp_events_total{link="eth0",event="conflict"} 2
kios_dhcp_events_total{link="eth0",event="offer"} 9
kios_dhcp_events_total{link="eth1",event="decline"} 1
`;
    expect(eventsIn(metrics, ['conflict', 'decline'])).toBe(3);
  });
});

describe('a question for a name server', () => {
  it('is one for the root', () => {
    const bytes = Buffer.from(encodeQuestion(0x1234)).toString('hex');
    expect(bytes).toBe('1234010000010000000000000000020001');
  });

  it('has a reply only in a message with its id', () => {
    const reply = encodeQuestion(7);
    expect(isReplyTo(reply, 7)).toBe(false);
    reply[2] = 0x81;
    expect([isReplyTo(reply, 7), isReplyTo(reply, 8)]).toEqual([true, false]);
  });

  it('is not answered by any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(65_535), (bytes, id) => {
        const isReply = isReplyTo(bytes, id);
        expect(isReply && bytes.length < 12).toBe(false);
      }),
    );
  });
});

describe('a counter that rises', () => {
  it('counts for a while, and what it had at first does not', () => {
    const risen = new Risen(60);
    expect(risen.look('a', 5, 0)).toBe(false);
    expect(risen.look('a', 6, 10)).toBe(true);
    expect(risen.look('a', 6, 70)).toBe(true);
    expect(risen.look('a', 6, 71)).toBe(false);
  });

  it('counts from nothing where it is known to be new, and is forgotten', () => {
    const risen = new Risen(60);
    expect(risen.look('a', 1, 0, 0)).toBe(true);
    risen.keep(new Set());
    expect(risen.look('a', 1, 1)).toBe(false);
  });
});
