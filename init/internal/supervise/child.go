package supervise

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/fault"
)

// Spec describes one start of a child. It is built before each start, so that files are read again.
type Spec struct {
	Args []string // Args[0] is the path
	Env  []string
	// Started is called right after the start, Ended after the end.
	Started, Ended func(pid int)
}

// Log is the part of the event log that supervision needs.
type Log interface {
	Info(event string, fields ...any)
	Warn(event string, fields ...any)
	Error(event string, fields ...any)
}

// Child is a program that is started again whenever it ends.
type Child struct {
	Name     string
	Spec     func(History) Spec
	Cgroup   string // folder of its cgroup, "" for init's own
	OOMScore int
	Output   *os.File
	Log      Log

	Reaper  *Reaper
	restart chan struct{}
	stop    chan time.Duration
	stopped chan struct{}
	once    sync.Once
	retired atomic.Bool
}

// grace is the time that a child has to end before a requested restart kills it.
const grace = 10 * time.Second

// Run starts supervising in the background.
func (c *Child) Run() {
	c.restart = make(chan struct{}, 1)
	c.stop = make(chan time.Duration, 1)
	c.stopped = make(chan struct{})
	go c.loop()
}

// Restart requests a restart. Requests that arrive before it happens become one.
func (c *Child) Restart() {
	select {
	case c.restart <- struct{}{}:
	default:
	}
}

// Retire makes the present process the last one: whatever ends it, none follows.
func (c *Child) Retire() { c.retired.Store(true) }

// Stop ends the child for good: SIGTERM, and SIGKILL after limit.
func (c *Child) Stop(limit time.Duration) {
	c.Retire() // it may end by itself at the same time
	c.once.Do(func() { c.stop <- limit })
	<-c.stopped
}

func (c *Child) loop() {
	defer close(c.stopped)
	var history History
	var lastRequested time.Time
	for {
		exit, goOn := c.live(history, &lastRequested)
		if !goOn {
			return
		}
		var wait time.Duration
		wait, history = NextRestart(history, exit)
		c.logExit(exit, wait)
		requested, goOn := c.pause(wait)
		if !goOn || c.retired.Load() {
			return
		}
		if requested {
			history = History{Served: true}
		}
	}
}

// pause waits before a start. A requested restart ends the wait early. goOn is false when the child is to stop.
func (c *Child) pause(wait time.Duration) (requested, goOn bool) {
	if wait == 0 {
		return false, true
	}
	select {
	case <-time.After(wait):
		return false, true
	case <-c.restart:
		return true, true
	case <-c.stop:
		return false, false
	}
}

// live starts the child and waits until it ends, by itself or by a request. It returns false when the child is to stop.
func (c *Child) live(history History, lastRequested *time.Time) (exit Exit, goOn bool) {
	select {
	case <-c.restart: // requested before this start, which fulfils it
	default:
	}
	born, spec := time.Now(), c.Spec(history)
	pid, ended, err := c.start(spec)
	if err != nil {
		c.Log.Error("child.failed", "child", c.Name, "cause",
			fault.New(fault.Start, "start "+c.Name, "The root image is damaged: flash it again.", err))
		return Exit{Code: 127}, true
	}
	spec.Started(pid)
	defer spec.Ended(pid)
	var due <-chan time.Time // set while a requested restart waits
	for {
		select {
		case status := <-ended:
			return exitOf(status, born, false), true
		case <-c.restart:
			if due == nil && !c.retired.Load() {
				due = time.After(RequestDelay(*lastRequested, time.Now()))
			}
		case <-due:
			*lastRequested = time.Now()
			return exitOf(terminate(pid, ended, grace), born, true), true
		case limit := <-c.stop:
			terminate(pid, ended, limit)
			return Exit{}, false
		}
	}
}

// terminate sends SIGTERM, and SIGKILL after limit.
func terminate(pid int, ended <-chan syscall.WaitStatus, limit time.Duration) syscall.WaitStatus {
	unix.Kill(pid, unix.SIGTERM)
	select {
	case status := <-ended:
		return status
	case <-time.After(limit):
		unix.Kill(pid, unix.SIGKILL)
		return <-ended
	}
}

func (c *Child) start(spec Spec) (int, <-chan syscall.WaitStatus, error) {
	null, err := os.OpenFile("/dev/null", os.O_RDONLY, 0)
	if err != nil {
		return 0, nil, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Dir: "/", Env: spec.Env,
		Files: []uintptr{null.Fd(), c.Output.Fd(), c.Output.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	if c.Cgroup != "" {
		group, err := os.Open(c.Cgroup)
		if err != nil {
			return 0, nil, err
		}
		defer group.Close()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(group.Fd())
	}
	pid, ended, err := c.Reaper.Start(spec.Args[0], spec.Args, attr)
	if err != nil {
		return 0, nil, err
	}
	score := []byte(strconv.Itoa(c.OOMScore))
	if err := os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", score, 0); err != nil {
		c.Log.Warn("child.oom", "child", c.Name, "cause", err)
	}
	return pid, ended, nil
}

func exitOf(status syscall.WaitStatus, born time.Time, requested bool) Exit {
	exit := Exit{Code: status.ExitStatus(), Lived: time.Since(born), Requested: requested}
	if status.Signaled() {
		exit.Signal = unix.SignalName(status.Signal())
	}
	return exit
}

func (c *Child) logExit(exit Exit, wait time.Duration) {
	log := c.Log.Warn
	if exit.Requested {
		log = c.Log.Info
	}
	log("child.exit", "child", c.Name, "code", exit.Code, "signal", exit.Signal, "backoffMs", wait.Milliseconds())
}
