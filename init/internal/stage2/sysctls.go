package stage2

import (
	"errors"
	"os"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/sysctl"
)

const (
	// sysctlFile is a person's settings: below /etc/kios those of the bootstrap document, and in the folder for people
	// those of the medium, which count over them.
	sysctlFile = "sysctl.conf"
	maxSysctls = 64 << 10 // bytes
)

// sysctlSources are the folders with a person's settings; of a setting in several the last counts.
var sysctlSources = []string{"/etc/kios", runDir + "/host"}

// operatorSysctls keeps a person's settings of the kernel, and knows what was said of them.
type operatorSysctls struct {
	applied *sysctl.Applied
	said    map[string]bool
}

func newOperatorSysctls() operatorSysctls {
	return operatorSysctls{sysctl.NewApplied("/proc/sys"), map[string]bool{}}
}

// applyOperatorSysctls makes a person's settings before kubelet starts, which reads some of them only then. A setting
// that a word of the kernel command line gives stays. What does not count is named once.
func (h *host) applyOperatorSysctls(folders []string) {
	var rows []sysctl.Setting
	for _, folder := range folders {
		text, err := plainfile.Read(folder, sysctlFile, maxSysctls)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		file := folder + "/" + sysctlFile
		if err != nil {
			h.refuseSysctl(sysctl.Failure{Name: "all of it", Err: err}, file)
			continue
		}
		own, failed := sysctl.ParseOperator(string(text))
		for _, each := range failed {
			h.refuseSysctl(each, file)
		}
		rows = sysctl.Over(rows, own)
	}
	for _, each := range h.sysctls.applied.Set(sysctl.Except(rows, h.options.Sysctls)) {
		h.refuseSysctl(each, sysctlFile)
	}
}

func (h *host) refuseSysctl(failure sysctl.Failure, file string) {
	key := file + " " + failure.Name + " " + failure.Err.Error()
	if h.sysctls.said[key] {
		return
	}
	h.sysctls.said[key] = true
	h.log.Error("sysctl.refused", "name", failure.Name, "file", file, "cause", fault.New(fault.Sysctl, "apply "+failure.Name+" of "+file,
		"Correct it in the bootstrap document or on the medium; docs/settings.md says what counts. The rest is in force.", failure.Err))
}
