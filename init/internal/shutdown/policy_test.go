package shutdown

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/hostapi"
)

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name   string
		phase  Phase
		cmd    hostapi.Command
		next   Phase
		action Action
	}{
		{"a soft shutdown is announced", Running, hostapi.SoftShutdown, Announced, PowerOff},
		{"continue without an announcement does nothing", Running, hostapi.ContinueShutdown, Running, PowerOff},
		{"continue stops after an announcement", Announced, hostapi.ContinueShutdown, Stopping, PowerOff},
		{"a second soft shutdown changes nothing", Announced, hostapi.SoftShutdown, Announced, PowerOff},
		{"reboot overtakes an announcement", Announced, hostapi.Reboot, Stopping, Reboot},
		{"power off", Running, hostapi.PowerOff, Stopping, PowerOff},
		{"reboot", Running, hostapi.Reboot, Stopping, Reboot},
		{"a restart does not concern a shutdown", Running, hostapi.RestartKubelet, Running, PowerOff},
		{"nothing undoes a stop", Stopping, hostapi.Reboot, Stopping, PowerOff},
	} {
		if next, action := Next(c.phase, c.cmd); next != c.next || action != c.action {
			t.Errorf("%s: %v %v", c.name, next, action)
		}
	}
}

func TestHoldingDataReversesTheMountsAndOmitsTheKernelsOwn(t *testing.T) {
	const mountinfo = `21 1 7:0 / / ro,nosuid - erofs /root.erofs ro
22 21 0:20 / /proc rw - proc proc rw
23 21 0:21 / /run rw shared:2 - tmpfs tmpfs rw
30 21 253:2 / /lib/kios/data rw,noatime shared:9 - ext4 /dev/vda2 rw
31 21 0:40 / /etc rw - overlay overlay rw,lowerdir=/etc
32 21 253:2 /data/kubelet /var/lib/kubelet rw - ext4 /dev/vda2 rw
33 32 0:50 / /var/lib/kubelet/pods/x/vol\040ume rw - tmpfs tmpfs rw
broken line
`
	want := []Mounted{
		{"/var/lib/kubelet/pods/x/vol ume", "tmpfs"}, {"/var/lib/kubelet", "ext4"}, {"/etc", "overlay"}, {"/lib/kios/data", "ext4"},
	}
	if got := HoldingData(mountinfo); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

type lines struct{ text []string }

func (l *lines) add(level, event string, fields []any) {
	l.text = append(l.text, fmt.Sprintf("%s %s %v %v %v", level, event, fields[1], fields[5], fields[6:]))
}
func (l *lines) Info(event string, fields ...any) { l.add("info", event, fields) }
func (l *lines) Warn(event string, fields ...any) { l.add("warn", event, fields) }
func (l *lines) Flush(time.Duration)              {}

func TestAStuckStepIsAbandoned(t *testing.T) {
	var log lines
	Run([]Step{
		{"stuck", 20 * time.Millisecond, func() error { select {} }},
		{"broken", time.Second, func() error { return errors.New("no") }},
		{"fine", time.Second, func() error { return nil }},
	}, &log)
	want := []string{"info shutdown.step stuck deadline []", "warn shutdown.step broken done [cause no]", "info shutdown.step fine done []"}
	if !reflect.DeepEqual(log.text, want) {
		t.Errorf("%s", strings.Join(log.text, "\n"))
	}
}
