// Package journal shows the host's logs. As journalctl it answers the command lines with which kubelet's NodeLogQuery
// calls that program, and no other. As node-log it prints one log and follows it, in a pod.
package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"kios.dev/init/internal/clock"
	"kios.dev/init/internal/hostlogs"
)

// CommandName is the name under which kubelet executes the program.
const CommandName = "journalctl"

const (
	exitOK    = 0
	exitUsage = 1
)

// node is the machine whose logs are shown.
type node struct {
	dir    string // of this boot's logs
	bootID string
	name   string
	zero   time.Time // at which the boot clock was 0, by the clock of now
}

// Command runs `journalctl` with these arguments and returns the exit code.
func Command(args []string, out, errOut io.Writer) int {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	name, _ := os.Hostname()
	n := node{hostlogs.Dir, strings.TrimSpace(string(id)), name, time.Now().Round(0).Add(-clock.Uptime())}
	return n.command(args, out, errOut)
}

func (n node) command(args []string, out, errOut io.Writer) int {
	if slices.Equal(args, listing) {
		// kubelet takes a name as a service if it finds NAME.service here.
		for _, name := range hostlogs.Names {
			fmt.Fprintln(out, name+".service")
		}
		return exitOK
	}
	q, err := parse(args)
	if err == nil {
		err = n.show(q, out)
	}
	if err != nil {
		fmt.Fprintf(errOut, "%s: %v\n", CommandName, err)
		return exitUsage
	}
	return exitOK
}

// shown is a boot whose logs are shown.
type shown struct {
	dir     string
	record  hostlogs.Record
	current bool
	zero    time.Time // zero for one that did not keep it
	sources []*source
}

// boots returns those that the query asks for, the oldest first, and why earlier ones are not among them.
func (n node) boots(q query) (all []shown, lost, err error) {
	kept, lost := hostlogs.List(filepath.Join(n.dir, hostlogs.Boots))
	for _, boot := range kept {
		if boot.BootID == n.bootID {
			continue // it is in RAM too
		}
		zero, _ := boot.Zero()
		all = append(all, shown{dir: boot.Path, record: boot.Record, zero: zero})
	}
	all = append(all, shown{dir: n.dir, record: hostlogs.Record{BootID: n.bootID}, current: true, zero: n.zero})
	at := len(all) - 1 + q.boot
	switch {
	case q.boot == every:
		return all, lost, nil
	case q.boot < 0 && lost != nil:
		return nil, nil, lost
	case at < 0:
		return nil, nil, fmt.Errorf("the node keeps no boot %d; the oldest is %d", q.boot, 1-len(all))
	}
	return all[at : at+1], nil, nil
}

// show writes the entries of a query. It reads them twice if only the last are wanted, so that it never holds them. A
// disk that fails does not hide the logs that are in RAM.
func (n node) show(q query, to io.Writer) error {
	boots, lost, err := n.boots(q)
	if err != nil {
		return err
	}
	for i := range boots {
		defer boots[i].close()
		err := boots[i].open(q.units)
		if err != nil && (boots[i].current || len(boots) == 1) {
			return err
		}
		lost = errors.Join(lost, err)
	}
	skip := 0
	if q.lines >= 0 {
		each(boots, q, func(shown, entry, time.Time) { skip++ })
		skip -= min(skip, q.lines)
	}
	p := printer{to: bufio.NewWriter(to), node: n.name}
	if lost != nil {
		fmt.Fprintf(p.to, "-- Logs of earlier boots cannot be read: %s --\n", printable(strings.ReplaceAll(lost.Error(), "\n", "; ")))
	}
	each(boots, q, func(b shown, e entry, at time.Time) {
		if skip > 0 {
			skip--
			return
		}
		p.print(b, e, at)
	})
	if !p.any {
		fmt.Fprintln(p.to, "-- No entries --")
	}
	return p.to.Flush()
}

// open opens the logs among these units; any other has no lines.
func (b *shown) open(units []string) error {
	var failed []error
	for _, name := range hostlogs.Names {
		if len(units) > 0 && !slices.Contains(units, name) {
			continue
		}
		if s, err := openSource(b.dir, name); err != nil {
			failed = append(failed, err)
		} else {
			b.sources = append(b.sources, s)
		}
	}
	return errors.Join(failed...)
}

func (b *shown) close() {
	for _, s := range b.sources {
		s.close()
	}
}

// each calls do for the entries that a query matches, with their time: what the wall clock knew last, at the end of
// that boot or now, says when the boot clock was 0, also for lines from before it was set.
func each(boots []shown, q query, do func(shown, entry, time.Time)) {
	for _, b := range boots {
		merge(b.sources, func(e entry) {
			at := e.wall
			if !b.zero.IsZero() {
				at = b.zero.Add(time.Duration(e.up * float64(time.Second)))
			}
			if q.matches(e, at) {
				do(b, e, at)
			}
		})
	}
}

func (q query) matches(e entry, at time.Time) bool {
	switch {
	case !q.since.IsZero() && at.Before(q.since):
	case !q.until.IsZero() && at.After(q.until):
	case q.grep != nil && !q.grep.MatchString(e.text):
	default:
		return true
	}
	return false
}

// printer writes entries in the form short-precise of journalctl(1).
type printer struct {
	to   *bufio.Writer
	node string
	any  bool
	last hostlogs.Record
}

func (p *printer) print(b shown, e entry, at time.Time) {
	if p.any && b.record.BootID != p.last.BootID {
		if !p.last.Ordered() {
			fmt.Fprintf(p.to, "-- Boot %s did not end in order --\n", id(p.last))
		}
		fmt.Fprintf(p.to, "-- Boot %s --\n", id(b.record))
	}
	p.any, p.last = true, b.record
	fmt.Fprintf(p.to, "%s %s %s: %s\n", at.UTC().Format("Jan 02 15:04:05.000000"), p.node, e.unit, printable(e.text))
}

// id writes a boot's identifier without hyphens, as journalctl does.
func id(r hostlogs.Record) string { return strings.ReplaceAll(r.BootID, "-", "") }

// printable makes a line harmless for a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\t' {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
