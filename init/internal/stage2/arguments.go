package stage2

import (
	"errors"
	"os"
	"slices"
	"strings"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/cmdline"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/machine"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/seed"
	"kios.dev/init/internal/sysctl"
)

const (
	// argumentsFile, in the folder for people, holds words for the kernel command line.
	argumentsFile = "cmdline.txt"
	maxArguments  = 4096 // bytes, as much as a command line has
	// agentArguments holds those that the agents carry out.
	agentArguments = runDir + "/host/arguments"
)

// argumentRemedy goes with every word that has no effect.
const argumentRemedy = "Use words of docs/medium.md; ./kios configure --kernel-argument checks them, and gives those to the kernel that only it can use."

// takeArguments reads the words that a person has put on the partition booted from, before the data partition is
// chosen, because one of the words names it. It returns whether there are any for init.
func (h *host) takeArguments(device string) bool {
	if device == "" {
		return false
	}
	var text []byte
	mounted := false
	err := seed.WithBoot(device, h.modules.LoadFS, func(folder string) (err error) {
		mounted = true
		h.archivesThere = hasArchives(folder)
		h.asked = readAsked(folder)
		text, err = plainfile.Read(folder, argumentsFile, maxArguments)
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	h.argumentsRead = true
	if !mounted {
		h.asked.unread = err
	}
	if err != nil {
		h.refuseArguments("read kios/"+argumentsFile, nil, err)
		return false
	}
	return h.useArguments(cmdline.ParseArguments(string(text)), readLine("/proc/cmdline"), machine.SecureBoot())
}

// useArguments takes the words that count.
func (h *host) useArguments(a cmdline.Arguments, line string, secureBoot bool) bool {
	if all := slices.Concat(a.Init, a.Agents, a.Kernel, a.Refused); secureBoot && len(all) > 0 {
		// A signed kernel does not take orders from a file that anybody may write.
		h.refuseArguments("use kios/"+argumentsFile, all, errors.New("Secure Boot is on, and the file is not signed"))
		return false
	}
	if len(a.Refused) > 0 {
		h.refuseArguments("use all of kios/"+argumentsFile, a.Refused, errors.New("these words are unknown, or have no such value"))
	}
	unused := slices.DeleteFunc(slices.Clone(a.Kernel), func(word string) bool { return cmdline.Has(line, word) })
	if len(unused) > 0 {
		h.refuseArguments("use all of kios/"+argumentsFile, unused, errors.New("only the kernel can use these words, at its start, and did not get them"))
	}
	if err := h.passArguments(a.Agents); err != nil {
		h.refuseArguments("pass words of kios/"+argumentsFile+" on", a.Agents, err)
	}
	if taken := slices.Concat(a.Init, a.Agents); len(taken) > 0 {
		h.log.Info("arguments.taken", "names", cmdline.Names(taken))
	}
	before := h.options
	h.options = cmdline.Parse(a.Before(line))
	h.setSysctls(sysctl.Except(a.Settings(), before.Sysctls))
	if h.options.ConsoleAll != before.ConsoleAll || h.options.LogPort != before.LogPort {
		h.openLogPort()
	}
	return len(a.Init) > 0
}

// setSysctls applies a person's settings, over init's own.
func (h *host) setSysctls(rows []sysctl.Setting) {
	for _, row := range rows {
		if err := sysctl.Write("/proc/sys/"+row.Name, row.Value); err != nil {
			h.refuseArguments("apply a setting of kios/"+argumentsFile, []string{"sysctl." + strings.ReplaceAll(row.Name, "/", ".")}, err)
		}
	}
}

func (h *host) passArguments(words []string) error {
	if len(words) == 0 {
		return nil
	}
	return atomicfile.Write(agentArguments, []byte(strings.Join(words, " ")+"\n"), 0o600) // a URL may hold a password
}

func (h *host) refuseArguments(doing string, words []string, cause error) {
	h.log.Warn("arguments.refused", "names", cmdline.Names(words), "cause", fault.New(fault.Argument, doing, argumentRemedy, cause))
}

// reportLateArguments names words on a medium that appeared after the data partition was chosen.
func (h *host) reportLateArguments(folder string) {
	if text, err := plainfile.Read(folder, argumentsFile, maxArguments); err == nil && !h.argumentsRead {
		a := cmdline.ParseArguments(string(text))
		h.refuseArguments("use kios/"+argumentsFile, slices.Concat(a.Init, a.Agents, a.Kernel, a.Refused), errors.New("the medium appeared too late"))
	}
}
