// Package stage2 is process 1 in the root: it prepares the host, runs containerd and kubelet, and carries out commands.
package stage2

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/attest"
	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/cmdline"
	"kios.dev/init/internal/devlinks"
	"kios.dev/init/internal/esp"
	"kios.dev/init/internal/eventlog"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/hostlogs"
	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/modprobe"
	"kios.dev/init/internal/modules"
	"kios.dev/init/internal/mounts"
	"kios.dev/init/internal/overview"
	"kios.dev/init/internal/powerbutton"
	"kios.dev/init/internal/repeat"
	"kios.dev/init/internal/shutdown"
	"kios.dev/init/internal/stage1"
	"kios.dev/init/internal/staticpods"
	"kios.dev/init/internal/supervise"
	"kios.dev/init/internal/watchdog"
)

const (
	runDir   = "/run/kios"
	dataDir  = "/lib/kios/data" // mount point of the data partition, or of RAM in its place
	storeDir = "/lib/kios/store"
)

// runDirs are made before the first pod starts, so that every pod can mount its own.
var runDirs = []mounts.Dir{
	{Path: hostlogs.Dir, Mode: 0o755}, {Path: runDir + "/host", Mode: 0o755}, {Path: runDir + "/control", Mode: 0o755}, {Path: runDir + "/net", Mode: 0o755},
	{Path: runDir + "/chrony", Mode: 0o755}, {Path: runDir + "/time", Mode: 0o755}, {Path: runDir + "/platform", Mode: 0o755},
	{Path: runDir + "/modules", Mode: 0o755}, {Path: runDir + "/seed", Mode: 0o755},
	{Path: metricsDir, Mode: 0o755}, {Path: esp.Shared, Mode: 0o700}, {Path: esp.Private, Mode: 0o700},
	// The place of udev's database, which this host does not have: charts of storage (Mayastor, OpenEBS) refuse a node
	// without the folder.
	{Path: "/run/udev", Mode: 0o755},
}

// ipv6Settings are the kernel's by link. A kernel started with ipv6.disable=1 has none, and the folder is then empty:
// the DHCP pod mounts it all the same.
var ipv6Settings = []mounts.Mount{
	{Source: "/proc/sys/net/ipv6/conf", Target: runDir + "/ipv6", Flags: unix.MS_BIND | mounts.Hard, Optional: true},
}

// host is the state of stage 2.
type host struct {
	log     *eventlog.Log
	phases  *phases
	options cmdline.Options
	modules *modules.Loader
	release release

	bootPart      string   // GUID of the partition booted from, or ""
	bootDevice    string   // its device, or ""
	argumentsRead bool     // kios/cmdline.txt was there in time
	archivesThere bool     // the medium has the folder kios/images
	imported      []string // repositories of images from the medium, in each form that a pod may write
	medium        string   // kernel name of the disk that belongs to the machine, or ""

	measured stage1.Measured // what the EFI file says of itself
	asked    asked           // what the medium asks for an encrypted data partition

	dataDevice       string // device of the data partition
	data, dataReason string // as in host.json
	outgrown         bool   // the data partition is larger than its file system
	machine          string // hash of its facts, or ""
	ownName          kubelet.Name
	pods             staticpods.Folder
	joined           bool // at boot
	moved            bool // the node joined on another machine

	setClock      func(time.Time) error
	reaper        *supervise.Reaper
	notify        *supervise.Notify
	containerd    *supervise.Child
	kubelet       *supervise.Child
	kubeletStarts int
	kubeletSwitch kubeletSwitch
	sysctls       operatorSysctls
	serving       serving
	grace         grace
	refused       refusedCheckpoints
	life          *life
	faults        *repeat.Faults
	stopping      atomic.Bool
	runtimeReady  chan struct{} // closed when containerd first serves
	proxy         runtimeProxy
	api           *hostapi.Server
	commands      chan hostapi.Command
	signals       <-chan hostapi.Command

	versions *versions

	overview       *overview.Watch
	overviewFailed bool // said once
}

// Run boots the node and serves commands. It never returns.
func Run(handover stage1.Handover, device *watchdog.Device) {
	h := &host{life: newLife(device), setClock: clock.Set, commands: make(chan hostapi.Command, 16), phases: newPhases(runDir+"/boot.json", handover.Times), reaper: supervise.NewReaper(), sysctls: newOperatorSysctls(), faults: repeat.New(), overview: overview.NewWatch(), measured: handover.Measured, signals: shutdownSignals()}
	defer func() {
		if cause := recover(); cause != nil {
			err := fault.New(fault.Panic, "run init", "Report this with the console's output.",
				fmt.Errorf("%v at %s", cause, panicSite(debug.Stack())))
			h.recordFault(err)
			Fatal(h.log, err)
		}
	}()
	if err := h.boot(); err != nil {
		h.recordFault(err)
		Fatal(h.log, err)
	}
	h.serve()
}

// panicSite returns init's first stack frame below the panic. The whole stack would be too long for a console.
func panicSite(stack []byte) string {
	_, below, _ := strings.Cut(string(stack), "panic(")
	for line := range strings.Lines(below) {
		if strings.Contains(line, "kios.dev/init/") && strings.HasPrefix(line, "kios.dev") {
			return strings.TrimSpace(line)
		}
	}
	return "an unknown place"
}

// boot takes the steps to running pods, in order. Steps that containerd does not need run while it starts.
func (h *host) boot() error {
	if err := h.mountAPI(); err != nil {
		return err
	}
	h.guardInit()
	drivers := h.loadDrivers()
	h.prepareKernel()
	if err := h.mountState(drivers); err != nil {
		return err
	}
	h.floorClockBySaved(savedTime)
	h.beginRun()
	if err := h.prepareStore(); err != nil {
		return err
	}
	if err := h.startContainerd(); err != nil {
		return err
	}
	go h.repeatFaults()
	if err := h.openAPI(); err != nil {
		return err
	}
	h.identify()
	seeds := h.mountSeeds(drivers)
	h.versions.seeded = seeds
	go func() {
		<-seeds // modules.erofs is mounted, if the machine has it
		h.loadNetworkCards()
	}()
	h.prepareKubelet()
	select {
	case <-seeds:
	case <-time.After(seedPatience):
		h.log.Warn("seed.late", "seconds", int(seedPatience.Seconds()), "note", "a volume may appear later than the pods that read it")
	}
	return h.startKubelet()
}

func (h *host) mountAPI() error {
	unix.Umask(0o022)
	var tableErr error
	h.modules, tableErr = modules.Open("/lib/kios/early-table", modules.Dir())
	if err := mounts.Apply(mounts.Root, nil); err != nil {
		return err
	}
	if err := mounts.Apply(mounts.API, h.modules.LoadFS); err != nil {
		return err
	}
	nodesErr := modprobe.MakeNodes(modprobe.Table, "/dev")
	if err := mounts.MakeDirs(runDirs); err != nil {
		return fault.New(fault.Mount, "make folders under /run", "Check the machine's memory.", err)
	}
	if err := mounts.Apply(ipv6Settings, nil); err != nil {
		return err
	}
	log, err := eventlog.Open(hostlogs.Dir, openConsoles())
	if err != nil {
		return fault.New(fault.Mount, "open the log", "Check the machine's memory.", err)
	}
	h.log = log
	log.Watch(h.overview.Line)
	h.options = cmdline.Parse(readLine("/proc/cmdline"))
	h.openLogPort()
	h.release, err = readRelease("/etc/kios/release.json")
	if err != nil {
		log.Warn("release.unknown", "cause", fault.New(fault.Release, "read /etc/kios/release.json", "Build the image again.", err))
	}
	h.readVersions()
	log.Info("init.start", "version", h.release.Version, "kernel", readLine("/proc/sys/kernel/osrelease"))
	log.Info("root.mounted", "phases", h.phases.list())
	if tableErr != nil {
		log.Error("modules.table", "cause", fault.New(fault.Module, "read the early module table", "Build the image again.", tableErr))
	}
	if nodesErr != nil {
		log.Warn("host.failed", "what", "device nodes", "cause", nodesErr)
	}
	h.phases.reached("api")
	return nil
}

func (h *host) openAPI() error {
	api, err := hostapi.Listen("/run", h.log, func(c hostapi.Command) { h.commands <- c })
	if err != nil {
		return fault.New(fault.HostAPI, "listen on the control sockets", "Report this.", err)
	}
	h.api = api
	if err := h.openESP(); err != nil {
		return fault.New(fault.HostAPI, "listen on /run/"+esp.Socket, "Report this.", err)
	}
	if err := h.openAttest(); err != nil {
		return fault.New(fault.HostAPI, "listen on /run/"+attest.Socket, "Report this.", err)
	}
	return nil
}

// openLogPort may be called again before a child runs, when more options are known.
func (h *host) openLogPort() {
	if h.options.LogPort == "" {
		h.log.Configure(h.options.ConsoleAll, nil)
		return
	}
	port, err := os.OpenFile(h.options.LogPort, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		h.log.Configure(h.options.ConsoleAll, nil)
		h.log.Warn("logport.failed", "cause", err)
		return
	}
	h.log.Configure(h.options.ConsoleAll, port)
}

// loadDrivers loads the drivers of disks in the background. The channel is closed when it is done.
func (h *host) loadDrivers() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.modules.LoadDevices(); err != nil {
			h.log.Warn("modules.failed", "cause", fault.New(fault.Module, "load early drivers", "Build the image again; a disk may be missing until then.", err))
		}
	}()
	return done
}

func (h *host) prepareKubelet() {
	h.serveAs(kubelet.Make(kubelet.ReadFiles("/etc"), h.ownName).Name.Host)
	go h.renewServingPair()
	h.mendPodLogs()
	h.forgetCheckpoints()
	h.writeReservations() // while containerd starts, so that kubelet need not wait for the disk
	h.saveBoot()
}

// saveBoot writes boot.json with the phases reached so far.
func (h *host) saveBoot() {
	if err := h.phases.save(nil); err != nil {
		h.log.Warn("boot.json", "cause", err)
	}
}

// serve carries out commands until one ends the machine.
func (h *host) serve() {
	go devlinks.Keep(func(err error) { h.log.Warn("links.failed", "cause", err) }) // no earlier: kubelet needs none
	go h.followKernel()
	go h.keepOverview()
	go h.keepVersions()
	h.saveBoot()
	h.log.Info("boot.done", "phases", h.phases.list())
	beats := h.startLife()
	go h.tellLastRun()
	h.kubeletSwitch.due = make(chan struct{})
	presses := powerbutton.Presses()
	e := ending{machine: h}
	for {
		var command hostapi.Command
		select {
		case <-beats:
			h.beat(time.Now()) // the tick itself may have waited
			continue
		case <-h.kubeletSwitch.due:
			h.kubeletSwitch.begun = false
			if !e.isEndingPods() {
				h.kubelet.Restart()
			}
			continue
		case command = <-h.commands:
		case command = <-h.signals:
		case <-presses:
			command = shutdown.Press(e.state)
			h.log.Info("power-button.pressed")
		case <-e.soft:
			command = hostapi.ContinueShutdown
		case pods := <-e.pods:
			e.finish(pods)
		}
		switch {
		case command == hostapi.RestartKubelet && !e.isEndingPods():
			h.kubeletSwitch.begin(h.awaitStarts)
		case command == hostapi.RestartRuntime && !e.isEndingPods():
			h.containerd.Restart()
		default:
			e.take(command)
		}
	}
}
