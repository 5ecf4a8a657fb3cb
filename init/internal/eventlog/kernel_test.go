package eventlog

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRecordsOfTheKernelAreParsed(t *testing.T) {
	for data, want := range map[string]record{
		"6,0,0,-;Linux version 6.12\n":                                          {6, 0, 0, []byte("Linux version 6.12")},
		"3,1234,5678901,-;ata1: failed\n SUBSYSTEM=scsi\n DEVICE=+scsi:0\n":     {3, 1234, 5678901 * time.Microsecond, []byte("ata1: failed")},
		"12,7,1,c,caller=T1;a pod; with a semicolon, and\\x0aan escaped line\n": {4, 7, time.Microsecond, []byte("a pod; with a semicolon, and\\x0aan escaped line")},
	} {
		if r, ok := parseRecord([]byte(data)); !ok || r.level != want.level || r.sequence != want.sequence || r.at != want.at || string(r.text) != string(want.text) {
			t.Errorf("%q: %+v", data, r)
		}
	}
	for _, data := range []string{"", "x", "6;text", "6,1;text", "a,1,2,-;text", "6,-1,2,-;text", "6,1,2,-"} {
		if r, ok := parseRecord([]byte(data)); ok {
			t.Errorf("%q: %+v", data, r)
		}
	}
}

// ring is a kernel's log: each reading returns one record or an error.
type ring []any

func (r *ring) Read(p []byte) (int, error) {
	if len(*r) == 0 {
		return 0, io.EOF
	}
	next := (*r)[0]
	*r = (*r)[1:]
	if err, ok := next.(error); ok {
		return 0, err
	}
	return copy(p, next.(string)), nil
}

func TestTheKernelsLogHasTheTimesOfTheOthers(t *testing.T) {
	l, c, _ := stepped(t)
	c.wall = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC) // after 10 s
	err := l.copyKernel(&ring{
		"6,0,0,-;first\n", "4,1,2500000,-;second\n", unix.EPIPE, "not a record", "3,9,11000000,-;later https://a:b@c/\n",
	})
	if err != io.EOF {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(l.dir + "/kernel.log")
	type line struct {
		T         string
		Up        float64
		Lvl, Text string
	}
	want := []line{
		{"2026-07-01T11:59:50.000Z", 0, "info", "first"},
		{"2026-07-01T11:59:52.500Z", 2.5, "warn", "second"},
		{"2026-07-01T12:00:00.000Z", 10, "warn", "7 records were overwritten before they were read"},
		{"2026-07-01T12:00:00.000Z", 10, "error", "later https://…@c/"},
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%s", text)
	}
	for i, each := range lines {
		var got line
		if err := json.Unmarshal([]byte(each), &got); err != nil || got != want[i] {
			t.Errorf("%s: %v, want %v", each, err, want[i])
		}
	}
}

func TestTheKernelsLogIsFollowedOnce(t *testing.T) {
	l, _, _ := stepped(t)
	device := l.dir + "/kmsg"
	if err := unix.Mkfifo(device, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	first := make(chan error, 1)
	go func() { first <- l.FollowKernel(device) }()
	for end := time.Now().Add(5 * time.Second); !l.kernel.Load() && time.Now().Before(end); time.Sleep(time.Millisecond) {
	}
	if err := l.FollowKernel(device); err != nil {
		t.Error(err)
	}
	writer.WriteString("6,0,1,-;only\n")
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if text, _ := os.ReadFile(l.dir + "/kernel.log"); strings.Count(string(text), `"text":"only"`) == 1 {
			return
		}
	}
	t.Error("no line")
}
