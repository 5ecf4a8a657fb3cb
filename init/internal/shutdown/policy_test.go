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
	running, announced := State{}, State{Announced, PowerOff}
	preparing, rebooting := State{Preparing, PowerOff}, State{Preparing, Reboot}
	for _, c := range []struct {
		name  string
		state State
		cmd   hostapi.Command
		want  State
	}{
		{"a soft shutdown is announced", running, hostapi.SoftShutdown, announced},
		{"continue without an announcement does nothing", running, hostapi.ContinueShutdown, running},
		{"continue lets kubelet end the pods after an announcement", announced, hostapi.ContinueShutdown, preparing},
		{"continue ends the wait for the pods", rebooting, hostapi.ContinueShutdown, State{Stopping, Reboot}},
		{"a second soft shutdown changes nothing", announced, hostapi.SoftShutdown, announced},
		{"nor does one while pods end", rebooting, hostapi.SoftShutdown, rebooting},
		{"reboot overtakes an announcement", announced, hostapi.Reboot, rebooting},
		{"power off", running, hostapi.PowerOff, preparing},
		{"reboot", running, hostapi.Reboot, rebooting},
		{"a second reboot leaves the pods their time", rebooting, hostapi.Reboot, rebooting},
		{"the last word counts while pods end", rebooting, hostapi.PowerOff, preparing},
		{"an announcement is called off", announced, hostapi.CallOffShutdown, running},
		{"a reboot is called off while pods end", rebooting, hostapi.CallOffShutdown, running},
		{"without a shutdown nothing is called off", running, hostapi.CallOffShutdown, running},
		{"a restart does not concern a shutdown", preparing, hostapi.RestartKubelet, preparing},
		{"nothing undoes a stop", State{Stopping, Reboot}, hostapi.PowerOff, State{Stopping, Reboot}},
		{"nor is it called off", State{Stopping, Reboot}, hostapi.CallOffShutdown, State{Stopping, Reboot}},
	} {
		if got := Next(c.state, c.cmd); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestThePowerButtonAsksOnceAndThenEndsEachWait(t *testing.T) {
	var state State
	for _, want := range []Phase{Announced, Preparing, Stopping} {
		if state = Next(state, Press(state)); state.Phase != want || state.Action != PowerOff {
			t.Errorf("%v, want phase %v", state, want)
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
		{"/var/lib/kubelet/pods/x/vol ume", "tmpfs", "tmpfs", "0:50"}, {"/var/lib/kubelet", "ext4", "/dev/vda2", "253:2"},
		{"/etc", "overlay", "overlay", "0:40"}, {"/lib/kios/data", "ext4", "/dev/vda2", "253:2"},
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
