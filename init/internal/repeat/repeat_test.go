package repeat

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/fault"
)

// at returns the time so many seconds after the boot.
func at(seconds int) time.Time { return time.Unix(1000+int64(seconds), 0) }

// told returns the codes that are said at a time, and those that are over.
func told(f *Faults, seconds int) (said, over []string) {
	say, over := f.Due(at(seconds))
	for _, one := range say {
		said = append(said, one.Code)
	}
	return said, over
}

func healthy(f *Faults) {
	for _, name := range []string{"containerd", "kubelet"} {
		f.Starting(name, 0, at(0))
		f.Ready(name)
	}
}

func TestNothingIsSaidOfAHealthyBoot(t *testing.T) {
	f := New()
	f.Lasting(fault.New(fault.DataPart, "mount it", "Repair it.", errors.New("bad")))
	for second := 0; second < 200; second += 5 {
		if second == 10 {
			healthy(f)
		}
		if said, over := told(f, second); said != nil || over != nil {
			t.Fatalf("after %d s: %v, over %v", second, said, over)
		}
	}
}

func TestNothingIsSaidOfARequestedRestart(t *testing.T) {
	f := New()
	healthy(f)
	f.Ended("kubelet", at(100))
	f.Starting("kubelet", 0, at(101))
	if said, _ := told(f, 215); said != nil {
		t.Fatal(said)
	}
	f.Ready("kubelet")
	if said, _ := told(f, 300); said != nil {
		t.Fatal(said)
	}
}

func TestAProgramThatDoesNotServeIsNamedEachMinute(t *testing.T) {
	f := New()
	f.Starting("containerd", 0, at(0))
	f.Ready("containerd")
	f.Starting("kubelet", 0, at(10))
	var when []int
	for second := 0; second < 260; second += 5 {
		if said, _ := told(f, second); slices.Contains(said, fault.Kubelet) {
			when = append(when, second)
		}
	}
	if !slices.Equal(when, []int{130, 190, 250}) {
		t.Error(when)
	}
}

func TestAProgramThatKeepsEndingIsNamedWithItsLastWords(t *testing.T) {
	f := New()
	healthy(f)
	f.Ended("kubelet", at(100))
	f.Line("kubelet", []byte(`E1129 run.go:72] "command failed" err="failed to load kubelet config: unknown field \"lots\""`+"\n"))
	f.Starting("kubelet", 2, at(103))
	if said, _ := told(f, 104); said != nil {
		t.Fatal(said)
	}
	f.Starting("kubelet", 3, at(107))
	say, _ := f.Due(at(108))
	if len(say) != 1 {
		t.Fatal(say)
	}
	const want = `run kubelet: it has ended 3 times in a row: failed to load kubelet config: unknown field "lots"`
	if say[0].Error() != want {
		t.Error(say[0])
	}
	if say[0].Remedy == "" {
		t.Error("it has no remedy")
	}
}

func TestAProgramThatServesAgainIsNamedOnceMore(t *testing.T) {
	f := New()
	healthy(f)
	f.Ended("kubelet", at(100))
	f.Starting("kubelet", 3, at(107))
	told(f, 108)
	f.Ready("kubelet")
	if said, over := told(f, 166); said != nil || over != nil {
		t.Fatal(said, over)
	}
	if said, over := told(f, 167); said != nil || !slices.Equal(over, []string{fault.Kubelet}) {
		t.Error(said, over)
	}
	if _, over := told(f, 172); over != nil {
		t.Error(over)
	}
}

func TestALastingFaultIsNotOverWhenTheProgramsServe(t *testing.T) {
	f := New()
	f.Lasting(fault.New(fault.DataTwice, "choose it", "Detach one.", errors.New("two")))
	f.Starting("kubelet", 3, at(0))
	if said, _ := told(f, 1); !slices.Equal(said, []string{fault.Kubelet, fault.DataTwice}) {
		t.Fatal(said)
	}
	f.Ready("kubelet")
	if said, over := told(f, 60); said != nil || !slices.Equal(over, []string{fault.Kubelet}) {
		t.Error(said, over)
	}
}

func TestWordsOfAnEarlierEndAreNoCauseOfALaterFault(t *testing.T) {
	f := New()
	healthy(f)
	f.Line("kubelet", []byte("panic: of the first\n"))
	f.Ended("kubelet", at(100))
	f.Starting("kubelet", 1, at(101))
	f.Ready("kubelet")
	f.Ended("kubelet", at(500))
	f.Starting("kubelet", 0, at(501))
	say, _ := f.Due(at(620))
	if len(say) != 1 || say[0].Error() != "run kubelet: it has not served for 120 s" {
		t.Error(say)
	}
}

func TestWithoutContainerdNothingIsSaidOfKubelet(t *testing.T) {
	f := New()
	f.Starting("containerd", 5, at(0))
	f.Starting("kubelet", 5, at(0))
	f.Lasting(fault.New(fault.DataTwice, "choose it", "Detach one.", errors.New("two")))
	f.Lasting(errors.New("no fault of an operator's"))
	if said, _ := told(f, 1); !slices.Equal(said, []string{fault.Runtime, fault.DataTwice}) {
		t.Error(said)
	}
	if said, _ := told(f, 6); said != nil {
		t.Error("said twice:", said)
	}
}

func TestUnknownProgramsAreNoFault(t *testing.T) {
	f := New()
	f.Starting("modprobe", 9, at(0))
	f.Ready("modprobe")
	f.Ended("modprobe", at(1))
	f.Line("modprobe", []byte("panic: no\n"))
	if said, _ := told(f, 200); said != nil {
		t.Error(said)
	}
}

func TestLastWords(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"containerd", "containerd: failed to load TOML: bad\n", "failed to load TOML: bad"},
		{"containerd", `time="…" level=info msg="containerd: x"` + "\n", ""},
		{"kubelet", `E1129 "command failed" err=x` + "\n", ""},
		{"kubelet", `E1129 "command failed" err="a\nb"` + "\n", "a b"},
		{"kubelet", "panic: runtime error\n", "runtime error"},
		{"kubelet", `I1129 "don't panic: x"` + "\n", ""},
		{"kubelet", "", ""},
	} {
		if words := lastWords(c.name, []byte(c.line)); words != c.want {
			t.Errorf("%q of %s: %q, want %q", c.line, c.name, words, c.want)
		}
	}
	if words := lastWords("kubelet", []byte("panic: "+strings.Repeat("ü", 400))); len(words) > longest+5 {
		t.Error(len(words))
	}
}
