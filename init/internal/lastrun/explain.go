package lastrun

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/fault"
)

// Reason says why a run ended.
type Reason string

// The reasons. Those of an ordered end are shutdown.Action's words.
const (
	Reboot      Reason = "reboot"
	PowerOff    Reason = "power-off"
	Panic       Reason = "panic"
	Hang        Reason = "hang"
	Fault       Reason = "fault"
	Interrupted Reason = "interrupted" // within an ordered stop
	Cut         Reason = "cut"         // without any notice: power, a reset button, the hypervisor
	Unknown     Reason = "unknown"     // nothing is kept of a run before
)

// Evidence is all that is known of the run before.
type Evidence struct {
	Record *Record // nil when there is none
	Status int     // the bits of the watchdog's WDIOC_GETBOOTSTATUS
	Panic  []string
	// WordsLost says that this machine keeps no words of a kernel, so that none of a panic proves nothing.
	WordsLost bool
	// WatchdogSilent says that the watchdog's status never tells of a reset by it.
	WatchdogSilent bool
}

// End is what follows from the evidence.
type End struct {
	Reason Reason
	// Fault has the code, the cause and the remedy; nil for an end that somebody else ordered, and for an unknown one.
	Fault *fault.Error
}

// Explain weighs the evidence. The kernel's own words come first, because they name the cause: a panic may also have
// starved the watchdog. A record of an ordered end is stronger than a watchdog's status, which some firmware keeps.
func Explain(e Evidence) End {
	switch r := e.Record; {
	case len(e.Panic) > 0:
		return panicked(e.Panic)
	case r != nil && r.State == Ended && r.Code == fault.SlotsTrial: // that of a hang is not why somebody ordered the end
		return End{Reason(r.Action), fault.New(r.Code, "keep this version running", "Init ordered it by itself; docs/errors.md explains the code.", errors.New(r.Cause))}
	case r != nil && r.State == Ended:
		return End{Reason: Reason(r.Action)}
	case r != nil && r.State == Failed:
		return End{Fault, fault.New(fault.LastFault, "keep the node running", "Init rebooted by itself; docs/errors.md explains the code in the cause.",
			errors.New(strings.TrimSpace(r.Code+" "+r.Cause)))}
	case r != nil && r.State == Starved:
		return hung(r.Cause)
	case e.Status&unix.WDIOF_CARDRESET != 0:
		return hung("the kernel or init did not feed it" + during(r))
	case r == nil:
		return End{Reason: Unknown}
	case r.State == Stopping:
		return ended(Interrupted, r.Action, e.lost()+during(r))
	}
	return ended(Cut, "", e.lost())
}

// NeedsWords reports whether the kernel's last words may say more than the rest of the evidence.
func (e Evidence) NeedsWords() bool {
	reason := Explain(e).Reason
	return reason != Reboot && reason != PowerOff && reason != Unknown
}

func panicked(words []string) End {
	return End{Panic, fault.New(fault.LastPanic, "keep the kernel running", "Report this with the file that the line names. If it happens again, check the machine's memory and its firmware.",
		errors.New(strings.Join(words, "; ")))}
}

func hung(why string) End {
	return End{Hang, fault.New(fault.LastHang, "keep the machine working", "The watchdog has reset it. If it happens again, look at its disk, its memory and what its pods ask for.",
		errors.New(why))}
}

func ended(reason Reason, action, why string) End {
	doing := "keep the machine on"
	if reason == Interrupted {
		doing = "end the " + action + " in order"
	}
	return End{reason, fault.New(fault.LastCut, doing, "Check its power supply, and whether somebody pressed its reset button or ended the virtual machine.",
		errors.New(why))}
}

func during(r *Record) string {
	if r == nil || r.State != Stopping {
		return ""
	}
	return fmt.Sprintf(" during an ordered %s", r.Action)
}

// lost says what a watchdog's status tells about the machine, if anything, and otherwise what may have been.
func (e Evidence) lost() string {
	for _, sign := range signs {
		if e.Status&sign.bit != 0 {
			return sign.why
		}
	}
	causes := []string{"power was lost", "the machine was reset from outside"}
	if e.WatchdogSilent {
		causes = append(causes, "its watchdog reset it")
	}
	if e.WordsLost {
		causes = append(causes, "its kernel panicked")
	}
	last := len(causes) - 1
	return strings.Join(causes[:last], ", ") + ", or " + causes[last]
}

var signs = []struct {
	bit int
	why string
}{
	{unix.WDIOF_OVERHEAT, "the machine was too hot"},
	{unix.WDIOF_FANFAULT, "a fan failed"},
	{unix.WDIOF_POWERUNDER, "the voltage was too low"},
	{unix.WDIOF_POWEROVER, "the voltage was too high"},
}
