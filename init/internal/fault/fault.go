// Package fault is init's error type: a stable code from docs/errors.md, the action that failed, its cause and a
// remedy.
package fault

// Error is a failure that an operator may have to act on.
type Error struct {
	Code   string // KIOS_INIT_…
	Doing  string // verb object, reads well after "cannot": "mount /proc"
	Remedy string // full sentences
	Err    error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Doing
	}
	return e.Doing + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// New returns an Error.
func New(code, doing, remedy string, err error) *Error {
	return &Error{Code: code, Doing: doing, Remedy: remedy, Err: err}
}

// The codes. Each has a row in docs/errors.md.
const (
	Mount         = "KIOS_INIT_MOUNT"
	Root          = "KIOS_INIT_ROOT"
	Module        = "KIOS_INIT_MODULE"
	ModulesImage  = "KIOS_INIT_MODULES_IMAGE"
	Cgroup        = "KIOS_INIT_CGROUP"
	DataPart      = "KIOS_INIT_DATA"
	DataTwice     = "KIOS_INIT_DATA_TWICE"
	DataFull      = "KIOS_INIT_DATA_FULL"
	CryptMake     = "KIOS_INIT_CRYPT_MAKE"
	CryptPlain    = "KIOS_INIT_CRYPT_PLAIN"
	CryptSystem   = "KIOS_INIT_CRYPT_SYSTEM"
	CryptWords    = "KIOS_INIT_CRYPT_WORDS"
	CryptTPM      = "KIOS_INIT_CRYPT_TPM"
	CryptKey      = "KIOS_INIT_CRYPT_KEY"
	CryptUsed     = "KIOS_INIT_CRYPT_RECOVERED"
	CryptHeader   = "KIOS_INIT_CRYPT_HEADER"
	Attest        = "KIOS_INIT_ATTEST"
	Disk          = "KIOS_INIT_DISK"
	DiskUnused    = "KIOS_INIT_DISK_UNUSED"
	Argument      = "KIOS_INIT_ARGUMENT"
	Sysctl        = "KIOS_INIT_SYSCTL"
	Store         = "KIOS_INIT_STORE"
	StoreEmptied  = "KIOS_INIT_STORE_EMPTIED"
	StoreLost     = "KIOS_INIT_STORE_LOST"
	Release       = "KIOS_INIT_RELEASE"
	HostAPI       = "KIOS_INIT_HOST_API"
	Seed          = "KIOS_INIT_SEED"
	SeedUnknown   = "KIOS_INIT_SEED_UNKNOWN"
	Images        = "KIOS_INIT_IMAGES"
	Start         = "KIOS_INIT_START"
	Runtime       = "KIOS_INIT_RUNTIME"
	Kubelet       = "KIOS_INIT_KUBELET"
	KubeletIn     = "KIOS_INIT_KUBELET_FILE"
	KubeletConfig = "KIOS_INIT_KUBELET_CONFIG"
	Etc           = "KIOS_INIT_ETC"
	Manifests     = "KIOS_INIT_MANIFESTS"
	Manifest      = "KIOS_INIT_MANIFEST"
	Pull          = "KIOS_INIT_PULL"
	Volatile      = "KIOS_INIT_VOLATILE"
	Grace         = "KIOS_INIT_GRACE"
	Shutdown      = "KIOS_INIT_SHUTDOWN"
	Logs          = "KIOS_INIT_LOGS"
	Panic         = "KIOS_INIT_PANIC"
	Watchdog      = "KIOS_INIT_WATCHDOG"
	Hang          = "KIOS_INIT_HANG"
	LastPanic     = "KIOS_INIT_LAST_PANIC"
	LastHang      = "KIOS_INIT_LAST_HANG"
	LastFault     = "KIOS_INIT_LAST_FAULT"
	LastCut       = "KIOS_INIT_LAST_CUT"
	SlotsOff      = "KIOS_INIT_SLOTS_OFF"
	SlotsMedium   = "KIOS_INIT_SLOTS_MEDIUM"
	SlotsEntries  = "KIOS_INIT_SLOTS_ENTRIES"
	SlotsDirty    = "KIOS_INIT_SLOTS_DIRTY"
	SlotsFailed   = "KIOS_INIT_SLOTS_FAILED"
	SlotsTrial    = "KIOS_INIT_SLOTS_TRIAL"
	SlotsBusy     = "KIOS_INIT_SLOTS_BUSY"
)
