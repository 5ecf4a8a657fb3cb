package slots

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHealthHasAReason(t *testing.T) {
	const dead = freshFor + time.Second
	for _, c := range []struct {
		name string
		h    Health
		why  string // a part of it, or "" for healthy
	}{
		{"a member that is Ready", Health{Joined: true, Membership: Ready}, ""},
		{"a member that is Ready does not need its static pods", Health{Joined: true, Membership: Ready, Pods: []string{"a/b"}}, ""},
		{"never joined, and all pods run", Health{}, ""},
		{"never joined, as the agent says too", Health{Membership: Alone}, ""},
		{"a member for which only kubelet can ask", Health{Joined: true, Membership: Unknown, RunsGiven: true}, ""},
		{"a member whose bootstrap agent says nothing", Health{Joined: true, RunsGiven: true}, ""},
		{"a member that joined without its bootstrap agent", Health{Joined: true, Membership: Alone, RunsGiven: true}, ""},
		{"no data partition", Health{DataFailed: true, Membership: Ready}, "data partition"},
		{"no kubelet", Health{Programs: []string{"kubelet"}, Membership: Ready}, "kubelet does not serve"},
		{"neither program", Health{Programs: []string{"containerd", "kubelet"}}, "containerd and kubelet"},
		{"Ready long ago", Health{Joined: true, Membership: Ready, Age: dead}, "46 s ago"},
		{"not Ready", Health{Joined: true, Membership: NotReady}, "not Ready in the API"},
		{"not Ready long ago", Health{Joined: true, Membership: NotReady, Age: dead}, "46 s ago"},
		{"a document, and no cluster yet", Health{Membership: Joining}, "no member"},
		{"Ready in seconds of another clock", Health{Joined: true, Membership: Ready, Age: -dead}, "-46 s ago"},
		{"a member without a pod of its cluster", Health{Joined: true}, "no pod of the cluster runs"},
		{"a member that is said to be alone", Health{Joined: true, Membership: Alone}, "no pod of the cluster runs"},
		{"only kubelet can ask, and it was given no pod", Health{Membership: Unknown}, "no pod of the cluster runs"},
		{"a pod of the cluster is no Ready Node", Health{Joined: true, Membership: NotReady, RunsGiven: true}, "not Ready in the API"},
		{"a member whose static pod is missing", Health{Joined: true, RunsGiven: true, Pods: []string{"kube-system/dhcp"}}, "kube-system/dhcp"},
		{"never joined, and a pod is missing", Health{Pods: []string{"kube-system/dhcp"}}, "kube-system/dhcp"},
		{"only kubelet can ask, and a pod is missing", Health{Joined: true, Membership: Unknown, Pods: []string{"kube-system/dhcp"}}, "kube-system/dhcp"},
	} {
		if why := c.h.Why(); (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
			t.Errorf("%s: %q", c.name, why)
		}
	}
}

func TestATrialNeedsTwoMinutesWithoutABreak(t *testing.T) {
	const minute = time.Minute
	for _, c := range []struct {
		name string
		ill  func(up time.Duration) bool
		want Verdict
		at   time.Duration
	}{
		{"healthy from the second minute", func(up time.Duration) bool { return up < minute }, Bless, 3 * minute},
		{"one bad look", func(up time.Duration) bool { return up < minute || up == 2*minute }, Bless, 4*minute + 5*time.Second},
		{"never", func(time.Duration) bool { return true }, GiveUp, 15 * minute},
		{"a break each minute", func(up time.Duration) bool { return up%minute == 0 }, GiveUp, 15 * minute},
		{"healthy just before the deadline", func(up time.Duration) bool { return up < 14*minute }, Bless, 16 * minute},
		{"and broken after it", func(up time.Duration) bool { return up < 14*minute || up > 15*minute }, GiveUp, 15*minute + 5*time.Second},
	} {
		var w Watch
		for up := 30 * time.Second; ; up += LookEvery {
			why := ""
			if c.ill(up) {
				why = "ill"
			}
			if verdict := w.Look(up, why); verdict != Wait || up > time.Hour {
				if verdict != c.want || up != c.at {
					t.Errorf("%s: %v after %v, want %v after %v", c.name, verdict, up, c.want, c.at)
				}
				break
			}
		}
	}
}

func TestAPauseIsNoHealth(t *testing.T) {
	var w Watch
	w.Look(time.Minute, "")
	if v := w.Look(9*time.Minute, ""); v != Wait {
		t.Errorf("blessed over a pause: %v", v)
	}
	for up := 9 * time.Minute; up < 11*time.Minute; up += LookEvery {
		if v := w.Look(up, ""); v != Wait {
			t.Fatalf("%v after %v", v, up)
		}
	}
	if v := w.Look(11*time.Minute, ""); v != Bless {
		t.Errorf("then %v", v)
	}
}

// A machine that was suspended, or had no processor, is not to be given up for the time in which it stood still.
func TestAPauseTakesNothingFromTheDeadline(t *testing.T) {
	var w Watch
	look := func(from, to time.Duration) (last Verdict) {
		for up := from; up < to; up += LookEvery {
			if last = w.Look(up, "ill"); last != Wait {
				t.Logf("%v after %v", last, up)
				return last
			}
		}
		return last
	}
	const minute = time.Minute
	if v := look(minute, 10*minute); v != Wait {
		t.Errorf("before it: %v", v)
	}
	if v := look(90*minute, 95*minute-LookEvery); v != Wait {
		t.Errorf("after it: %v", v)
	}
	if v := look(95*minute-LookEvery, 96*minute); v != GiveUp {
		t.Errorf("at its end: %v", v)
	}
}

func TestTheStateSaysWhatWasDecided(t *testing.T) {
	d := Decide(onTrial, medium("kios-0001.conf", "kios-0002+2-1.conf"))
	trial := d.State(onTrial, "0.2.0", true)
	if trial.State != Trial || trial.TriesLeft != 2 || !slices.Equal(trial.Good, []int{1}) || !trial.Managed || !trial.Dirty {
		t.Errorf("%+v", trial)
	}
	after := onTrial.Blessed()
	good := Decide(after, medium("kios-0001.conf", "kios-0002.conf")).State(after, "0.2.0", false)
	if good.State != Good || good.TriesLeft != 0 || !slices.Equal(good.Good, []int{1, 2}) || good.Failed != nil {
		t.Errorf("%+v", good)
	}
	if off := Unmanaged("0.2.0", "why"); off.Managed || off.Good == nil || off.Reason != "why" || off.State != Good {
		t.Errorf("%+v", off)
	}
}

// The loader has counted the start: the update agent must not take it for one of the older system.
func TestATrialWhoseMediumCannotBeReadIsOne(t *testing.T) {
	if state := onTrial.Unreadable("0.2.0", "why"); state.Managed || state.State != Trial || state.Reason != "why" {
		t.Errorf("%+v", state)
	}
	if state := onTrial.Blessed().Unreadable("0.2.0", "why"); state.State != Good {
		t.Errorf("%+v", state)
	}
}
