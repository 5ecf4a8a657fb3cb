package stage2

import (
	"errors"
	"os"
	"strings"
	"time"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/cmdline"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/seed"
)

const (
	// seedPatience bounds the delay that a broken USB stick can cause.
	seedPatience = 10 * time.Second
	// movePatience is how long the seeds of another machine have to lead to a new document. Until then a reboot mounts
	// them again.
	movePatience = 5 * time.Minute

	metaDir = dataDir + "/meta"
	// machineFile in metaDir holds the hash of the facts of the machine on which the node joined its cluster.
	machineFile = "machine"
)

func (h *host) mountSeeds(drivers <-chan struct{}) <-chan struct{} {
	done := make(chan struct{})
	from := h.seedsFrom()
	go func() {
		defer close(done)
		<-drivers // the seed may be on a disk that appears later than the data partition
		network := seed.MountAll(from, h.modules.LoadFS, h.log)
		h.takeNetworkFile(network, from.OnlyDisk, metaDir, runDir+"/host")
		h.takeSettings(seed.BootDir, runDir+"/host")
		h.reportLateArguments(seed.BootDir)
		h.reportLateArchives(seed.BootDir)
	}()
	return done
}

// mediumSettings are the files of the medium that init copies: dhcp.yaml for the DHCP client, whose pod sees nothing
// else of the medium, which holds secrets; sysctl.conf for itself, at later starts of kubelet.
var mediumSettings = []string{"dhcp.yaml", sysctlFile}

func (h *host) takeSettings(from, to string) {
	for _, name := range mediumSettings {
		content, err := plainfile.Read(from, name, seed.MaxNetwork)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = atomicfile.Write(to+"/"+name, content, 0o644)
		}
		if err != nil {
			h.log.Warn("seed.failed", "label", "boot", "cause", fault.New(fault.Seed, "take kios/"+name+" of the medium",
				"Write the file again; it has at most 64 KiB.", err))
		}
	}
}

// seedsFrom returns which volumes may hold a seed. A joined node takes none from a disk that it did not boot from,
// because a pod can bring one: a volume of its own.
func (h *host) seedsFrom() seed.From {
	if h.moved = h.joined && hasMoved(metaDir, h.machine); h.moved {
		h.log.Warn("machine.changed", "note", "the node joined its cluster on another machine; seeds are mounted as at a first boot")
	}
	return seed.From{BootPart: h.bootPart, Boot: h.bootDevice, Disk: h.medium, OnlyDisk: h.joined && !h.moved, Named: namesProvider(), Look: h.mountModules}
}

// namesProvider returns whether the kernel command line, or a person's words on the medium, say where user data comes
// from.
func namesProvider() bool {
	words, _ := os.ReadFile(agentArguments)
	return cmdline.NamesProvider(readLine("/proc/cmdline")) || cmdline.NamesProvider(string(words))
}

// recordMachine keeps the machine's hash when kubelet starts in cluster mode.
func (h *host) recordMachine() {
	write := func() {
		if err := writeMachine(metaDir, h.machine); err != nil {
			h.log.Warn("machine.record", "cause", err)
		}
	}
	if h.moved {
		time.AfterFunc(movePatience, write)
	} else {
		write()
	}
}

// isJoined reports whether the node whose /etc is at etc has joined a cluster.
func isJoined(etc string) bool {
	info, err := os.Lstat(etc + "/kubernetes/kubelet.conf")
	return err == nil && info.Mode().IsRegular()
}

// hasMoved reports whether the node joined on a machine with another hash. Without a record it has not.
func hasMoved(dir, machine string) bool {
	was, err := plainfile.Read(dir, machineFile, 128)
	return err == nil && strings.TrimSpace(string(was)) != machine
}

func writeMachine(dir, machine string) error {
	text := machine + "\n"
	if was, err := plainfile.Read(dir, machineFile, 128); err == nil && string(was) == text {
		return nil
	}
	return atomicfile.Write(dir+"/"+machineFile, []byte(text), 0o644)
}
