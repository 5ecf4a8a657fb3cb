package slots

// The states of a running generation.
const (
	Good  = "good"
	Trial = "trial"
)

// State is the content of slots.json (docs/host-api.md, section 11).
type State struct {
	V       int    `json:"v"`
	Managed bool   `json:"managed"`
	Running int    `json:"running"`
	Version string `json:"version"`
	State   string `json:"state"`
	// TriesLeft is how many starts the running generation has after this one, while it is on trial.
	TriesLeft int `json:"triesLeft"`
	// Good lists the generations that have proved good and can be started.
	Good   []int    `json:"good"`
	Failed *Failure `json:"failed"`
	// Dirty says that the power went while the partition was written.
	Dirty bool `json:"dirty"`
	// Modules says that modules come from a modules.erofs in place of the root's.
	Modules bool `json:"modules"`
	// Encrypted says that the data partition is encrypted: a system without a signed measurement cannot open it.
	Encrypted bool `json:"encrypted"`
	// Board is the board whose own loader started the system, or "" on a machine with UEFI.
	Board string `json:"board"`
	// Signers are the SHA-256s of the certificates whose keys may sign what this machine starts; nil without Secure Boot.
	Signers []string `json:"signers"`
	// Reason says why the versions are not managed.
	Reason string `json:"reason"`
}

// Unmanaged returns the state of a machine whose versions init does not manage.
func Unmanaged(version, reason string) State {
	return State{V: 1, Version: version, State: Good, Good: []int{}, Reason: reason}
}

// Unreadable returns the state of a machine whose medium init cannot read. A start that the loader counted is a trial
// all the same, which init judges and which nobody may take for the end of one.
func (s Start) Unreadable(version, reason string) State {
	state := Unmanaged(version, reason)
	if s.Counted {
		state.State = Trial
	}
	return state
}

// State returns what a decision says to others.
func (d Decision) State(s Start, version string, dirty bool) State {
	state := State{V: 1, Managed: true, Running: s.Running, Version: version, State: Good, Good: d.Good, Failed: d.Failed, Dirty: dirty, Board: s.Board}
	if d.Trial {
		state.State, state.TriesLeft = Trial, d.Left
	}
	return state
}
